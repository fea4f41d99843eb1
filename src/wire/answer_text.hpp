// What a client has of a streamed answer, out of the events that were delivered to it: enough to have another engine
// continue it (wire/resume_request.hpp), and nothing else. Streams of /v1/chat/completions and /v1/completions with one
// choice.
#pragma once
#include "model/resume_refusal.hpp"
#include "wire/document_node.hpp"

#include <array>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

// All of it as the engine sent it; empty where it has not come. `created` is a number as JSON writes it.
struct answer_so_far {
  std::string text;
  std::string reasoning;
  std::string id;
  std::string created;
  std::string model;
  std::string fingerprint;   // "system_fingerprint"
  std::string finish_reason; // not empty: the text is whole
  bool role_sent = false;
  bool tool_started = false; // a call of a tool has begun
  bool usage_sent = false;
  bool done = false; // [DONE] was sent
  friend bool operator==(answer_so_far const&, answer_so_far const&) = default;
};

inline constexpr std::size_t max_answer_name_bytes = 256; // of an id, a model, a reason

// Adds the data of one event to what there is. False, and `so_far` as it was, for what is no event of such a stream: an
// error of the engine's, a second choice, a delta of something unknown, text behind the finish reason.
bool add_chunk(answer_so_far& so_far, document_node const& chunk);

// An event without its text (between quotes) and without the time behind it (digits). In little else do the events of
// one stream differ.
struct event_frame {
  std::string before_text;
  std::string before_time;
  std::string behind_time;
};

// Bytes go in as they are delivered and are folded to text when there are many, so that a stream costs a copy and, for
// most events, no parser: an event that differs from one that was parsed before in its text and its time alone is known
// by its frame. Memory: max_raw_bytes of raw events, max_text_bytes of text, and some KiB.
class answer_text {
public:
  static constexpr std::size_t fold_at_bytes = std::size_t{16} << 10;
  static constexpr std::size_t max_raw_bytes = std::size_t{64} << 10;   // of one event
  static constexpr std::size_t max_text_bytes = std::size_t{512} << 10; // with the reasoning

  // What follows in the stream, cut anywhere.
  void add(std::string_view delivered);

  // Everything so far. Errors: too_long, beyond a limit above or after `drop`; unreadable, for an event that add_chunk
  // does not know, or for half an event at the end. An event that is refused is refused for ever.
  std::expected<answer_so_far, resume_refusal> read();

  // Gives all memory back: for a bound over many streams.
  void drop() { refuse(resume_refusal::too_long); }

  // Of the raw events and the text, as it was allocated.
  [[nodiscard]] std::size_t kept_bytes() const;

private:
  void fold();
  bool add_by_frame(std::string_view event);
  bool add_by_parser(std::string_view event);
  void refuse(resume_refusal why);

  std::string raw_; // delivered, not folded
  answer_so_far folded_;
  std::array<event_frame, 2> frames_; // of an event with nothing but text, and of one with nothing but reasoning
  int frames_made_ = 0;
  std::optional<resume_refusal> refused_;
};

} // namespace paddler
