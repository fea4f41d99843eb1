#include "models/vocabulary_builder.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(merge_units, keep_a_space_with_the_word_or_mark_that_follows) {
  EXPECT_THAT(merge_units("one two, {\"x\""), ElementsAre("one", " two", ",", " {\"", "x", "\""));
}

TEST(merge_units, cut_names_and_digits_off) {
  EXPECT_THAT(merge_units("in Paris, 21\nOK"), ElementsAre("in", " ", "Paris", ",", " ", "2", "1", "\n", "O", "K"));
}

std::vector<std::string> texts(vocabulary const& words) {
  std::vector<std::string> all;
  for (auto const& token : words.tokens) all.push_back(token.text);
  return all;
}

TEST(vocabulary_builder, merges_what_occurs_often_and_never_across_units) {
  vocabulary_builder builder;
  for (int i = 0; i < 10; ++i) builder.add("the slot the slot Paris\"");
  auto const words = builder.build(1000, {});
  auto const all = texts(words);
  EXPECT_THAT(all, Contains("the"));
  EXPECT_THAT(all, Contains(std::string(space_mark) + "slot"));
  EXPECT_THAT(all, Contains("Paris"));
  EXPECT_THAT(all, Not(Contains("Paris\"")));
}

TEST(vocabulary_builder, keeps_to_its_size_and_has_no_token_twice) {
  vocabulary_builder builder;
  for (int i = 0; i < 10; ++i) builder.add("several different words that could become many tokens, if there were room");
  constexpr auto markers = std::array{"<tool_call>"};
  auto const words = builder.build(480, markers);
  EXPECT_EQ(words.size(), 480U);
  auto all = texts(words);
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
}

} // namespace
} // namespace paddler
