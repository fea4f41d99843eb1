#include "base/bounded.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace paddler {
namespace {

TEST(BoundedRing, KeepsTheNewest) {
  bounded_ring<int> ring(3);
  for (int i = 1; i <= 5; ++i) ring.push(i);
  EXPECT_EQ(std::vector<int>(ring.begin(), ring.end()), (std::vector<int>{3, 4, 5}));
}

TEST(BoundedRing, OfLimitZeroKeepsNothing) {
  bounded_ring<int> ring(0);
  ring.push(1);
  EXPECT_TRUE(ring.empty());
}

} // namespace
} // namespace paddler
