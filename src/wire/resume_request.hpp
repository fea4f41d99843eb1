// Has another engine continue an answer whose engine is lost. Pure; the steps of the caller, all but the first at the
// loss of an engine:
//
//   1. read_resumable: is the request one of those whose answers can be continued?
//   2. count_answer, asked on the slot that is to go on: C1, the tokens that the client has.
//   3. resumed_body: what to send; stream_splice (wire/stream_splice.hpp) mends what comes back.
//   4. Where nothing remains to be made: count_prompt, if owes_usage; then closing_events end the stream.
//
// How llama.cpp continues a text was found by trying it (docs/plan-requests.md, sections 4.1 and 5).
#pragma once
#include "base/result.hpp"
#include "model/resume_refusal.hpp"
#include "wire/answer_text.hpp"
#include "wire/document_node.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

enum class streamed_api { chat, completions };

struct resumable_request {
  streamed_api api = streamed_api::chat;
  document_node body;                      // an object, as the client sent it
  std::optional<std::uint64_t> max_tokens; // that it asks for
  bool wants_usage = false;                // its stream is to end with the tokens that were used
};

// A request for a stream; `endpoint` is its path. Errors: why its answer cannot be continued.
std::expected<resumable_request, resume_refusal> read_resumable(std::string_view endpoint, std::string_view body);

// A POST that has an engine count tokens.
struct token_question {
  std::string_view path;
  std::string body;
};

token_question count_answer(answer_so_far const& so_far);
token_question count_prompt(resumable_request const& request);

// The count in the engine's answer to either. Errors: protocol.
result<std::uint64_t> counted_tokens(std::string_view answer);

struct model_limits {
  std::optional<std::uint64_t> max_tokens; // of one answer, where the request does not say
};

// The body of the next attempt, for the same path; nothing where nothing remains to be made. `made` is C1; it is not
// looked at where the client has no text yet, and the body is then the client's own.
//
// An engine is never asked for no tokens: llama.cpp makes one then.
std::expected<std::optional<std::string>, resume_refusal> resumed_body(resumable_request const& request,
                                                                       answer_so_far const& so_far, std::uint64_t made,
                                                                       model_limits const& limits);

// Whether the client still has to be told what it used.
bool owes_usage(resumable_request const& request, answer_so_far const& so_far);

// Ends a stream of which nothing remains to be made: whatever it lacks of its finish reason ("length"), its usage and
// [DONE]. An end by the model itself is counted as one token, as engines count it.
std::string closing_events(resumable_request const& request, answer_so_far const& so_far, std::uint64_t prompt_tokens,
                           std::uint64_t made);

} // namespace paddler
