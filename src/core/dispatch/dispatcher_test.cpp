#include "base/random.hpp"
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace paddler {
namespace {

using std::chrono::seconds;

class DispatcherTest : public ::testing::Test {
protected:
  mono_time now{seconds(100)};
  wall_time wall{seconds(1)};
  dispatch_policy policy{.max_queued = 3, .max_queued_bytes = 1000, .queue_timeout = seconds(10)};
  dispatcher it{policy};
  std::uint64_t serial = 0;

  void SetUp() override { it.set_models({"m"}, now, wall); }

  dispatch_decisions request(std::string id, std::string model = "m", std::size_t bytes = 1) {
    return it.arrived({{std::move(id)}, std::move(model), "/v1/chat/completions", bytes}, now, wall);
  }

  dispatch_decisions slot(std::string agent, std::string model = "m") {
    return it.slot_opened({{++serial}, {std::move(agent)}, {1}, {1}, std::move(model)}, now);
  }

  dispatch_decisions end(std::string id, attempt_outcome outcome, std::uint64_t number = 1) {
    return it.ended({std::move(id)}, {number}, outcome, now, wall);
  }
};

std::string text(dispatch_decisions const& decisions) {
  std::string out;
  for (auto const& decision : decisions) {
    if (auto const* run = std::get_if<run_request>(&decision))
      out += "run " + run->id.value + " on " + run->slot.agent.value + ";";
    if (auto const* failed = std::get_if<fail_request>(&decision))
      out += "fail " + failed->id.value + " " + std::to_string(static_cast<int>(failed->reason)) + ";";
  }
  return out;
}

std::string failed(std::string const& id, request_failure reason) {
  return "fail " + id + " " + std::to_string(static_cast<int>(reason)) + ";";
}

TEST_F(DispatcherTest, WaitsForASlotAndTakesItInOrderOfArrival) {
  EXPECT_EQ(text(request("a")), "");
  EXPECT_EQ(text(request("b")), "");
  EXPECT_EQ(text(slot("x")), "run a on x;");
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "run b on x;");
  EXPECT_EQ(text(end("b", attempt_outcome::completed)), "");
  EXPECT_EQ(it.count().completed, 2U);
  EXPECT_EQ(it.count().slots_busy, 0U);
}

TEST_F(DispatcherTest, SpreadsByRelativeLoad) {
  slot("big");
  slot("big");
  slot("big");
  slot("big");
  slot("small");
  std::string where;
  for (auto id : {"a", "b", "c", "d", "e"}) where += text(request(id));
  EXPECT_EQ(where, "run a on big;run b on small;run c on big;run d on big;run e on big;");
}

TEST_F(DispatcherTest, RefusesWhatDoesNotFitTheQueueAndCountsBytesToo) {
  request("a");
  request("b");
  request("c");
  EXPECT_EQ(text(request("d")), failed("d", request_failure::queue_full));
  it.client_gone({"a"}, wall);
  EXPECT_EQ(text(request("e", "m", 1001)), failed("e", request_failure::queue_full));
  EXPECT_EQ(text(request("f")), "");
  EXPECT_EQ(it.count().queued, 3U);
}

// What is lost early comes back into a queue that was full; whoever finds a free slot of another model does not care.
TEST_F(DispatcherTest, WhatRunsAtOnceNeedsNoPlaceInAnOverfullQueue) {
  it.set_models({"m", "n"}, now, wall);
  slot("x");
  for (auto const* id : {"a", "b", "c", "d"}) request(id);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), "");
  EXPECT_EQ(it.count().queued, 4U) << "one more than the limit";
  slot("y", "n");
  EXPECT_EQ(text(request("e", "n")), "run e on y;");
  EXPECT_EQ(text(request("f", "n")), failed("f", request_failure::queue_full));
  EXPECT_EQ(text(end("e", attempt_outcome::completed)), "");
  EXPECT_EQ(it.count().slots_busy, 0U);
}

TEST_F(DispatcherTest, AnUnknownModelFailsAtOnceAndAnEmptyNameMeansTheOnlyModel) {
  EXPECT_EQ(text(request("a", "other")), failed("a", request_failure::no_model));
  slot("x");
  EXPECT_EQ(text(request("b", "")), "run b on x;");
  it.set_models({"m", "n"}, now, wall);
  EXPECT_EQ(text(request("c", "")), failed("c", request_failure::no_model));
}

TEST_F(DispatcherTest, NamesThatNobodyServesLeaveNothingBehind) {
  for (int i = 0; i < 100; ++i) request(std::to_string(i), "made up " + std::to_string(i));
  EXPECT_EQ(it.count().pools, 0U);
  request("a");
  slot("x", "old");
  EXPECT_EQ(it.count().pools, 2U);
  it.slot_closed({serial});
  it.set_models({"n"}, now, wall);
  EXPECT_EQ(it.count().pools, 0U) << "nobody waits, and nothing is offered";
  slot("x", "n");
  request("b", "n");
  it.set_models({}, now, wall);
  EXPECT_EQ(it.count().pools, 1U) << "it is still being answered";
  end("b", attempt_outcome::completed_last);
  it.set_models({}, now, wall);
  EXPECT_EQ(it.count().pools, 0U);
}

TEST_F(DispatcherTest, WaitingRequestsFailWhenTheirModelIsNoLongerWanted) {
  request("a");
  EXPECT_EQ(text(it.set_models({"n"}, now, wall)), failed("a", request_failure::no_model));
}

