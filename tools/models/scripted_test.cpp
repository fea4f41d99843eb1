#include "models/loaded_model.hpp"
#include "models/scripted.hpp"
#include "models/test_files.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<script_piece> cut(std::string_view text) {
  std::set<std::string> used;
  return cut_script(text, used);
}

std::string joined(std::vector<script_piece> const& pieces) {
  std::string text;
  for (auto const& piece : pieces) text += piece.text;
  return text;
}

TEST(cut_script, gives_each_word_a_token) {
  EXPECT_THAT(cut("The cat sat."), ElementsAre(script_piece{"The"}, script_piece{" cat"}, script_piece{" sat."}));
}

TEST(cut_script, joins_short_and_repeated_words_with_the_next) {
  EXPECT_THAT(cut("a cat, the cat, the cat"), ElementsAre(script_piece{"a cat,"}, script_piece{" the"},
                                                          script_piece{" cat,"}, script_piece{" the cat"}));
}

TEST(cut_script, falls_back_on_bytes_where_words_do_not_do) {
  EXPECT_THAT(cut("ok"), ElementsAre(script_piece{"o", true}, script_piece{"k", true}));
}

TEST(cut_script, loses_nothing) {
  for (auto const* const text : {"", " ", "\n\n", "no no no no no no no", "naïve café, naïve café", "▁ is a mark",
                                 "<0x41><0x41>1 <unk> <|im_end|> <s>", "Donaudampfschifffahrtsgesellschaft"}) {
    EXPECT_EQ(joined(cut(text)), text);
  }
}

// The prompt that our chat templates make of one question.
std::string prompt_of(std::string const& question) {
  return "<|im_start|>user\n" + question + "<|im_end|>\n<|im_start|>assistant\n";
}

TEST(scripted_model, says_its_text_whatever_it_is_asked) {
  std::string const text = "Hello! I say hello, hello, and hello again: naïve café, 2 < 3. <|im_end|> ok ok ok";
  test_files files;
  auto const path = files.path("model.gguf");
  ASSERT_TRUE(write_scripted_model({text, {}}, 4096, path));
  auto model = loaded_model::load(path);
  ASSERT_TRUE(model) << describe(model.error());
  for (auto const& question : {std::string("Hello! I say"), std::string("ok"), text, std::string()}) {
    EXPECT_EQ(model->complete(prompt_of(question), 200).value(), text);
  }
}

TEST(scripted_model, stops_where_it_is_told_to) {
  test_files files;
  auto const path = files.path("model.gguf");
  ASSERT_TRUE(write_scripted_model({"one two three four five", {}}, 4096, path));
  EXPECT_EQ(loaded_model::load(path)->complete(prompt_of("Hi"), 2).value(), "one two");
}

TEST(scripted_model, calls_a_tool_and_speaks_after_its_result) {
  test_files files;
  auto const path = files.path("model.gguf");
  ASSERT_TRUE(
      write_scripted_model({"It is sunny.", tool_call_script{"get_weather", R"({"city": "Paris"})"}}, 4096, path));
  auto model = loaded_model::load(path);
  ASSERT_TRUE(model) << describe(model.error());
  EXPECT_EQ(model->complete(prompt_of("Weather?"), 200).value(),
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>");
  EXPECT_EQ(model->complete("<|im_start|>tool\nsunny<|im_end|>\n<|im_start|>assistant\n<|after_result|>", 200).value(),
            "It is sunny.");
}

TEST(scripted_model, has_the_same_bytes_each_time) {
  test_files files;
  for (auto const* const name : {"a.gguf", "b.gguf"}) {
    ASSERT_TRUE(write_scripted_model({"Hello there", {}}, 4096, files.path(name)));
  }
  EXPECT_EQ(files.bytes("a.gguf"), files.bytes("b.gguf"));
}

TEST(scripted_model, refuses_arguments_that_are_no_object) {
  test_files files;
  auto const written = write_scripted_model({"", tool_call_script{"f", "[1]"}}, 4096, files.path("model.gguf"));
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, AllOf(HasSubstr("[1]"), HasSubstr("JSON object")));
}

TEST(scripted_model, refuses_a_script_that_is_too_long) {
  std::string text;
  for (int number = 1000; number < 4000; ++number) text += std::to_string(number) + " ";
  test_files files;
  auto const written = write_scripted_model({text, {}}, 4096, files.path("model.gguf"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, error_code::too_large);
}

} // namespace
} // namespace paddler
