#include "base/random.hpp"
#include "wire/rfc3339.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

wall_time at(std::int64_t nanoseconds) { return wall_time{wall::duration{nanoseconds}}; }

TEST(Rfc3339, PrintsAsManyDigitsAsItTakes) {
  EXPECT_EQ(print_rfc3339(at(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(print_rfc3339(at(1'250'000'000)), "1970-01-01T00:00:01.25Z");
  EXPECT_EQ(print_rfc3339(at(1'700'000'000'000'000'001)), "2023-11-14T22:13:20.000000001Z");
  EXPECT_EQ(print_rfc3339(at(-1)), "1969-12-31T23:59:59.999999999Z");
}

TEST(Rfc3339, ReadsZonesAndBothCases) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T01:00:00+01:00"), at(0));
  EXPECT_EQ(parse_rfc3339("1969-12-31t19:30:00-04:30"), at(0));
  EXPECT_EQ(parse_rfc3339("1970-01-01 00:00:60z"), at(60'000'000'000));
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), at(1'709'164'800'000'000'000));
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (auto const* text :
       {"", "now", "2024-01-01", "2024-01-01T00:00:00", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1234567891Z", "2024-01-01T00:00:00Zx", "-024-01-01T00:00:00Z",
        "2024-01-01T+1:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-01-01T00:00:00+24:00"})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

TEST(Rfc3339, EveryTimeComesBack) {
  random_source random(1);
  for (int i = 0; i < 2000; ++i) {
    auto const time = at(static_cast<std::int64_t>(random.next() >> 2U) - (std::int64_t{1} << 61U));
    EXPECT_EQ(parse_rfc3339(print_rfc3339(time)), time) << print_rfc3339(time);
  }
}

} // namespace
} // namespace paddler
