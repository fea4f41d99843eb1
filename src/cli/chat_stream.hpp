// One streamed chat answer, event by event; and the conversation that it belongs to. Pure.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct chat_turn {
  std::string role; // system, user or assistant
  std::string content;
};

// The body of a streaming chat request.
std::string chat_request_body(std::string_view model, std::vector<chat_turn> const& turns);

// What one event adds to the answer.
struct chat_piece {
  std::string content;
  std::string reasoning; // what a thinking model says to itself
};

// Reads the data of an answer's events. An answer is complete only with its finish reason or its [DONE].
class chat_stream {
public:
  // The error where the server says in the stream that something broke, or the data is not a chunk.
  result<chat_piece> take(std::string_view data);

  [[nodiscard]] bool complete() const { return done_ || !finish_reason_.empty(); }

  [[nodiscard]] std::string const& finish_reason() const { return finish_reason_; }

  [[nodiscard]] std::optional<std::uint64_t> completion_tokens() const { return completion_tokens_; }

private:
  std::string finish_reason_;
  std::optional<std::uint64_t> completion_tokens_;
  bool done_ = false;
};

} // namespace paddler
