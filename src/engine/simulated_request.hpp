// What a client of the simulated engine asks for, read from the bodies of four APIs. Pure.
#pragma once
#include "base/result.hpp"
#include "core/engine/hash_chain.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

enum class generation_api {
  completions, // /v1/completions
  chat,        // /v1/chat/completions
  responses,   // /v1/responses
  messages,    // /v1/messages
};

struct generation_tool {
  generation_tool() = default;

  std::string name;
  boost::json::value parameters; // a JSON Schema
};

// Faults of this one request, as its prompt asks for: `[[crash 5]]`, `[[hang 5]]`, `[[stall 5]]`, `[[drip 5]]` anywhere
// in it; the number is that of a token of the whole answer, from 1, also where another engine began it. `[[crash
// always]]`: at the first token that is to be made. What engine_simulation sets for all requests holds beside it.
struct requested_faults {
  bool crash_always = false;
  std::uint32_t crash_at = 0;
  std::uint32_t hang_at = 0;
  std::uint32_t stall_at = 0;
  std::uint32_t drip_at = 0;
};

struct generation_request {
  generation_request() = default;

  generation_api api = generation_api::completions;
  std::vector<chat_message> messages; // empty for completions
  std::string prompt;                 // canonical_prompt(messages), or the prompt itself; `delivered` is none of it
  std::string delivered;              // the answer's beginning, which is to be gone on with
  std::optional<std::size_t> max_tokens;
  bool stream = false;
  bool include_usage = false; // chat and completions: a last chunk with the usage
  bool ignore_eos = false;    // llama.cpp's: never ends by itself
  std::vector<std::string> stop;
  std::vector<generation_tool> tools;
  std::optional<std::string> forced_tool;   // a name; empty text: any
  bool may_call = true;                     // tool_choice is not "none"
  std::optional<boost::json::value> schema; // the answer is to be a document of it
  requested_faults faults;

  // With what was delivered, which an engine has to read again.
  [[nodiscard]] std::size_t prompt_tokens() const;
};

// An error as llama-server answers it: `{"error":{"code":400,"message":...,"type":...}}`.
struct api_error {
  api_error() = default;

  api_error(unsigned status_in, std::string type_in, std::string message_in)
      : status(status_in), type(std::move(type_in)), message(std::move(message_in)) {}

  unsigned status = 400;
  std::string type = "invalid_request_error";
  std::string message;
  boost::json::object more; // fields beside those three
};

template <class T> using api_result = std::expected<T, api_error>;

std::string to_json(api_error const& error);

// Like llama-server, a body that is no JSON is answered with 500 and "server_error".
api_result<boost::json::value> parse_body(std::string_view body);

// Messages may carry text, parts, tool calls and tool results; what is not text becomes a text that depends on it. What
// continues an answer is said as wire/resume_request.hpp says it: `continue_final_message` with the last message of a
// chat, and for completions `generation_prompt`, with which the prompt then ends.
api_result<generation_request> parse_generation(generation_api api, std::string_view body);

// A prompt or other content that may be a text, or a list of token numbers and texts; nothing for anything else.
std::optional<std::string> mixed_text(boost::json::value const& content);

// The texts of `input` (a text, texts, token numbers, or lists of them), and whether base64 is wanted.
struct embedding_request {
  embedding_request() = default;

  std::vector<std::string> inputs;
  bool base64 = false;
};

api_result<embedding_request> parse_embedding(std::string_view body);

} // namespace paddler
