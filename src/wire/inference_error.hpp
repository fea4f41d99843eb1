// What a client of the inference API is told when it gets no answer: as a body with a status, or as the last frame of
// a stream that is already running. OpenAI's, the Responses API's and Anthropic's shapes.
//
// What clients do with them (measured with their SDKs): a frame whose data has an `error` key is raised by every
// OpenAI client, a named event on a chat stream breaks two of them, and Anthropic's look at events named `error` only.
#pragma once
#include "base/result.hpp"
#include "model/request.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace paddler {

enum class api_dialect { openai, responses, anthropic };

// By the path of the request: /v1/messages and below speak Anthropic's dialect.
api_dialect dialect_of(std::string_view path);

// The caller sends `status`, and `x-should-retry: false` where a retry cannot help.
struct inference_error {
  int status = 500;
  std::string code;  // stable, for programs, as in "model_not_found"
  std::string param; // the field of the request that it is about; may be empty
  std::string message;
  bool should_retry = false;
};

// Why a request came to no answer; `model` is the name that the client asked for, `models` those that it could have.
inference_error error_of_failure(request_failure failure, std::string_view model,
                                 std::span<std::string const> models = {});

// From what request_probe or the HTTP parser found wrong: 400, or 413 for error_code::too_large, 408 for timeout
// (clients try that again); 500 for internal ones.
inference_error error_of_input(error const& wrong);

// What an engine that answered with `status` said went wrong, in our words where it said nothing that can be read.
inference_error error_of_engine(int status, std::string_view body);

// A path that the inference API does not have, or has for other methods.
inference_error error_of_path(std::string_view method, std::string_view path, bool path_is_known);

// The whole body of an answer, as application/json. (Never problem+json: OpenAI's clients drop its text.)
std::string error_body(inference_error const& e, api_dialect dialect);

// The last frame of an event stream. Nothing follows it, not even [DONE]. `sequence` is what the Responses API numbers
// its events with: the number after that of the last event, where the caller knows it.
std::string error_frame(inference_error const& e, api_dialect dialect, std::uint64_t sequence = 0);

} // namespace paddler
