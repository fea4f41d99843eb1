// Makes the events of a continued answer go on where the first stream broke off, so that a client sees one stream.
#pragma once
#include "base/result.hpp"
#include "wire/answer_text.hpp"
#include "wire/document_node.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace paddler {

// One for each attempt that was asked with resumed_body. What it changes: the role is not said again; `id` and
// `created` are those of the first stream; usage is that of the whole answer, as the engine takes for prompt what was
// made before (prompt P' - C1, completion C1 + C2); `timings`, `prompt_progress` and `__verbose` are left out, as they
// speak of the last part alone. An event of which nothing remains is left out. Comments, an engine's error and whatever
// else there is pass as they are. The finish reason and [DONE] pass once; nothing follows [DONE].
class stream_splice {
public:
  static constexpr std::size_t max_event_bytes = std::size_t{1} << 20;

  // `first`: what the client has, with no finish reason. `made`: its tokens, C1.
  stream_splice(answer_so_far const& first, std::uint64_t made);

  // What follows in the attempt's stream, cut anywhere; gives whole events for the client. Errors: protocol, for what
  // is no event of such a stream; too_large, for an event beyond max_event_bytes. Behind an error it is of no use.
  result<std::string> feed(std::string_view bytes);

  // [DONE] came, or the engine's own error: nothing follows.
  [[nodiscard]] bool ended() const { return done_ || failed_; }

private:
  result<std::string> spliced(std::string_view event);
  result<std::string> spliced_chunk(document_node chunk);
  bool splice_choice(document_node& choice);
  result<void> splice_usage(document_node& usage) const;

  std::string id_;
  std::string created_;
  std::uint64_t made_;
  bool role_sent_;
  bool finished_ = false;
  bool done_ = false;
  bool failed_ = false;
  std::string pending_; // the start of an event
};

} // namespace paddler
