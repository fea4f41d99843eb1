#include "core/reconcile/consequences.hpp"
#include "core/reconcile/simulated_agent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

applicable_state state(int content) { return {{static_cast<std::uint64_t>(content)}, simulated_content(content)}; }

// Each step as "load m2 7 s", "drain m1 30 s!" where it interrupts, and so on.
std::vector<std::string> preview(int from, int to, swap_facts const& known) {
  static constexpr std::string_view actions[] = {"load", "admit", "drain", "unload", "restart"};
  std::vector<std::string> out;
  for (auto const& step : consequences(state(from), state(to), known)) {
    EXPECT_FALSE(step.difference.empty());
    auto const time = step.estimated ? std::to_string(*step.estimated / seconds(1)) + " s" : "unknown";
    out.push_back(std::string(actions[static_cast<std::size_t>(step.action)]) + " " + step.model + " " + time +
                  (step.interrupts ? "!" : ""));
  }
  return out;
}

swap_facts const roomy{
    .memory_bytes = 100, .old_bytes = 10, .new_bytes = 10, .load_time = seconds(7), .busy = 2, .drain = seconds(30)};

TEST(Consequences, OfASwapWithRoomInterruptNothing) {
  EXPECT_THAT(preview(1, 2, roomy), ElementsAre("load m2 7 s", "admit m2 0 s", "drain m1 30 s", "unload m1 0 s"));
}

TEST(Consequences, OfASwapWithoutRoomInterruptService) {
  auto known = roomy;
  known.memory_bytes = 19;
  known.busy = 0;
  EXPECT_THAT(preview(1, 2, known), ElementsAre("drain m1 0 s!", "unload m1 0 s", "load m2 7 s", "admit m2 0 s"));
  known.memory_bytes.reset();
  known.load_time.reset();
  EXPECT_THAT(preview(1, 2, known), ElementsAre("drain m1 0 s!", "unload m1 0 s", "load m2 unknown", "admit m2 0 s"));
}

TEST(Consequences, OfTheFirstAndOfNoModel) {
  EXPECT_THAT(preview(0, 2, roomy), ElementsAre("load m2 7 s", "admit m2 0 s"));
  EXPECT_THAT(preview(2, 0, roomy), ElementsAre("drain m2 30 s!", "unload m2 0 s"));
}

TEST(Consequences, OfTheSameContentAreNone) {
  for (int content = 0; content < simulated_contents; ++content) {
    auto renumbered = state(content);
    renumbered.version = {99};
    EXPECT_THAT(consequences(state(content), renumbered, roomy), IsEmpty());
  }
}

// What was previewed is what happens.
TEST(Consequences, AreWhatAnAgentDoes) {
  for (int from = 0; from < first_bad_content; ++from)
    for (int to = 0; to < first_bad_content; ++to) {
      simulated_agent agent(1);
      agent.want(from);
      agent.settle();
      auto const begin = agent.log().size();
      agent.want(to);
      agent.settle();
      auto const log = agent.log();
      auto const steps = consequences(state(from), state(to),
                                      {.memory_bytes = simulated_memory,
                                       .old_bytes = simulated_need(from),
                                       .new_bytes = simulated_need(to),
                                       .load_time = {},
                                       .busy = 0,
                                       .drain = seconds(30)});
      ASSERT_EQ(steps.size(), log.size() - begin) << from << " to " << to;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        EXPECT_EQ(steps[i].action, log[begin + i].action);
        EXPECT_EQ(steps[i].model, log[begin + i].model);
      }
    }
}

} // namespace
} // namespace paddler
