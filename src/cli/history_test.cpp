#include "cli/canned_api_test.hpp"
#include "cli/history.hpp"
#include "runtime/clock.hpp"
#include "wire/rfc3339.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::string revision(int number, duration ago) {
  return R"({"number":)" + std::to_string(number) + R"(,"at":")" + print_rfc3339(wall_now() - ago) +
         R"(","source":{"kind":"api","name":""},"origin":{"actor":"anna","from":"10.0.0.7:1"},"said":[],
            "changes":[{"path":"agents/a1.slots","before":4,"after":8}],"more_changes":2,"agents":["a1"],"more_agents":0,"losses":[]})";
}

std::string page(std::vector<std::string> const& items) {
  std::string out = R"({"items":[)";
  for (auto const& item : items) out += (out.ends_with('[') ? "" : ",") + item;
  return out + R"(],"oldest":1,"revision":41})";
}

TEST(RunHistory, HasARowForEachRevision) {
  canned_api api({{"GET /revisions", {{200, page({revision(41, 5h), revision(40, 30h)})}}}});
  test_console console;
  EXPECT_EQ(run_history({.management = api.address(), .path = "agents/a1"}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "REVISION   AGE  SOURCE  WHO   FROM        CHANGES\n"
                            "      41    5h  api     anna  10.0.0.7:1  agents/a1.slots:4->8,+2\n"
                            "      40  1d6h  api     anna  10.0.0.7:1  agents/a1.slots:4->8,+2\n");
  EXPECT_THAT(api.asked(), ElementsAre("GET /revisions?limit=20&path=agents%2Fa1"));
}

TEST(RunHistory, GoesOnPageByPage) {
  std::vector<std::string> full;
  for (int i = 0; i < 1'000; ++i) full.push_back(revision(2'000 - i, 1h));
  canned_api api({{"GET /revisions?limit=1000", {{200, page(full)}}},
                  {"GET /revisions?limit=500&before=1001", {{200, page({revision(1'000, 2h)})}}}});
  test_console console;
  EXPECT_EQ(run_history({.management = api.address(), .limit = 1'500}, console.terminal), exit_code::success);
  EXPECT_EQ(api.asked().size(), 2U);
  EXPECT_EQ(std::ranges::count(console.said(), '\n'), 1'002);
}

TEST(RunHistory, EndsWhereTheyAreTooOld) {
  canned_api api({{"GET /revisions", {{200, page({revision(41, 1h), revision(40, 3h)})}}}});
  test_console console;
  EXPECT_EQ(run_history({.management = api.address(), .since = 2h, .output = output_format::json}, console.terminal),
            exit_code::success);
  EXPECT_THAT(console.said(), HasSubstr("\"number\": 41"));
  EXPECT_THAT(console.said(), testing::Not(HasSubstr("\"number\": 40")));
}

TEST(RunHistory, SaysWhereThereIsNone) {
  canned_api api({{"GET /revisions", {{200, page({})}}}});
  test_console console;
  EXPECT_EQ(run_history({.management = api.address(), .path = "agents/x"}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "");
  EXPECT_THAT(console.noted(), HasSubstr("changed agents/x"));
  test_console alone;
  EXPECT_EQ(run_history({.management = deserted_address()}, alone.terminal), exit_code::unreachable);
}

} // namespace
} // namespace paddler
