#include "base/text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

namespace paddler {
namespace {

constexpr std::array<std::string_view, 3> fields = {"slots", "desired_model", "max_context_length"};

TEST(Nearest, FindsTheMisspeltWordAndNothingForAStranger) {
  EXPECT_EQ(nearest("slot", fields), "slots");
  EXPECT_EQ(nearest("max_contxt_length", fields), "max_context_length");
  EXPECT_EQ(nearest("temperature", fields), "");
}

TEST(OneOf, ReadsLikeASentence) {
  EXPECT_EQ(one_of(fields), "slots, desired_model or max_context_length");
  EXPECT_EQ(one_of(std::span(fields).first(1)), "slots");
}

TEST(Utf8, AcceptsWellFormedAndRefusesTheClassicTricks) {
  for (auto good : {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) EXPECT_TRUE(is_valid_utf8(good));
  for (auto bad : {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xFF"})
    EXPECT_FALSE(is_valid_utf8(bad));
}

TEST(Case, ComparesAsciiOnly) {
  EXPECT_TRUE(equals_ignoring_case("Content-Type", "content-type"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_EQ(to_lower("ABC-1"), "abc-1");
}

TEST(PrintNumber, IsTheShortestThatReadsBack) {
  EXPECT_EQ(print_number(0.7), "0.7");
  EXPECT_EQ(print_number(2), "2");
  EXPECT_EQ(print_number(1e300), "1e+300");
}

TEST(ParseNumber, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(parse_number<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_number<int>("007"), 7);
  EXPECT_EQ(parse_number<double>("2.5e-1"), 0.25);
  for (auto bad : {"", " ", "-", "x", "1x", " 1", "1 ", "+1", "-1", "1.0", "0x10", "18446744073709551616"})
    EXPECT_EQ(parse_number<std::uint64_t>(bad), std::nullopt) << bad;
  EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_number<std::uint16_t>("65536"), std::nullopt);
}

TEST(TakeNumber, LeavesWhatFollowsAndAllWhereThereIsNone) {
  std::string_view rest = "30s";
  EXPECT_EQ(take_number<int>(rest), 30);
  EXPECT_EQ(rest, "s");
  EXPECT_EQ(take_number<int>(rest), std::nullopt);
  EXPECT_EQ(rest, "s");
  rest = "99999999999s";
  EXPECT_EQ(take_number<int>(rest), std::nullopt) << "an int does not hold it";
  EXPECT_EQ(rest, "99999999999s");
}

TEST(QuoteShortened, StaysOnOneLineAndCutsBetweenCharacters) {
  EXPECT_EQ(quote_shortened("a \"b\"\\\n\tc", 80), R"("a \"b\"\\\n c")");
  EXPECT_EQ(quote_shortened("abcdef", 3), R"("abc...")");
  EXPECT_EQ(quote_shortened("ab\xC3\xA9z", 3), R"("ab...")");
  EXPECT_EQ(quote_shortened("", 3), R"("")");
}

} // namespace
} // namespace paddler
