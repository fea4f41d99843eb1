#include "cli/units.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using namespace std::chrono_literals;

TEST(parse_duration, reads_sums_of_units) {
  EXPECT_EQ(parse_duration("500ms").value(), 500ms);
  EXPECT_EQ(parse_duration("30s").value(), 30s);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("2d").value(), 48h);
  EXPECT_EQ(parse_duration("0s").value(), 0s);
}

TEST(parse_duration, refuses_everything_else) {
  for (auto const* const text :
       {"", "s", "5", "5 s", "-5s", "5x", "1h-3m", "1.5h", "366d", "9999999999999999999s", "1h30"}) {
    auto const time = parse_duration(text);
    ASSERT_FALSE(time) << text;
    EXPECT_THAT(time.error().message, testing::HasSubstr(text));
  }
}

TEST(print_duration, gives_what_parse_reads) {
  for (auto const time : {duration(0s), duration(5ms), duration(90s), duration(25h + 1ms), duration(365 * 24h)}) {
    EXPECT_EQ(parse_duration(print_duration(time)).value(), time) << print_duration(time);
  }
}

TEST(print_age, tells_what_matters) {
  EXPECT_EQ(print_age(0s), "0s");
  EXPECT_EQ(print_age(-5s), "0s");
  EXPECT_EQ(print_age(999ms), "0s");
  EXPECT_EQ(print_age(45s), "45s");
  EXPECT_EQ(print_age(192s), "3m12s");
  EXPECT_EQ(print_age(10min + 5s), "10m");
  EXPECT_EQ(print_age(3h), "3h");
  EXPECT_EQ(print_age(3h + 20min), "3h20m");
  EXPECT_EQ(print_age(12 * 24h + 5h), "12d");
}

TEST(count_of, knows_one) {
  EXPECT_EQ(count_of(0, "request"), "0 requests");
  EXPECT_EQ(count_of(1, "request"), "1 request");
  EXPECT_EQ(count_of(2, "request"), "2 requests");
}

TEST(parse_bytes, reads_a_number_and_its_unit) {
  EXPECT_EQ(parse_bytes("0B").value(), 0U);
  EXPECT_EQ(parse_bytes("512MiB").value(), std::uint64_t{512} << 20);
  EXPECT_EQ(parse_bytes("2GiB").value(), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_bytes("1024TiB").value(), std::uint64_t{1} << 50);
  for (auto const* const text :
       {"", "5", "MiB", "5MB", "5 MiB", "-5MiB", "1.5GiB", "1025TiB", "1PiB", "99999999999999999999B"}) {
    auto const size = parse_bytes(text);
    ASSERT_FALSE(size) << text;
    EXPECT_THAT(size.error().message, testing::HasSubstr(text));
  }
}

TEST(print_bytes, has_three_digits_at_most) {
  EXPECT_EQ(print_bytes(0), "0B");
  EXPECT_EQ(print_bytes(1023), "1023B");
  EXPECT_EQ(print_bytes(1024), "1.0KiB");
  EXPECT_EQ(print_bytes(1536), "1.5KiB");
  EXPECT_EQ(print_bytes(std::uint64_t{139} << 30), "139GiB");
  EXPECT_EQ(print_bytes((std::uint64_t{1} << 20) - 1), "1.0MiB");
  EXPECT_EQ(print_bytes(~std::uint64_t{0}), "16EiB");
}

} // namespace
} // namespace paddler
