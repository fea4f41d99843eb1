#include "cli/canned_api_test.hpp"
#include "cli/drain.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string changed(std::string_view document, drain_command const& wanted) {
  return with_drain(document, wanted).value_or("refused");
}

drain_command drain_of(std::string agent, std::optional<std::int64_t> seconds = {}) {
  return {.agent = std::move(agent), .drain = true, .seconds = seconds};
}

drain_command undrain_of(std::string agent) { return {.agent = std::move(agent), .drain = false}; }

TEST(WithDrain, EverythingElseStaysAsItWas) {
  EXPECT_EQ(
      changed(R"({"agents":[{"id":"a1","slots":4},{"id":"a2"}],"models":[],"newer":{"x":1}})", drain_of("a1", 30)),
      R"({"agents":[{"id":"a1","slots":4,"drain":true,"drain_seconds":30},{"id":"a2"}],"models":[],"newer":{"x":1}})");
  EXPECT_EQ(changed(R"({"agents":[{"id":"a1","slots":4,"drain":true,"drain_seconds":30}]})", undrain_of("a1")),
            R"({"agents":[{"id":"a1","slots":4}]})");
}

TEST(WithDrain, AnAgentOfWhichNothingWasSaidGetsAnEntryAndLosesItAgain) {
  EXPECT_EQ(changed("{}", drain_of("a1")), R"({"agents":[{"id":"a1","drain":true}]})");
  EXPECT_EQ(changed(R"({"agents":[{"id":"a1","drain":true}]})", undrain_of("a1")), R"({"agents":[]})");
  EXPECT_EQ(changed(R"({"agents":[]})", undrain_of("a1")), R"({"agents":[]})");
  EXPECT_EQ(changed("[", drain_of("a1")), "refused");
}

TEST(DrainProgress, SaysWhatRuns) {
  agent_view agent;
  EXPECT_EQ(drain_progress(agent), "it is not connected");
  agent.connected = true;
  EXPECT_EQ(drain_progress(agent), "nothing runs there");
  agent.slots_busy = 1;
  EXPECT_EQ(drain_progress(agent), "1 request runs there");
  agent.slots_busy = 2;
  EXPECT_EQ(drain_progress(agent), "2 requests run there");
}

canned_answer agents_with(int busy) {
  return {200, R"({"items":[{"id":"a1","connected":true,"slots":4,"wanted":1,"applied":1,"slots_busy":)" +
                   std::to_string(busy) + R"(}],"revision":42})"};
}

canned_api::script answers() {
  return {{"GET /desired", {{200, R"({"agents":[]})"}}},
          {"PUT /desired", {{200, R"({"revision":42,"changed":true})"}}},
          {"GET /agents", {agents_with(2), agents_with(1), agents_with(0)}}};
}

TEST(RunDrain, ChangesDesiredStateAndWaitsUntilNothingRuns) {
  canned_api api(answers());
  test_console console;
  auto wanted = drain_of("a1", 5);
  wanted.management = api.address();
  EXPECT_EQ(run_drain(wanted, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "draining: revision 42\nagents/a1 is drained\n");
  EXPECT_THAT(console.noted(), testing::AllOf(HasSubstr("2 requests run there"), HasSubstr("1 request runs there"),
                                              HasSubstr("nothing runs there")));
  auto const asked = api.asked();
  EXPECT_EQ(asked.at(0), "GET /desired?source=api");
  EXPECT_EQ(asked.at(1), R"(PUT /desired "41" {"agents":[{"id":"a1","drain":true,"drain_seconds":5}]})");
}

TEST(RunDrain, IsTriedAgainWhereSomebodyElseChangedSomethingMeanwhile) {
  auto script = answers();
  script["PUT /desired"] = {canned_api::problem(412, "changed meanwhile"), {200, R"({"revision":43,"changed":true})"}};
  canned_api api(script);
  test_console console;
  auto wanted = drain_of("a1");
  wanted.management = api.address();
  wanted.wait = false;
  EXPECT_EQ(run_drain(wanted, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "draining: revision 43\n");
  EXPECT_EQ(api.asked().size(), 4U);
}

TEST(RunDrain, GivesUpWhereItNeverComesThrough) {
  auto script = answers();
  script["PUT /desired"] = {canned_api::problem(412, "changed meanwhile")};
  canned_api api(script);
  test_console console;
  auto wanted = drain_of("a1");
  wanted.management = api.address();
  EXPECT_NE(run_drain(wanted, console.terminal), exit_code::success);
  EXPECT_EQ(api.asked().size(), 16U) << "eight times";
  EXPECT_EQ(console.said(), "");
}

TEST(RunDrain, UndrainTakesItBack) {
  auto script = answers();
  script["GET /desired"] = {{200, R"({"agents":[{"id":"a1","drain":true}]})"}};
  canned_api api(script);
  test_console console;
  auto wanted = undrain_of("a1");
  wanted.management = api.address();
  EXPECT_EQ(run_drain(wanted, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "wanted again: revision 42\n");
  EXPECT_THAT(api.asked(), ElementsAre("GET /desired?source=api", R"(PUT /desired "41" {"agents":[]})"));
}

} // namespace
} // namespace paddler
