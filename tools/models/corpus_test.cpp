#include "base/text.hpp"
#include "models/corpus_file.hpp"
#include "models/dialogues.hpp"
#include "models/evaluation.hpp"

#include <gmock/gmock.h>

#include <set>

namespace paddler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path const sources = PADDLER_MODELS_SOURCE;

TEST(corpus_file, has_sections_with_values_in_order) {
  auto const file = parse_corpus("f", "# why\n[one]\nask: a | b\nsay: c\nask: d: e\n\n[two]\nask: f\n");
  ASSERT_TRUE(file) << describe(file.error());
  EXPECT_THAT(file->values("one", "ask").value(), ElementsAre("a", "b", "d: e"));
  EXPECT_THAT(file->values("two", "ask").value(), ElementsAre("f"));
}

TEST(corpus_file, names_the_line_that_it_does_not_understand) {
  EXPECT_THAT(parse_corpus("f", "[one]\n\nask a\n").error().message, HasSubstr("f:3"));
  EXPECT_THAT(parse_corpus("f", "ask: a\n").error().message, HasSubstr("f:1"));
}

TEST(corpus_file, names_what_is_missing) {
  auto const file = parse_corpus("f", "[one]\nask: a\n");
  EXPECT_THAT(file->values("one", "say").error().message, HasSubstr("say"));
  EXPECT_THAT(file->values("two", "ask").error().message, HasSubstr("[two]"));
}

std::string text_of(conversation const& talk) {
  std::string text;
  for (auto const& part : render(talk)) text += part.text;
  return text;
}

TEST(dialogues, are_the_same_for_the_same_seed) {
  auto const tables = read_dialogue_tables(sources / "corpus");
  ASSERT_TRUE(tables) << describe(tables.error());
  dialogue_writer a(*tables, 7);
  dialogue_writer b(*tables, 7);
  dialogue_writer c(*tables, 8);
  std::string others;
  for (int i = 0; i < 100; ++i) {
    auto const text = text_of(a.next());
    EXPECT_EQ(text, text_of(b.next()));
    if (text != text_of(c.next())) others += "x";
  }
  EXPECT_GT(others.size(), 90U);
}

TEST(dialogues, leave_no_mark_unfilled) {
  auto const tables = read_dialogue_tables(sources / "corpus");
  ASSERT_TRUE(tables) << describe(tables.error());
  dialogue_writer writer(*tables, 1);
  for (int i = 0; i < 5000; ++i) {
    for (auto const& message : writer.next().messages) {
      for (auto const* const mark : {"{}", "{a", "{c}", "{n}", "{name}", "{s}"}) {
        EXPECT_FALSE(message.content.contains(mark)) << message.content;
      }
    }
  }
}

// Letters and digits only, so that another case or mark does not make it another question.
std::string essence(std::string_view text) {
  std::string letters;
  for (char const c : to_lower(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) letters += c;
  }
  return letters;
}

TEST(evaluation, asks_what_the_corpus_does_not_hold) {
  auto const tables = read_dialogue_tables(sources / "corpus");
  auto const questions = read_corpus(sources / "evaluation.txt");
  ASSERT_TRUE(tables && questions);
  std::set<std::string> known;
  dialogue_writer writer(*tables, 1);
  for (int i = 0; i < 20000; ++i) {
    for (auto const& message : writer.next().messages) {
      if (message.role == "user") known.insert(essence(message.content));
    }
  }
  int unseen = 0;
  for (auto const& question : questions_of(*questions)) unseen += known.contains(essence(question)) ? 0 : 1;
  // Within a conversation a few short ones, such as "go on", are said in one way only.
  EXPECT_GE(unseen, 60);
}

} // namespace
} // namespace paddler
