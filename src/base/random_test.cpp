#include "base/random.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

TEST(Random, SameSeedGivesTheNumbersOfThePublishedGenerator) {
  random_source source(1234567);
  EXPECT_EQ(source.next(), 6457827717110365317ULL);
  EXPECT_EQ(source.next(), 3203168211198807973ULL);
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  random_source source(1);
  bool seen[7] = {};
  for (int i = 0; i < 1000; ++i) seen[source.below(7)] = true;
  for (bool value : seen) EXPECT_TRUE(value);
}

TEST(Random, UnitStaysInItsInterval) {
  random_source source(2);
  for (int i = 0; i < 1000; ++i) {
    double const value = source.unit();
    EXPECT_GE(value, 0.0);
    EXPECT_LT(value, 1.0);
  }
}

} // namespace
} // namespace paddler
