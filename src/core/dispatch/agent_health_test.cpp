// A breaker's states as timelines, and laws of it over random histories.
#include "base/random.hpp"
#include "core/dispatch/agent_health.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace paddler {
namespace {

using enum breaker_state;
using std::chrono::minutes;
using std::chrono::seconds;

class AgentHealth : public ::testing::Test {
protected:
  agent_model const x{{"x"}, "m"};
  breaker_policy policy{.jitter_percent = 0};
  agent_health it{policy};
  instant now{mono_time{seconds(100)}, wall_time{seconds(1'000)}};
  std::uint64_t bodies = 0;

  void pass(duration time) { now = {now.mono + time, now.wall + time}; }

  bool fails(agent_fault fault = agent_fault::lost, std::uint64_t body = 0) {
    return it.failed(x, it.began(x), fault, now, body);
  }

  void fail_times(int times) {
    for (int i = 0; i < times; ++i) fails(agent_fault::server_error, ++bodies);
  }

  void works() { it.worked(x, it.began(x), now); }

  [[nodiscard]] breaker_state state() const { return it.standing(x).value_or(breaker_standing{}).state; }

  // What was told, as "open half_open closed".
  std::string news() {
    std::string out;
    for (auto const& each : it.take_news())
      out += (out.empty() ? "" : " ") + std::string(each.now.state == closed ? "closed"
                                                    : each.now.state == open ? "open"
                                                                             : "half_open");
    return out;
  }
};

TEST_F(AgentHealth, OVR_10_FiveFailuresInARowThirtySecondsOneProbeTwoSuccesses) {
  fail_times(4);
  EXPECT_TRUE(it.takes(x));
  EXPECT_EQ(news(), "");
  fail_times(1);
  EXPECT_FALSE(it.takes(x));
  EXPECT_EQ(it.standing(x), (breaker_standing{open, 5, agent_fault::server_error, now.wall + seconds(30)}));
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(30));
  pass(seconds(29));
  EXPECT_TRUE(it.expire(now).empty());
  pass(seconds(1));
  EXPECT_EQ(it.expire(now), std::vector{x});
  EXPECT_EQ(state(), half_open);
  EXPECT_TRUE(it.takes(x));
  auto const probe = it.began(x);
  EXPECT_FALSE(it.takes(x)) << "one at a time";
  it.worked(x, probe, now);
  EXPECT_EQ(state(), half_open) << "one is not enough";
  EXPECT_TRUE(it.takes(x));
  works();
  EXPECT_EQ(state(), closed);
  EXPECT_EQ(news(), "open half_open closed");
}

TEST_F(AgentHealth, OneThatWorksBeginsTheRowAnew) {
  for (int i = 0; i < 20; ++i) {
    fail_times(4);
    works();
    EXPECT_FALSE(it.standing(x)) << "nothing is remembered";
  }
  EXPECT_FALSE(it.next_deadline());
}

TEST_F(AgentHealth, AProbeThatFailsOpensItForTwiceAsLongUpToALimit) {
  fail_times(5);
  for (auto const time : {30, 60, 120, 240, 300, 300}) {
    EXPECT_EQ(it.next_deadline(), now.mono + seconds(time));
    pass(seconds(time));
    it.expire(now);
    fail_times(1);
  }
  EXPECT_EQ(news(), "open half_open open half_open open half_open open half_open open half_open open half_open open");
}

TEST_F(AgentHealth, ATimeIsForgottenWhereItWorkedLongEnough) {
  fail_times(5);
  pass(seconds(30));
  it.expire(now);
  works();
  works();
  pass(minutes(9));
  fail_times(5);
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(60)) << "it is remembered still";
  pass(seconds(60));
  it.expire(now);
  works();
  works();
  pass(minutes(10));
  it.expire(now);
  EXPECT_FALSE(it.standing(x));
  fail_times(5);
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(30));
}

TEST_F(AgentHealth, FailuresLongAgoAreForgotten) {
  fail_times(4);
  pass(minutes(10));
  it.expire(now);
  fail_times(1);
  EXPECT_EQ(state(), closed);
  EXPECT_EQ(it.standing(x)->failures, 1U);
}

TEST_F(AgentHealth, WhoIsAskedForNothingForLongIsTakenToBeWell) {
  fail_times(5);
  pass(seconds(30));
  it.expire(now);
  auto const probe = it.began(x);
  pass(minutes(10));
  EXPECT_TRUE(it.expire(now).empty()) << "the probe is still on its way";
  it.passed(x, probe);
  pass(minutes(10));
  EXPECT_EQ(it.expire(now), std::vector{x});
  EXPECT_EQ(news(), "open half_open closed");
  EXPECT_FALSE(it.next_deadline());
}

TEST_F(AgentHealth, OneEngineThatDiesTakesAllItsRequestsAlong) {
  for (int round = 1; round <= 5; ++round) {
    EXPECT_EQ(state(), closed);
    std::vector<begin_number> aboard;
    for (int i = 0; i < 16; ++i) aboard.push_back(it.began(x));
    for (auto const each : aboard) it.failed(x, each, agent_fault::lost, now);
    EXPECT_EQ(it.standing(x)->failures, static_cast<std::uint64_t>(round));
  }
  EXPECT_EQ(state(), open);
}

TEST_F(AgentHealth, WhatBeganBeforeItOpenedSaysNothing) {
  auto const early = it.began(x);
  fail_times(5);
  pass(seconds(30));
  it.expire(now);
  it.worked(x, early, now);
  it.failed(x, early, agent_fault::lost, now);
  EXPECT_EQ(state(), half_open);
  works();
  EXPECT_EQ(state(), half_open);
  works();
  EXPECT_EQ(state(), closed);
}

TEST_F(AgentHealth, AServerErrorOfOneBodyMayBeTheBodysFault) {
  for (int i = 0; i < 100; ++i) fails(agent_fault::server_error, 7);
  EXPECT_EQ(it.standing(x)->failures, 1U);
  for (std::uint64_t body = 8; body <= 10; ++body) fails(agent_fault::server_error, body);
  EXPECT_EQ(state(), closed);
  fails(agent_fault::silent);
  EXPECT_EQ(state(), open);
  EXPECT_EQ(it.standing(x)->last, agent_fault::silent);
}

TEST_F(AgentHealth, WhatSaysNothingMovesNothingButEndsTheProbe) {
  for (int i = 0; i < 1'000; ++i) it.passed(x, it.began(x));
  EXPECT_FALSE(it.standing(x));
  fail_times(4);
  for (int i = 0; i < 1'000; ++i) it.passed(x, it.began(x));
  EXPECT_EQ(it.standing(x)->failures, 4U);
  fail_times(1);
  pass(seconds(30));
  it.expire(now);
  it.passed(x, it.began(x));
  EXPECT_EQ(state(), half_open);
  EXPECT_TRUE(it.takes(x)) << "the next one is the probe";
}

TEST_F(AgentHealth, WhatAnOpenOneIsGivenAllTheSameCountsLikeAProbe) {
  fail_times(5);
  works();
  fail_times(1);
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(30)) << "it is not put off";
  works();
  EXPECT_EQ(state(), open) << "in a row";
  works();
  EXPECT_EQ(state(), closed);
  EXPECT_EQ(news(), "open closed");
}

TEST_F(AgentHealth, WhatIsForgivenDidNotCount) {
  fail_times(4);
  EXPECT_TRUE(fails());
  EXPECT_EQ(state(), open);
  it.forgive(x, now);
  EXPECT_EQ(state(), closed);
  EXPECT_EQ(it.standing(x)->failures, 4U);
  for (int i = 0; i < 9; ++i) it.forgive(x, now);
  EXPECT_FALSE(it.standing(x));
  EXPECT_TRUE(it.by_due("m").empty());
}

TEST_F(AgentHealth, EachModelOfAnAgentIsJudgedByItself) {
  fail_times(5);
  EXPECT_TRUE(it.takes({{"x"}, "n"}));
  EXPECT_TRUE(it.takes({{"y"}, "m"}));
}

TEST_F(AgentHealth, WhoIsDueFirstIsFirst) {
  for (std::string const agent : {"c", "a", "b"}) {
    for (int i = 0; i < 5; ++i) it.failed({{agent}, "m"}, it.began({{agent}, "m"}), agent_fault::lost, now);
    pass(seconds(1));
  }
  std::string order;
  for (auto const& [due, agent] : it.by_due("m")) order += agent.value;
  EXPECT_EQ(order, "cab");
  EXPECT_TRUE(it.by_due("n").empty());
}

TEST_F(AgentHealth, JitterSpreadsAgentsAndNeverShortens) {
  policy.jitter_percent = 10;
  it = agent_health(policy);
  std::set<mono_time> due;
  for (int i = 0; i < 50; ++i) {
    agent_model const where{{"a" + std::to_string(i)}, "m"};
    for (int n = 0; n < 5; ++n) it.failed(where, it.began(where), agent_fault::lost, now);
  }
  for (auto const& [at, agent] : it.by_due("m")) {
    EXPECT_GE(at, now.mono + seconds(30));
    EXPECT_LE(at, now.mono + seconds(33));
    due.insert(at);
  }
  EXPECT_GT(due.size(), 40U);
}

TEST_F(AgentHealth, NoMoreAreRememberedThanTheLimit) {
  policy.max_remembered = 3;
  it = agent_health(policy);
  for (int i = 0; i < 10; ++i) {
    agent_model const where{{"a" + std::to_string(i)}, "m"};
    for (int n = 0; n < 5; ++n) it.failed(where, it.began(where), agent_fault::lost, now);
  }
  EXPECT_EQ(it.by_due("m").size(), 3U);
}

// --- laws ---

// Whatever happens: it opens only by failures in a row, an open one is half-open in time, takes() is what the state
// says, at most one probe is on its way where nobody forces another one, states change as told and only so, and the
// same again goes the same way.
class random_life {
public:
  explicit random_life(std::uint64_t seed) : random_(seed) {}

  void run() {
    for (int step = 0; step < 400; ++step) {
      now_ = {now_.mono + seconds(random_.below(20)), now_.wall + seconds(1)};
      it_.expire(now_);
      next();
      look();
    }
  }

  [[nodiscard]] std::vector<breaker_state> const& told(std::string const& agent) { return told_[agent]; }

  std::size_t opened = 0;

private:
  void next() {
    agent_model const where{{std::string(1, static_cast<char>('a' + random_.below(3)))}, "m"};
    auto& agent = agents_[where.agent.value];
    if (random_.below(2) == 0 && (it_.takes(where) || random_.below(4) == 0)) {
      agent.aboard.push_back(it_.began(where));
      return;
    }
    if (agent.aboard.empty()) return;
    auto const number = agent.aboard[random_.below(agent.aboard.size())];
    std::erase(agent.aboard, number);
    switch (random_.below(5)) {
    case 0:
      it_.worked(where, number, now_);
      agent.failures = 0;
      break;
    case 1: it_.passed(where, number); break;
    default: agent.failures += it_.failed(where, number, agent_fault::lost, now_) ? 1 : 0;
    }
  }

  void look() {
    for (auto const& [where, standing] : it_.take_news()) {
      auto& told = told_[where.agent.value];
      auto const before = told.empty() ? closed : told.back();
      EXPECT_NE(before, standing.state);
      EXPECT_EQ(standing.until.has_value(), standing.state == open);
      if (standing.state == half_open) EXPECT_EQ(before, open);
      if (standing.state == open && before == closed) EXPECT_GE(agents_[where.agent.value].failures, 5U);
      opened += standing.state == open ? 1 : 0;
      told.push_back(standing.state);
    }
    std::size_t unwell = 0;
    for (std::string const agent : {"a", "b", "c"}) {
      auto const state = it_.standing({{agent}, "m"}).value_or(breaker_standing{}).state;
      auto const told = told_[agent].empty() ? closed : told_[agent].back();
      EXPECT_EQ(state, told);
      if (state != half_open) EXPECT_EQ(it_.takes({{agent}, "m"}), state == closed);
      unwell += state == closed ? 0 : 1;
    }
    EXPECT_EQ(it_.by_due("m").size(), unwell);
    if (auto const next = it_.next_deadline()) EXPECT_GT(*next, now_.mono);
  }

  struct agent {
    std::vector<begin_number> aboard;
    std::uint64_t failures = 0; // since it worked last
  };

  random_source random_;
  agent_health it_{{}};
  instant now_{mono_time{seconds(1)}, wall_time{seconds(1)}};
  std::map<std::string, agent> agents_;
  std::map<std::string, std::vector<breaker_state>> told_;
};

TEST(AgentHealthLaws, StatesGoTheirWayAndOnlyIt) {
  std::size_t opened = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_life first(seed), again(seed);
    first.run();
    again.run();
    for (std::string const agent : {"a", "b", "c"}) EXPECT_EQ(first.told(agent), again.told(agent));
    opened += first.opened;
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
  EXPECT_GT(opened, 200U);
}

} // namespace
} // namespace paddler
