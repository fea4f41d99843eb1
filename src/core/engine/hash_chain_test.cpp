#include "core/engine/hash_chain.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace paddler {
namespace {

std::vector<std::string> words_of(std::string const& text) {
  std::vector<std::string> words(1);
  for (char c : text) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  return words;
}

TEST(HashChain, SaysTheSameOnEveryMachine) {
  EXPECT_EQ(expected_answer("sim", "hello", 4).text, "gazeti zadigo raneba manado");
}

TEST(HashChain, DependsOnModelPromptAndWhichIsWhich) {
  auto const base = expected_answer("model", "prompt", 8).text;
  EXPECT_NE(base, expected_answer("model2", "prompt", 8).text);
  EXPECT_NE(base, expected_answer("model", "prompt ", 8).text);
  EXPECT_NE(expected_answer("ab", "c", 8).text, expected_answer("a", "bc", 8).text);
}

TEST(HashChain, ALostDoubledOrMovedTokenChangesEveryTokenAfterIt) {
  std::string const whole = expected_answer("m", "p", 20).text;
  auto words = words_of(whole);
  for (auto const& damaged :
       {std::vector{words[0], words[2]}, std::vector{words[0], words[0], words[1]}, std::vector{words[1], words[0]}}) {
    std::string emitted;
    for (auto const& word : damaged) emitted += ' ' + word;
    hash_chain chain("m", "p", emitted);
    for (std::size_t i = damaged.size(); i < words.size(); ++i) EXPECT_NE(chain.next(), ' ' + words[i]);
  }
}

TEST(HashChain, GoesOnFromWhatWasEmitted) {
  std::string const whole = expected_answer("m", "p", 10).text;
  std::string const part = expected_answer("m", "p", 4).text;
  hash_chain chain("m", "p", part);
  std::string joined = part;
  for (int i = 0; i < 6; ++i) joined += chain.next();
  EXPECT_EQ(joined, whole);
}

TEST(HashChain, WordsVary) {
  auto const words = words_of(expected_answer("m", "p", 500, 500).text);
  EXPECT_GT(std::set<std::string>(words.begin(), words.end()).size(), 490U);
}

TEST(HashChain, EndsByItselfOrAtItsLimit) {
  auto const natural = natural_length("m", "p");
  EXPECT_GE(natural, 16U);
  EXPECT_LT(natural, 64U);
  EXPECT_TRUE(expected_answer("m", "p", std::nullopt).stopped);
  EXPECT_TRUE(expected_answer("m", "p", natural + 1).stopped);
  EXPECT_FALSE(expected_answer("m", "p", natural).stopped) << "the end would be one more token";
  EXPECT_EQ(expected_answer("m", "p", 1000, 200).tokens, 200U);
  EXPECT_EQ(expected_answer("m", "p", 0).text, "");
}

TEST(CanonicalPrompt, TellsConversationsApartThatJoinToTheSameText) {
  std::vector<chat_message> const one = {{"user", "a\nuser 1:b"}};
  std::vector<chat_message> const two = {{"user", "a"}, {"user", "b"}};
  EXPECT_EQ(canonical_prompt(two), "user 1:a\nuser 1:b\n");
  EXPECT_NE(canonical_prompt(one), canonical_prompt(two));
}

TEST(ChainTokens, AreWords) {
  EXPECT_EQ(chain_token_count(""), 0U);
  EXPECT_EQ(chain_token_count(" a  b\tc\n"), 3U);
  EXPECT_EQ(chain_token_count(expected_answer("m", "p", 30, 30).text), 30U);
}

} // namespace
} // namespace paddler
