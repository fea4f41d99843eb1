#include "base/text.hpp"

#include <gtest/gtest.h>

#include <array>

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

TEST(QuoteShortened, StaysOnOneLineAndCutsBetweenCharacters) {
  EXPECT_EQ(quote_shortened("a \"b\"\\\n\tc", 80), R"("a \"b\"\\\n c")");
  EXPECT_EQ(quote_shortened("abcdef", 3), R"("abc...")");
  EXPECT_EQ(quote_shortened("ab\xC3\xA9z", 3), R"("ab...")");
  EXPECT_EQ(quote_shortened("", 3), R"("")");
}

} // namespace
} // namespace paddler
