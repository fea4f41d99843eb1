#include "cli/canned_api_test.hpp"
#include "cli/rollback.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

canned_api::script answers() {
  return {
      {"GET /desired", {{200, R"({"agents":[]})"}}},
      {"POST /plan",
       {{200, R"({"at":41,"changed":true,"changes":[{"path":"agents/a1.slots","before":8,"after":4}]})"}}},
      {"POST /rollback",
       {{200, R"({"revision":42,"changed":true,"remaining":[{"path":"agents/a2.slots","before":2,"after":6}]})"}}},
      {"GET /explain",
       {{200,
         R"({"items":[{"path":"agents/a2.slots","owner":{"source":{"kind":"file","name":"/etc/c.yaml"},"value":6,"since":3},"others":[]}]})"}}}};
}

TEST(RunRollback, ShowsItAndDoesItOnlyAsShown) {
  canned_api api(answers());
  test_console console;
  EXPECT_EQ(run_rollback({.management = api.address(), .to = 40, .yes = true}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "- agents/a1.slots: 8\n+ agents/a1.slots: 4\nrolled back: revision 42\n");
  EXPECT_EQ(console.noted(),
            "warning: agents/a2.slots: remains 6, was 2 at revision 40: file /etc/c.yaml decides it\n");
  EXPECT_THAT(api.asked(),
              ElementsAre("GET /desired?at=desired%4040&source=api", R"(POST /plan {"agents":[]})",
                          R"(POST /rollback "41" {"revision":40})", "GET /explain?path=agents%2Fa2.slots"));
}

TEST(RunRollback, WantsYesWhereItCannotAsk) {
  canned_api api(answers());
  test_console console("y\n");
  EXPECT_EQ(run_rollback({.management = api.address(), .to = 40}, console.terminal), exit_code::usage);
  EXPECT_THAT(console.noted(), HasSubstr("paddler rollback 40 --yes"));
  EXPECT_EQ(console.said(), "");
  EXPECT_THAT(api.asked(), testing::IsEmpty());
}

TEST(RunRollback, AsksOnATerminal) {
  for (auto const& [answer, code] : {std::pair{"y\n", exit_code::success}, std::pair{"YES\n", exit_code::success},
                                     std::pair{"n\n", exit_code::failure}, std::pair{"", exit_code::failure}}) {
    canned_api api(answers());
    test_console console(answer);
    console.terminal.in_is_terminal = true;
    EXPECT_EQ(run_rollback({.management = api.address(), .to = 40}, console.terminal), code) << answer;
    EXPECT_THAT(console.noted(), HasSubstr("Go back to revision 40? [y/N]"));
  }
}

TEST(RunRollback, ADryRunChangesNothing) {
  canned_api api(answers());
  test_console console;
  EXPECT_EQ(run_rollback({.management = api.address(), .to = 40, .dry = true}, console.terminal), exit_code::success);
  EXPECT_THAT(console.said(), HasSubstr("would go back to revision 40; nothing was changed (dry run)\n"));
  EXPECT_THAT(api.asked(), Not(Contains(HasSubstr("POST /rollback"))));
}

TEST(RunRollback, OfWhatIsSoAlreadyDoesNothing) {
  auto script = answers();
  script["POST /plan"] = {{200, R"({"at":41,"changed":false})"}};
  canned_api api(script);
  test_console console;
  EXPECT_EQ(run_rollback({.management = api.address(), .to = 40, .yes = true}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "unchanged: revision 41\n");
}

TEST(RunRollback, TellsWhatWentWrong) {
  auto script = answers();
  script["POST /rollback"] = {canned_api::problem(412, "at revision 42, not at 41")};
  canned_api moved(script);
  test_console first;
  EXPECT_EQ(run_rollback({.management = moved.address(), .to = 40, .yes = true}, first.terminal), exit_code::conflict);
  EXPECT_THAT(first.noted(), AllOf(HasSubstr("revision 42"), HasSubstr("Look at it again: paddler rollback 40")));
  script["GET /desired"] = {canned_api::problem(410, "folded away")};
  canned_api gone(script);
  test_console second;
  EXPECT_EQ(run_rollback({.management = gone.address(), .to = 1, .yes = true}, second.terminal), exit_code::not_found);
  script = answers();
  script["POST /plan"] = {canned_api::problem(422, "cannot be", {{"agents[0].model", "names 'x'", "", 0}})};
  canned_api impossible(script);
  test_console third;
  EXPECT_EQ(run_rollback({.management = impossible.address(), .to = 40, .yes = true}, third.terminal),
            exit_code::invalid);
  EXPECT_THAT(third.noted(), HasSubstr("revision 40: agents[0].model: names 'x'"));
}

} // namespace
} // namespace paddler
