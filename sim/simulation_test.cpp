#include "sim/probes.hpp"
#include "sim/run.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

// make test runs these seeds; `make soak` runs as many as it is told, with the same code (sim/main.cpp).
namespace paddler_sim {
namespace {

constexpr std::uint64_t seeds_a_block = 30;
constexpr std::uint64_t canary_patience = 200; // seeds until a broken promise must have been found

class swarm : public testing::TestWithParam<std::uint64_t> {};

TEST_P(swarm, SIM_01_no_seed_breaks_a_promise) {
  for (auto seed = GetParam(); seed < GetParam() + seeds_a_block; ++seed) {
    auto const report = run_scenario(draw_scenario(seed), false);
    ASSERT_FALSE(report.violation.has_value())
        << *report.violation << "\n"
        << describe(report.what) << "\nagain: build/release/sim/paddler_sim --print --from " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(seeds, swarm, testing::Range<std::uint64_t>(1, 301, seeds_a_block));

// Under sanitizers too.
TEST(few, SIM_01_some_short_seeds) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    auto what = draw_scenario(seed);
    what.length = std::chrono::seconds(15);
    auto const report = run_scenario(what, false);
    ASSERT_FALSE(report.violation.has_value()) << *report.violation << "\n" << describe(report.what);
  }
}

TEST(simulation, SIM_05_a_seed_goes_the_same_way_twice) {
  for (std::uint64_t seed = 1001; seed <= 1050; ++seed) {
    auto what = draw_scenario(seed);
    what.length = std::chrono::seconds(40);
    auto const first = run_scenario(what, false);
    auto const second = run_scenario(what, false);
    ASSERT_EQ(first.trace, second.trace) << describe(what);
    ASSERT_EQ(first.seen, second.seen) << describe(what);
  }
}

TEST(simulation, SIM_05_another_seed_goes_another_way) {
  auto const one = run_scenario(draw_scenario(1), false);
  auto const other = run_scenario(draw_scenario(2), false);
  EXPECT_NE(one.trace, other.trace);
}

TEST(simulation, SIM_06_most_rare_events_are_met_in_a_few_seeds) {
  std::map<std::string, std::uint64_t, std::less<>> seen;
  for (std::uint64_t seed = 2001; seed <= 2060; ++seed)
    for (auto const& [name, count] : run_scenario(draw_scenario(seed), false).seen) seen[name] += count;
  std::size_t hit = 0;
  for (auto const probe : probes) hit += seen.contains(probe) ? 1 : 0;
  EXPECT_GE(probes.size(), 100U);
  EXPECT_GE(hit, probes.size() * 3 / 4) << "the seeds no longer come across what they should";
}

struct histories {
  std::uint64_t operations = 0, unknown = 0, pairs = 0;
};

histories judge(std::uint64_t seeds, bool restarts, bool pairs) {
  histories out;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    auto const report = run_scenario(draw_operators(seed, restarts, pairs), false);
    EXPECT_FALSE(report.violation.has_value()) << *report.violation << "\n" << describe(report.what);
    if (report.violation) break;
    out.operations += report.operations_judged;
    out.unknown += report.writes_unknown;
    out.pairs += report.pairs_raced;
  }
  return out;
}

TEST(simulation, LIN_01_eight_operators_at_once_see_one_register) {
  EXPECT_GE(judge(5, false, false).operations, 3'000U);
}

TEST(simulation, LIN_02_and_through_deaths_of_the_balancer) {
  auto const seen = judge(10, true, false);
  EXPECT_GE(seen.operations, 2'000U);
  EXPECT_GE(seen.unknown, 5U) << "no change was under way when the balancer died";
}

TEST(simulation, LIN_09_one_of_two_changes_of_one_revision_is_taken) {
  EXPECT_GE(judge(12, false, true).pairs, 1'000U);
}

// The API, a file and agents on the same fields, in any order, with agents and balancers that die (LIN-08).
class conflicts : public testing::TestWithParam<std::uint64_t> {};

TEST_P(conflicts, LIN_08_the_highest_source_decides_and_losers_are_told_once) {
  std::uint64_t told = 0;
  for (auto seed = GetParam(); seed < GetParam() + 250; ++seed) {
    auto const report = run_scenario(draw_conflicts(seed), false);
    ASSERT_FALSE(report.violation.has_value())
        << *report.violation << "\n"
        << describe(report.what) << "\nagain: build/release/sim/paddler_sim --world conflicts --print --from " << seed;
    for (auto const& [name, count] : report.seen) told += name.starts_with("conflict.told") ? count : 0;
  }
  EXPECT_GE(told, 1'000U) << "the sources hardly meet";
}

INSTANTIATE_TEST_SUITE_P(schedules, conflicts, testing::Range<std::uint64_t>(1, 1001, 250));

// Messages of links twice, late, overtaken or not at all, of links and processes that are gone, too, and greetings that
// come once more; between agents with numbered messages and older ones without.
class relays : public testing::TestWithParam<std::uint64_t> {};

TEST_P(relays, REC_09_messages_of_the_past_lead_nobody_astray) {
  std::map<std::string, std::uint64_t, std::less<>> seen;
  for (auto seed = GetParam(); seed < GetParam() + 60; ++seed) {
    auto const report = run_scenario(draw_relays(seed), false);
    ASSERT_FALSE(report.violation.has_value())
        << *report.violation << "\n"
        << describe(report.what) << "\nagain: build/release/sim/paddler_sim --world relays --print --from " << seed;
    for (auto const& [name, count] : report.seen) seen[name] += count;
  }
  for (auto const probe : relay_probes) EXPECT_TRUE(seen.contains(probe)) << probe << " was never met";
}

INSTANTIATE_TEST_SUITE_P(schedules, relays, testing::Values<std::uint64_t>(1, 61));

// Engines that break for a while, and requests that no engine can answer or that kill it.
TEST(poison, OVR_09_OVR_10_REQ_12_breakers_open_where_something_is_broken_and_leave_nobody_alone) {
  std::map<std::string, std::uint64_t, std::less<>> seen;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto const report = run_scenario(draw_poison(seed), false);
    ASSERT_FALSE(report.violation.has_value())
        << *report.violation << "\n"
        << describe(report.what) << "\nagain: build/release/sim/paddler_sim --world poison --print --from " << seed;
    for (auto const& [name, count] : report.seen) seen[name] += count;
  }
  for (auto const probe : poison_probes) EXPECT_TRUE(seen.contains(probe)) << probe << " was never met";
}

// A checker that never speaks up proves nothing: each of these worlds is broken, and has to be found out.
class canary : public testing::TestWithParam<broken_promise> {};

TEST_P(canary, SIM_07_a_broken_promise_is_found) {
  for (std::uint64_t seed = 1; seed <= canary_patience; ++seed) {
    auto what = draw_scenario(seed);
    what.broken = GetParam();
    if (run_scenario(what, false).violation) return;
  }
  FAIL() << "no seed found it";
}

INSTANTIATE_TEST_SUITE_P(worlds, canary,
                         testing::Values(broken_promise::disk_forgets, broken_promise::bytes_change,
                                         broken_promise::cut_never_ends));

} // namespace
} // namespace paddler_sim
