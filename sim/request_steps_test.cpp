// The judge of requests' ways must not believe what cannot be.
#include "sim/request_steps.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace paddler_sim {
namespace {

using enum request_state;

request_record request(std::vector<std::pair<request_state, std::uint64_t>> const& way) {
  request_record out;
  out.id = {"r"};
  for (auto const& [state, number] : way) {
    auto const at = wall_time{std::chrono::seconds(out.steps.size() + 1)};
    out.steps.push_back({at, state, {number}});
    out.tries = std::max(out.tries, attempt{number});
  }
  for (std::uint64_t i = 1; i <= out.tries.value; ++i)
    out.attempts.push_back({{i}, {"a"}, {i}, {1}, attempt_outcome::lost_early});
  out.state = out.steps.back().state;
  out.created_at = out.steps.front().at;
  out.completed_at = out.steps.back().at;
  return out;
}

std::string judged(request_record const& request) { return judge_steps(request, false); }

TEST(RequestSteps, WhatMayBeIsBelieved) {
  EXPECT_EQ(judged(request({{queued, 0}})), "");
  EXPECT_EQ(judged(request({{queued, 0}, {failed, 0}})), "");
  EXPECT_EQ(judged(request({{queued, 0}, {routed, 1}, {queued, 1}, {routed, 2}, {processing, 2}, {completed, 2}})), "");
  EXPECT_EQ(judged(request({{queued, 0}, {routed, 1}, {streaming, 1}, {resuming, 1}, {streaming, 3}, {completed, 3}})),
            "");
  EXPECT_EQ(judged(request({{queued, 0}, {routed, 1}, {streaming, 1}, {resuming, 1}, {failed, 2}})), "");
}

TEST(RequestSteps, WhatCannotBeIsFound) {
  for (auto const& way : std::vector<std::vector<std::pair<request_state, std::uint64_t>>>{
           {{routed, 1}},
           {{queued, 0}, {routed, 2}},
           {{queued, 0}, {processing, 0}},
           {{queued, 0}, {completed, 0}},
           {{queued, 0}, {failed, 0}, {failed, 0}},
           {{queued, 0}, {failed, 0}, {routed, 1}},
           {{queued, 0}, {routed, 1}, {processing, 2}},
           {{queued, 0}, {routed, 1}, {streaming, 1}, {queued, 1}},
           {{queued, 0}, {routed, 1}, {resuming, 1}},
           {{queued, 0}, {routed, 1}, {streaming, 1}, {resuming, 1}, {streaming, 1}},
           {{queued, 0}, {routed, 1}, {streaming, 1}, {resuming, 1}, {queued, 1}}})
    EXPECT_NE(judged(request(way)), "") << "of " << way.size() << " steps, the last of attempt " << way.back().second;
}

TEST(RequestSteps, StepsStateAttemptsAndTimesAreOfOneRequest) {
  auto const good = request({{queued, 0}, {routed, 1}, {queued, 1}, {routed, 2}, {completed, 2}});
  ASSERT_EQ(judged(good), "");
  auto bad = good;
  bad.state = failed;
  EXPECT_EQ(judged(bad), "request r: its last step is not its state");
  bad = good;
  bad.completed_at += std::chrono::seconds(1);
  EXPECT_EQ(judged(bad), "request r: it ended at another time");
  bad = good;
  bad.steps[3].at = {};
  EXPECT_EQ(judged(bad), "request r: routed of attempt 2 came before what led to it");
  EXPECT_EQ(judge_steps(bad, true), "") << "clocks are stepped";
  bad = good;
  bad.attempts.front().outcome.reset();
  EXPECT_EQ(judged(bad), "request r: an attempt began before the one before it had ended");
  bad = good;
  bad.attempts.pop_back();
  EXPECT_EQ(judged(bad), "request r: it has 1 attempts");
}

} // namespace
} // namespace paddler_sim