TEST_F(DispatcherTest, WaitingEndsAtTheDeadlineOnly) {
  request("a");
  ASSERT_EQ(it.next_deadline(), now + seconds(10));
  EXPECT_EQ(text(it.expire(now + seconds(9), wall)), "");
  EXPECT_EQ(text(it.expire(now + seconds(10), wall)), failed("a", request_failure::queue_timeout));
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  EXPECT_EQ(it.count().queued, 0U);
}

TEST_F(DispatcherTest, LostBeforeTheFirstByteGoesToAnotherAgentAndFailsAfterThreeTries) {
  slot("x");
  EXPECT_EQ(text(request("a")), "run a on x;");
  slot("x");
  slot("y");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 1)), "run a on y;");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 2)), "run a on x;");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 3)), failed("a", request_failure::attempts_exhausted));
}

TEST_F(DispatcherTest, OnlyTheTimeInTheQueueCountsAsWaiting) {
  request("a");
  now += seconds(2);
  slot("x");
  EXPECT_EQ(it.find({"a"})->queue_milliseconds, 2000U);
  EXPECT_EQ(it.find({"a"})->slot, slot_serial{1});
  EXPECT_EQ(it.find({"a"})->routed_at, now);
  now += seconds(5);
  end("a", attempt_outcome::lost_early);
  now += seconds(1);
  auto const decisions = slot("x");
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(std::get<run_request>(decisions[0]).queue_milliseconds, 3000U);
  EXPECT_EQ(it.find({"a"})->slot, slot_serial{2});
}

TEST_F(DispatcherTest, LostAfterTheFirstByteFails) {
  slot("x");
  request("a");
  it.first_byte({"a"}, {1});
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), failed("a", request_failure::agent_lost));
}

TEST_F(DispatcherTest, WordsAboutAnOldAttemptAreIgnored) {
  slot("x");
  slot("y");
  request("a");
  end("a", attempt_outcome::lost_early, 1);
  EXPECT_EQ(text(end("a", attempt_outcome::completed, 1)), "");
  EXPECT_EQ(it.count().live, 1U);
  end("a", attempt_outcome::completed, 2);
  EXPECT_EQ(it.count().completed, 1U);
}

TEST_F(DispatcherTest, ARefusedAttemptDoesNotCountAsATry) {
  slot("x");
  request("a");
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(text(end("a", attempt_outcome::refused, i)), "run a on x;");
}

TEST_F(DispatcherTest, AClientThatLeavesTakesItsSlotConnectionWithIt) {
  slot("x");
  request("a");
  it.client_gone({"a"}, wall);
  EXPECT_EQ(it.count().slots, 0U);
  EXPECT_EQ(it.count().live, 0U);
  EXPECT_EQ(text(request("b")), "");
  EXPECT_EQ(text(slot("x")), "run b on x;");
}

TEST_F(DispatcherTest, ShutdownFailsWhatWaitsAndWhatComes) {
  request("a");
  EXPECT_EQ(text(it.shut_down(wall)), failed("a", request_failure::shutdown));
  slot("x");
  EXPECT_EQ(text(request("b")), failed("b", request_failure::shutdown));
}

// P1 and P5 over random histories: every request ends exactly once, the books balance after each step, and no slot is
// ever given to two requests.
TEST(DispatcherProperty, TheLedgerBalancesOverRandomHistories) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    random_source random(seed);
    dispatcher it({.max_queued = 5, .max_queued_bytes = 100, .queue_timeout = seconds(5)});
    mono_time now{seconds(1)};
    wall_time const wall{};
    it.set_models({"m"}, now, wall);
    std::map<std::string, run_request> running;
    std::map<std::uint64_t, std::string> held; // slot → request
    std::uint64_t names = 0, serials = 0, told_failed = 0, gone = 0;
    std::size_t peak = 0;
    auto const take = [&](dispatch_decisions const& decisions) {
      for (auto const& decision : decisions) {
        if (auto const* run = std::get_if<run_request>(&decision)) {
          EXPECT_TRUE(held.emplace(run->slot.serial.value, run->id.value).second) << "slot given twice, seed " << seed;
          running[run->id.value] = *run;
        } else {
          ++told_failed;
        }
      }
    };
    for (int step = 0; step < 300; ++step) {
      now += std::chrono::milliseconds(random.below(500));
      take(it.expire(now, wall));
      auto const pick = [&] {
        auto at = running.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random.below(running.size())));
        return at;
      };
      switch (random.below(5)) {
      case 0: take(it.arrived({{"r" + std::to_string(++names)}, "m", "/", random.below(40)}, now, wall)); break;
      case 1: take(it.slot_opened({{++serials}, {"a" + std::to_string(random.below(3))}, {1}, {1}, "m"}, now)); break;
      case 2:
        if (serials > 0) it.slot_closed({1 + random.below(serials)});
        break;
      case 3: {
        if (running.empty()) break;
        auto const at = pick();
        auto const run = at->second;
        running.erase(at);
        held.erase(run.slot.serial.value);
        take(it.ended(run.id, run.number, static_cast<attempt_outcome>(random.below(8)), now, wall));
        break;
      }
      case 4: {
        if (running.empty() || random.below(3) != 0) break;
        auto const at = pick();
        held.erase(at->second.slot.serial.value);
        it.client_gone(at->second.id, wall);
        running.erase(at);
        ++gone;
        break;
      }
      }
      auto const count = it.count();
      ASSERT_EQ(count.accepted, count.completed + count.failed + count.live) << "seed " << seed;
      ASSERT_EQ(count.failed, told_failed + gone) << "seed " << seed;
      ASSERT_EQ(count.slots_busy, running.size()) << "seed " << seed;
      peak = std::max(peak, count.slots_busy);
      ASSERT_LE(count.queued, 5U + peak) << "seed " << seed; // what was lost early comes back above the limit
    }
  }
}

} // namespace
} // namespace paddler
