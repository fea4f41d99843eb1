#include "cli/greeting.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(greeting, of_up_says_where_everything_is) {
  EXPECT_EQ(
      print_up_greeting({"0.1.0", "/s/paddler", {"127.0.0.1:8061", "127.0.0.1:8060"}, "local", "2 cores, 7.8GiB"}),
      "paddler 0.1.0\n"
      "OpenAI API  http://127.0.0.1:8061/v1\n"
      "management  http://127.0.0.1:8060\n"
      "agent       local: 2 cores, 7.8GiB\n"
      "state       /s/paddler\n");
}

TEST(greeting, of_a_model_says_what_to_try) {
  auto const usual = print_model_greeting({"demo", 4, "0.4 s"}, {"127.0.0.1:8061", "127.0.0.1:8060"});
  EXPECT_THAT(usual, HasSubstr("model       demo, 4 slots, ready after 0.4 s\n"));
  EXPECT_THAT(usual, HasSubstr("\n  paddler chat \"What is a slot?\"\n"));
  EXPECT_THAT(usual, HasSubstr("curl http://127.0.0.1:8061/v1/chat/completions -H 'Content-Type: application/json' \\\n"
                               "    -d '{\"model\": \"demo\", "));
}

TEST(greeting, names_addresses_that_are_not_the_usual_ones) {
  balancer_addresses const at{"[::]:1", "0.0.0.0:2"};
  auto const text = print_model_greeting({"demo", 1, "0.4 s"}, at);
  EXPECT_THAT(text, HasSubstr("paddler chat --inference [::1]:1 \"What"));
  EXPECT_THAT(text, HasSubstr("paddler get slots --management 127.0.0.1:2\n"));
  EXPECT_THAT(text, HasSubstr("1 slot,"));
  EXPECT_THAT(print_no_model(at), HasSubstr("apply -f FILE.yaml --management 127.0.0.1:2\n"));
  EXPECT_THAT(print_no_model({"127.0.0.1:8061", "127.0.0.1:8060"}), Not(HasSubstr("--management")));
  EXPECT_THAT(print_balancer_greeting(at), HasSubstr("agents      paddler agent --balancer 0.0.0.0:2\n"));
}

} // namespace
} // namespace paddler
