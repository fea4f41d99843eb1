// REC-01 to REC-05 and REC-09: what a balancer and its agents decide, with every step and every message named.
#include "base/random.hpp"
#include "core/reconcile/log_check.hpp"
#include "sim/small_world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto full_sync = 60s; // the balancer's period

small_world::wish any_wish(random_source& random) {
  return {static_cast<int>(random.below(3)), 1 + static_cast<int>(random.below(4))};
}

void expect_sound_logs(small_world const& world, std::size_t agents) {
  for (std::size_t i = 0; i < agents; ++i)
    for (auto const& finding : check_log(world.log_of(i), log_end::running, max_engines))
      ADD_FAILURE() << "agent " << i << ", action " << finding.entry << ": " << finding.what;
}

TEST(reconcile, REC_01_any_sequence_of_wishes_ends_at_the_last_one) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    random_source random(seed);
    small_world world({.agents = 2, .memory = random.below(2) == 0 ? 10U : 6U, .chance = seed});
    auto const changes = 1 + random.below(30);
    for (std::uint64_t i = 0; i < changes; ++i) {
      world.want({any_wish(random), any_wish(random)});
      world.run(std::chrono::milliseconds(random.below(random.below(3) == 0 ? 8'000 : 500)));
    }
    ASSERT_TRUE(world.run_until_converged(full_sync)) << world.outcome();
    EXPECT_LE(world.states_sent(), 2 * changes * 2) << "each change is sent at most twice to each agent";
    EXPECT_LE(world.loads(), 2 * changes * 2);
    EXPECT_FALSE(world.undid_something());
    expect_sound_logs(world, 2);
    auto const sent = world.states_sent();
    auto const loads = world.loads();
    world.run(2 * full_sync);
    EXPECT_EQ(world.states_sent(), sent) << "what is as wanted is left alone";
    EXPECT_EQ(world.loads(), loads);
  }
}

// --- REC-02 ---

struct operation {
  char const* name;
  std::uint64_t memory;
  small_world::wish before, after;
};

void PrintTo(operation const& what, std::ostream* out) { *out << what.name; }

constexpr auto operations = std::to_array<operation>({
    {"add_a_model", 10, {0, 1}, {1, 1}},
    {"swap_models", 10, {1, 1}, {2, 1}},
    {"change_slots", 10, {1, 1}, {1, 3}},
    {"remove_the_model", 10, {1, 1}, {0, 1}},
    {"swap_without_room", 6, {1, 1}, {2, 1}},
});

class each_operation : public testing::TestWithParam<operation> {};

// The steps of the operation without any crash, or the world's end after a crash at the given one.
small_world played(operation const& what, std::uint64_t crash_at, std::optional<std::size_t> crash_agent) {
  small_world world({.agents = 2, .memory = what.memory, .crash_agent = crash_agent});
  world.want({what.before, {1, 1}});
  EXPECT_TRUE(world.run_until_converged(full_sync));
  world.start_counting(crash_at);
  world.want({what.after, {1, 1}});
  EXPECT_TRUE(world.run_until_converged(full_sync)) << world.outcome();
  world.run(10s); // heartbeats, and whatever else may come
  EXPECT_TRUE(world.run_until_converged(full_sync)) << world.outcome();
  return world;
}

TEST_P(each_operation, REC_02_a_crash_after_any_step_ends_where_no_crash_would) {
  auto const fault_free = played(GetParam(), 0, {});
  auto const steps = fault_free.steps();
  EXPECT_GE(steps, 10U);
  for (std::uint64_t at = 1; at <= steps; ++at)
    for (auto const victim : {std::optional<std::size_t>{}, std::optional<std::size_t>{0}}) {
      SCOPED_TRACE("crash of the " + std::string(victim ? "agent" : "balancer") + " after step " + std::to_string(at) +
                   " of " + std::to_string(steps));
      auto const world = played(GetParam(), at, victim);
      EXPECT_EQ(world.outcome(), fault_free.outcome());
      expect_sound_logs(world, 2);
      if (testing::Test::HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(of, each_operation, testing::ValuesIn(operations),
                         [](auto const& each) { return std::string(each.param.name); });

// --- REC-03 ---

TEST(reconcile, REC_03_what_is_up_to_twenty_messages_old_undoes_nothing) {
  for (std::uint64_t ago = 1; ago <= 20; ++ago)
    for (auto const pause : {0ms, 5ms, 500ms, 2'000ms}) {
      SCOPED_TRACE(std::to_string(ago) + " messages ago, " + std::to_string(pause / 1ms) + " ms after the change");
      small_world world({.agents = 1});
      for (int slots = 1; slots <= 4; ++slots) {
        world.want({{1 + slots % 2, slots}});
        world.run(800ms);
      }
      world.want({{2, 2}});
      world.run(pause);
      world.repeat(ago);
      ASSERT_TRUE(world.run_until_converged(full_sync)) << world.outcome();
      EXPECT_FALSE(world.undid_something());
      auto const outcome = world.outcome();
      auto const loads = world.loads();
      for (std::uint64_t again = 1; again <= ago; ++again) world.repeat(again);
      world.run(full_sync);
      EXPECT_EQ(world.outcome(), outcome);
      EXPECT_EQ(world.loads(), loads);
      EXPECT_FALSE(world.undid_something());
    }
}

// --- REC-04 ---

constexpr std::uint64_t events = 200;

void change_a_little(small_world& world) {
  world.want({{1, 1}});
  world.run(3s);
  world.want({{2, 1}});
  world.run(500ms);
  world.want({{1, 2}});
  world.run(20s);
  world.want({{2, 3}});
}

bool repairs(std::function<bool(std::uint64_t)> const& lost) {
  small_world world({.agents = 1, .carry = [lost](std::uint64_t number) {
                       return lost(number) ? std::vector<duration>{} : std::vector<duration>{duration{}};
                     }});
  change_a_little(world);
  return world.run_until_converged(full_sync) && !world.undid_something();
}

TEST(reconcile, REC_04_a_full_sync_repairs_the_loss_of_any_message) {
  for (std::uint64_t lost = 0; lost < events; ++lost)
    ASSERT_TRUE(repairs([lost](std::uint64_t number) { return number == lost; })) << "lost: " << lost;
}

class pairs_of_losses : public testing::TestWithParam<std::uint64_t> {};

TEST_P(pairs_of_losses, REC_04_and_of_any_two) {
  for (std::uint64_t first = GetParam(); first < events; first += 4)
    for (std::uint64_t second = first + 1; second < events; ++second)
      ASSERT_TRUE(repairs([first, second](std::uint64_t number) { return number == first || number == second; }))
          << "lost: " << first << " and " << second;
}

INSTANTIATE_TEST_SUITE_P(first, pairs_of_losses, testing::Range<std::uint64_t>(0, 4));

// --- REC-05 ---

TEST(reconcile, REC_05_another_wish_during_a_load_ends_that_load) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    random_source random(seed);
    bool const beside_another = random.below(2) == 0;
    small_world world({.agents = 1, .memory = 12, .load_time = 5s, .chance = seed});
    if (beside_another) {
      world.want({{1, 4}});
      ASSERT_TRUE(world.run_until_converged(full_sync));
    }
    auto const loads = world.loads();
    world.want({{2, 1}}); // A
    world.run(std::chrono::milliseconds(100 + random.below(4'800)));
    ASSERT_EQ(world.loads(), loads + 1) << "A loads";
    world.want({{1, 2}}); // B
    ASSERT_TRUE(world.run_until_converged(full_sync)) << world.outcome();
    EXPECT_EQ(world.engines(0), 1U);
    EXPECT_EQ(world.memory_used(0), small_world::need_of(1)) << "A's memory is free";
    EXPECT_EQ(world.loads(), loads + 2);
    std::size_t superseded = 0;
    for (auto const& entry : world.log_of(0))
      superseded += entry.action == reconcile_action::load && entry.outcome == reconcile_outcome::superseded ? 1 : 0;
    EXPECT_EQ(superseded, 1U) << "A's load was not waited for";
    expect_sound_logs(world, 1);
  }
}

// --- REC-09 ---

TEST(reconcile, REC_09_messages_of_the_past_lead_nobody_astray) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    random_source random(seed);
    bool healed = false;
    small_world world({.agents = 2,
                       .carry =
                           [&](std::uint64_t) {
                             if (healed || random.unit() < 0.6) return std::vector<duration>{duration{}};
                             std::vector<duration> out;
                             for (auto copies = random.below(3); copies > 0; --copies)
                               out.emplace_back(
                                   std::chrono::milliseconds(random.below(random.unit() < 0.2 ? 60'000 : 500)));
                             return out;
                           },
                       .stale_messages = true,
                       .chance = seed});
    for (int change = 1; change <= 15; ++change) {
      world.want({any_wish(random), any_wish(random)});
      world.run(std::chrono::milliseconds(random.below(4'000)));
      if (random.unit() < 0.2) world.crash_agent(0);
      if (random.unit() < 0.1) world.crash_balancer();
      if (random.unit() < 0.2) world.break_link(1);
      if (random.unit() < 0.2) world.greet_as_before(0);
    }
    healed = true;
    world.run(full_sync); // what was on its way for so long has come
    ASSERT_TRUE(world.run_until_converged(full_sync)) << world.outcome();
    EXPECT_FALSE(world.undid_something());
    expect_sound_logs(world, 2);
  }
}

} // namespace
} // namespace paddler_sim
