#include "base/canary.hpp"
#include "sim/run.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

// SIM-07: each deliberate bug of base/canary.hpp is found within 200 seeds.
namespace paddler_sim {
namespace {

struct bug {
  canary which;
  std::string_view name;
  scenario (*world)(std::uint64_t seed) = draw_scenario;
};

#define PADDLER_BUG(name, ...)                                                                                         \
  bug { canary::name, #name __VA_OPT__(, ) __VA_ARGS__ }
constexpr auto bugs = std::to_array<bug>({PADDLER_BUG(acknowledged_before_durable),
                                          PADDLER_BUG(answer_of_key_forgotten),
                                          PADDLER_BUG(begun_answer_retried),
                                          PADDLER_BUG(breaker_counts_4xx, draw_poison),
                                          PADDLER_BUG(breaker_ejects_last, draw_poison),
                                          PADDLER_BUG(closed_slot_kept),
                                          PADDLER_BUG(condition_ignored),
                                          PADDLER_BUG(continued_text_forgotten),
                                          PADDLER_BUG(continued_tokens_forgotten),
                                          PADDLER_BUG(drain_cut_short),
                                          PADDLER_BUG(drained_agent_routed),
                                          PADDLER_BUG(failed_write_acknowledged),
                                          PADDLER_BUG(failure_not_told),
                                          PADDLER_BUG(half_event_passed_on),
                                          PADDLER_BUG(last_record_forgotten),
                                          PADDLER_BUG(lost_agent_keeps_slots),
                                          PADDLER_BUG(model_change_unseen),
                                          PADDLER_BUG(old_loss_untold, draw_conflicts),
                                          PADDLER_BUG(overtaken_hello_believed, draw_relays),
                                          PADDLER_BUG(place_in_queue_kept),
                                          PADDLER_BUG(priority_ignored),
                                          PADDLER_BUG(queue_timeout_forgotten),
                                          PADDLER_BUG(removed_entry_kept),
                                          PADDLER_BUG(retry_timer_lost),
                                          PADDLER_BUG(serving_engine_not_kept),
                                          PADDLER_BUG(silence_is_no_death),
                                          PADDLER_BUG(slot_kept_busy),
                                          PADDLER_BUG(stale_report_believed, draw_relays),
                                          PADDLER_BUG(stale_state_obeyed, draw_relays),
                                          PADDLER_BUG(terminal_counted_twice),
                                          PADDLER_BUG(third_engine)});
#undef PADDLER_BUG

constexpr std::uint64_t patience = 200; // seeds

// The first seed that finds it.
std::optional<std::uint64_t> find(bug const& what) {
  loose_canary = what.which;
  std::optional<std::uint64_t> out;
  for (std::uint64_t seed = 1; seed <= patience && !out; ++seed) {
    auto const report = run_scenario(what.world(seed), false);
    if (!report.violation) continue;
    out = seed;
    testing::Test::RecordProperty("violation", *report.violation);
  }
  loose_canary = canary::none;
  return out;
}

class canaries : public testing::TestWithParam<bug> {};

TEST_P(canaries, SIM_07_a_deliberate_bug_is_found) {
  auto const seed = find(GetParam());
  ASSERT_TRUE(seed.has_value()) << GetParam().name << " was not found in " << patience << " seeds";
  std::printf("%.*s: seed %llu\n", static_cast<int>(GetParam().name.size()), GetParam().name.data(),
              static_cast<unsigned long long>(*seed));
}

INSTANTIATE_TEST_SUITE_P(bugs, canaries, testing::ValuesIn(bugs),
                         [](auto const& each) { return std::string(each.param.name); });

// The same program without a bug finds nothing: what it finds is the bug.
TEST(canary, SIM_07_nothing_is_found_where_nothing_is_wrong) {
  for (auto const world : {draw_scenario, draw_conflicts, draw_relays, draw_poison})
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      auto const report = run_scenario(world(seed), false);
      ASSERT_FALSE(report.violation.has_value()) << *report.violation;
    }
}

} // namespace
} // namespace paddler_sim
