#include "base/random.hpp"
#include "core/reconcile/log_check.hpp"
#include "core/reconcile/simulated_agent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

reconciliation entry(std::uint64_t number, reconcile_action action, std::uint64_t engine, std::string content,
                     std::string goal) {
  reconciliation out;
  out.number = number;
  out.action = action;
  out.engine = {engine};
  out.content = std::move(content);
  out.goal = {goal == "a" ? 1U : 2U};
  out.goal_content = std::move(goal);
  out.difference = "something differs";
  out.outcome = reconcile_outcome::done;
  out.observation = "it was seen";
  out.ended_after = number;
  return out;
}

constexpr auto load = reconcile_action::load;
constexpr auto admit = reconcile_action::admit;
constexpr auto drain = reconcile_action::drain;
constexpr auto unload = reconcile_action::unload;

std::vector<reconciliation> swap() {
  return {entry(1, load, 1, "a", "a"),  entry(2, admit, 1, "a", "a"), entry(3, load, 2, "b", "b"),
          entry(4, admit, 2, "b", "b"), entry(5, drain, 1, "a", "b"), entry(6, unload, 1, "a", "b")};
}

std::vector<std::string> findings(std::vector<reconciliation> const& log, log_end end = log_end::settled) {
  std::vector<std::string> out;
  for (auto const& finding : check_log(log, end, 2)) out.push_back(std::to_string(finding.entry) + ": " + finding.what);
  return out;
}

TEST(LogCheck, ASwapIsSound) { EXPECT_THAT(findings(swap()), IsEmpty()); }

TEST(LogCheck, FindsAnActionWithoutItsDifference) {
  auto log = swap();
  log[3].difference.clear();
  EXPECT_THAT(findings(log), ElementsAre("4: it was taken without a difference"));
}

TEST(LogCheck, FindsWhatWasNeverClosed) {
  auto log = swap();
  log[5].outcome = reconcile_outcome::open;
  EXPECT_THAT(findings(log), ElementsAre("6: it was never closed"));
  EXPECT_THAT(findings(log, log_end::running), IsEmpty());
  log = swap();
  log[0].observation.clear();
  EXPECT_THAT(findings(log), ElementsAre("1: it was closed without an observation"));
}

TEST(LogCheck, FindsAnUnloadBeforeTheDrain) {
  auto log = swap();
  log.erase(log.begin() + 4);
  EXPECT_THAT(findings(log), ElementsAre("6: its engine was not drained"));
}

TEST(LogCheck, FindsTwoEnginesOfOneContent) {
  auto log = swap();
  log[2].content = "a";
  log[3].content = "a";
  EXPECT_THAT(findings(log), ElementsAre("3: engine 1 has this content already"));
}

TEST(LogCheck, FindsTooManyEngines) {
  auto log = swap();
  log.resize(3);
  log.push_back(entry(4, load, 3, "c", "c"));
  EXPECT_THAT(findings(log), ElementsAre("4: there are 2 engines already"));
}

TEST(LogCheck, FindsAnAdmissionOfWhatDoesNotServe) {
  auto log = swap();
  log[2].outcome = reconcile_outcome::failed;
  EXPECT_THAT(findings(log), ElementsAre("4: its engine does not serve"));
}

TEST(LogCheck, FindsAnActionAfterEverythingWasAsWanted) {
  auto log = swap();
  log.push_back(entry(7, drain, 2, "b", "b"));
  EXPECT_THAT(findings(log), ElementsAre("7: everything was as wanted already"));
}

TEST(LogCheck, FindsAnActionForAGoalThatWasGivenUp) {
  std::vector<reconciliation> log = {entry(1, load, 1, "a", "a"),  entry(2, admit, 1, "a", "a"),
                                     entry(3, drain, 1, "a", "b"), entry(4, unload, 1, "a", "b"),
                                     entry(5, load, 2, "b", "b"),  entry(6, unload, 2, "b", "b"),
                                     entry(7, load, 3, "a", "b"),  entry(8, admit, 3, "a", "b")};
  log[4].outcome = reconcile_outcome::failed;
  log[5].gives_up = true;
  EXPECT_THAT(findings(log), IsEmpty());
  log.push_back(entry(9, drain, 3, "a", "b"));
  EXPECT_THAT(findings(log), ElementsAre("9: its goal was given up, and what serves in its place does"));
  log.back() = entry(9, load, 4, "b", "b");
  EXPECT_THAT(findings(log), IsEmpty()) << "it may be tried again beside what serves in its place";
  log[7] = entry(8, load, 4, "b", "b");
  log.pop_back();
  EXPECT_THAT(findings(log), ElementsAre("8: its goal was given up, and nothing serves in its place"));
}

