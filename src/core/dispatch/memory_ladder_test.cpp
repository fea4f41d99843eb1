#include "core/dispatch/memory_ladder.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace paddler {
namespace {

constexpr std::uint64_t limit = std::uint64_t{512} << 20;

std::uint64_t percent(std::uint64_t of_limit) { return limit / 100 * of_limit + limit / 200; }

TEST(MemoryLadder, OVR_04_each_step_has_its_share) {
  for (auto const& [used, step] : {std::pair<std::uint64_t, memory_step>{0, memory_step::free},
                                   {84, memory_step::free},
                                   {85, memory_step::saving},
                                   {91, memory_step::saving},
                                   {92, memory_step::refusing},
                                   {94, memory_step::refusing},
                                   {95, memory_step::cutting},
                                   {300, memory_step::cutting}}) {
    memory_ladder ladder(limit);
    EXPECT_EQ(ladder.look(percent(used)), step) << used;
  }
}

TEST(MemoryLadder, OVR_04_a_step_is_left_some_points_below) {
  memory_ladder ladder(limit);
  EXPECT_EQ(ladder.look(percent(96)), memory_step::cutting);
  EXPECT_EQ(ladder.look(percent(90)), memory_step::cutting);
  EXPECT_EQ(ladder.look(percent(89)), memory_step::refusing);
  EXPECT_EQ(ladder.look(percent(87)), memory_step::refusing);
  EXPECT_EQ(ladder.look(percent(86)), memory_step::saving);
  EXPECT_EQ(ladder.look(percent(80)), memory_step::saving);
  EXPECT_EQ(ladder.look(percent(79)), memory_step::free);
  EXPECT_EQ(ladder.look(percent(84)), memory_step::free);
}

TEST(MemoryLadder, OVR_04_without_a_limit_and_with_extreme_numbers) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(memory_ladder(0).look(most), memory_step::free);
  EXPECT_EQ(memory_ladder(1).look(most), memory_step::cutting);
  EXPECT_EQ(memory_ladder(most).look(most), memory_step::cutting);
  EXPECT_EQ(memory_ladder(most).look(0), memory_step::free);
}

} // namespace
} // namespace paddler
