#include "runtime/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace paddler {
namespace {

using namespace std::chrono_literals;

TEST(clock, formats) {
  EXPECT_EQ(to_rfc3339(wall_time{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(wall_time{1772368496s + 789ms + 999us}), "2026-03-01T12:34:56.789Z");
  EXPECT_EQ(to_http_date(wall_time{784111777s}), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(unix_milliseconds(wall_time{1s + 2ms + 3us}), 1002U);
}

TEST(clock, the_monotonic_clock_does_not_go_back) {
  auto const before = mono_now();
  EXPECT_GE(mono_now(), before);
}

} // namespace
} // namespace paddler