TEST(LogCheck, FindsAnEngineThatIsNotThere) {
  auto log = swap();
  log.push_back(entry(7, unload, 9, "b", "c"));
  log.push_back(entry(8, drain, 2, "a", "c"));
  log.push_back(entry(8, drain, 2, "b", "c"));
  EXPECT_THAT(findings(log), ElementsAre("7: there is no engine 9", "8: its engine runs something else",
                                         "8: its number does not follow that of the entry before"));
}

TEST(LogCheck, FindsASecondUnload) {
  auto log = swap();
  log[5].outcome = reconcile_outcome::open;
  log.push_back(entry(7, unload, 1, "a", "b"));
  EXPECT_THAT(findings(log, log_end::running), ElementsAre("7: its engine was unloaded already"));
}

TEST(LogCheck, FindsWhatIsDoneOnceNothingIsWantedAndNothingIsThere) {
  auto log = swap();
  log.push_back(entry(7, drain, 2, "b", "none"));
  log.push_back(entry(8, unload, 2, "b", "none"));
  EXPECT_THAT(findings(log), IsEmpty());
  log.push_back(entry(9, load, 3, "b", "none"));
  EXPECT_THAT(findings(log), ElementsAre("9: everything was as wanted already"));
}

TEST(LogCheck, ARestartIsSoundWhereThereIsSomethingToRestart) {
  auto log = swap();
  log.push_back(entry(7, reconcile_action::restart, 2, "b", "b"));
  EXPECT_THAT(findings(log), IsEmpty()) << "whatever is wanted, a dead engine starts again";
  log.push_back(entry(8, reconcile_action::restart, 9, "b", "b"));
  EXPECT_THAT(findings(log), ElementsAre("8: there is no engine 9"));
}

TEST(LogCheck, FindsAnAdmissionBeforeTheLoadWasClosed) {
  auto log = swap();
  log[2].ended_after = 4; // closed only after the admission
  EXPECT_THAT(findings(log), ElementsAre("4: its engine does not serve"));
}

TEST(LogCheck, WhatWasWithdrawnMayBeAdmittedAgain) {
  auto log = swap();
  log.resize(5);
  log.push_back(entry(6, admit, 1, "a", "a"));
  log.push_back(entry(7, drain, 2, "b", "a"));
  log.push_back(entry(8, unload, 2, "b", "a"));
  EXPECT_THAT(findings(log), IsEmpty());
}

TEST(LogCheck, FindsABalancersActionInAnAgentsLog) {
  auto log = swap();
  log.push_back(entry(7, reconcile_action::deliver, 0, "b", "c"));
  EXPECT_THAT(findings(log), ElementsAre("7: it is a balancer's action"));
}

// A sound log from which one entry is missing is not sound: the checker is no rubber stamp.
TEST(LogCheck, MissesNoMissingLoadOrAdmission) {
  random_source random(7);
  int mutants = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    simulated_agent agent(seed);
    for (int i = 0; i < 6; ++i) {
      agent.want(1 + static_cast<int>(agent.random.below(first_bad_content - 1)));
      agent.settle();
    }
    auto log = agent.log();
    EXPECT_THAT(check_log(log, log_end::settled, max_engines), IsEmpty());
    auto const missing = log.begin() + static_cast<long>(random.below(log.size()));
    if (missing->action != load) continue;
    log.erase(missing);
    EXPECT_FALSE(check_log(log, log_end::settled, max_engines).empty());
    ++mutants;
  }
  EXPECT_GT(mutants, 20);
}

} // namespace
} // namespace paddler
