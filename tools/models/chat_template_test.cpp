#include "models/chat_model.hpp"
#include "models/chat_template.hpp"
#include "models/dialogues.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string rendered(conversation const& talk) {
  std::string text;
  for (auto const& part : render(talk)) text += part.text;
  return text;
}

// What the model is trained on is what llama.cpp will show it.
TEST(chat_template, gives_the_text_that_the_model_is_trained_on) {
  auto const tables = read_dialogue_tables(std::filesystem::path(PADDLER_MODELS_SOURCE) / "corpus");
  ASSERT_TRUE(tables) << describe(tables.error());
  dialogue_writer writer(*tables, 3);
  for (auto const& jinja : {chat_template(), chat_template_of_last(5)}) {
    auto const applied = applied_template::parse(jinja);
    ASSERT_TRUE(applied) << describe(applied.error());
    for (int i = 0; i < 30; ++i) {
      auto const talk = writer.next();
      EXPECT_EQ(applied->text(talk, /*ask=*/false).value(), rendered(talk));
    }
  }
}

conversation long_talk() {
  conversation talk{"Be kind.", {}, {}};
  for (int i = 1; i <= 6; ++i) {
    talk.messages.push_back({"user", "question " + std::to_string(i), {}});
    talk.messages.push_back({"assistant", "answer " + std::to_string(i), {}});
  }
  talk.messages.push_back({"user", "question 7", {}});
  return talk;
}

TEST(chat_template, shows_a_small_model_the_end_of_a_long_conversation) {
  auto const applied = applied_template::parse(chat_template_of_last(3)).value();
  EXPECT_EQ(
      applied.text(long_talk(), /*ask=*/true).value(),
      "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nquestion 5<|im_end|>\n"
      "<|im_start|>assistant\nanswer 5<|im_end|>\n<|im_start|>user\nquestion 6<|im_end|>\n"
      "<|im_start|>assistant\nanswer 6<|im_end|>\n<|im_start|>user\nquestion 7<|im_end|>\n<|im_start|>assistant\n");
}

TEST(chat_template, shows_a_short_conversation_whole) {
  auto const whole = applied_template::parse(chat_template()).value();
  auto const last = applied_template::parse(chat_template_of_last(7)).value();
  EXPECT_EQ(last.text(long_talk(), true).value(), whole.text(long_talk(), true).value());
}

TEST(chat_template, lets_tool_calls_be_parsed) {
  conversation talk;
  talk.tools.push_back(
      R"({"type": "function", "function": {"name": "get_time", "description": "The time", "parameters": )"
      R"({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}})");
  talk.messages.push_back({"user", "What time is it in Rome?", {}});
  for (auto const& jinja : {chat_template(), chat_template_of_last(4), chat_template_marking_results("<|x|>")}) {
    auto const applied = applied_template::parse(jinja).value();
    auto const answer = applied.answer(
        talk, "<tool_call>\n{\"name\": \"get_time\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>");
    ASSERT_TRUE(answer) << describe(answer.error());
    ASSERT_EQ(answer->calls.size(), 1U);
    EXPECT_EQ(answer->calls[0].name, "get_time");
    EXPECT_THAT(answer->calls[0].arguments, AllOf(HasSubstr("city"), HasSubstr("Rome")));
  }
}

TEST(chat_template, marks_only_a_prompt_that_follows_a_result) {
  conversation talk{"", {}, {{"user", "Hi", {}}}};
  auto const applied = applied_template::parse(chat_template_marking_results("<|x|>")).value();
  EXPECT_THAT(applied.text(talk, true).value(), Not(HasSubstr("<|x|>")));
  talk.messages.push_back({"assistant", "", {{"f", "{}"}}});
  talk.messages.push_back({"tool", "1", {}});
  EXPECT_THAT(applied.text(talk, true).value(), HasSubstr("<|im_start|>assistant\n<|x|>"));
}

TEST(chat_template, that_is_not_valid_is_an_error) { EXPECT_FALSE(applied_template::parse("{% for %}")); }

} // namespace
} // namespace paddler
