// What the simulated engine will say to a request, token by token, before it says any of it. Pure.
#pragma once
#include "core/engine/engine_simulation.hpp"
#include "engine/simulated_request.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

enum class finish_reason { stop, length, tool_calls };

struct answer_plan {
  answer_plan() = default;

  std::optional<std::string> called_tool; // then the tokens are its arguments
  std::vector<std::string> tokens;        // that are to be made; `made` were before them
  std::size_t made = 0;
  finish_reason finish = finish_reason::stop;
  std::optional<std::string> stop_word; // what ended it, of the request's `stop`
  std::size_t prompt_tokens = 0;

  [[nodiscard]] std::string text() const;

  // With the one that ends an answer, as llama-server counts.
  [[nodiscard]] std::size_t completion_tokens() const;
};

// No answer is longer, whatever the request says.
inline constexpr std::size_t max_answer_tokens = 1'000'000;

// The rules, in this order:
// 1. A tool is called when the last message is the user's and the tool is forced by tool_choice, or a word of its name
//    of at least four letters (parts of snake_case, kebab-case and camelCase) stands in that message, in any case. Its
//    arguments are the smallest document of its schema, in which each text is the last capitalized word of the message
//    that does not begin it ("What is the weather in Paris?" gives {"city":"Paris"}), or a word of the hash chain.
// 2. With a response format, the answer is the smallest document of its schema.
// 3. Otherwise it is expected_answer(model, prompt, ...) of core/engine/hash_chain.hpp, cut at the first stop word.
// Documents are cut into tokens of four bytes. The limit is the request's max_tokens (no fewer than one: llama-server
// looks at it behind the first token), else `default_max_tokens`, and what the context leaves beside the prompt. A
// prompt that fills the context is refused as llama-server does it.
//
// Of an answer that was begun (`delivered`) the rest is planned, as if one engine had made it all. What is not its
// beginning is answered with 500: whoever continues a stream lost something of it, or told it twice. A chat that ends
// with such a beginning and does not say that it is to be continued is continued too, and its first token repeats the
// beginning: so does llama-server's.
api_result<answer_plan> plan_answer(generation_request const& request, std::string_view model,
                                    engine_simulation const& simulation, std::size_t context,
                                    std::optional<std::size_t> default_max_tokens);

// A unit vector of `embedding_dimensions` numbers: the sum of one vector for each word, so that texts with words in
// common are near each other.
inline constexpr std::size_t embedding_dimensions = 64;
std::vector<float> embedding_of(std::string_view model, std::string_view text);

// Token numbers of a text, one for each word.
std::vector<std::uint32_t> token_numbers(std::string_view text);

} // namespace paddler
