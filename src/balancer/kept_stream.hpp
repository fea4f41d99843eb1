// What is kept of a streamed answer while it runs, so that another engine can go on with it where this one is lost.
// Nothing of it is read before that.
#pragma once
#include "wire/answer_text.hpp"
#include "wire/request_probe.hpp"
#include "wire/resume_request.hpp"

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

// All the streams of a balancer together may keep so much; one that would go beyond it is not kept any more.
class stream_memory {
public:
  static constexpr std::size_t limit = std::size_t{256} << 20; // bytes

  [[nodiscard]] std::size_t kept() const { return kept_; }

private:
  friend class kept_stream;
  std::size_t kept_ = 0;
};

// Of one request. `memory` and what the views show must outlive it.
class kept_stream {
public:
  kept_stream(stream_memory& memory, std::string_view endpoint, std::string_view body, probed_request const& asked);
  ~kept_stream();
  kept_stream(kept_stream const&) = delete;
  kept_stream& operator=(kept_stream const&) = delete;

  [[nodiscard]] std::size_t bytes() const { return counted_; }

  // What the client has got of the answer, from its first byte on.
  void delivered(std::string_view bytes);

  struct content {
    resumable_request request;
    answer_so_far so_far;
  };

  // All that another engine needs to go on, or why none can. Parses: for the loss of an engine.
  std::expected<content, resume_refusal> read();

private:
  stream_memory& memory_;
  std::string_view endpoint_;
  std::string_view body_;
  std::optional<answer_text> text_;               // none where it cannot go on anyway
  resume_refusal why_ = resume_refusal::endpoint; // then
  std::size_t counted_ = 0;                       // in memory_
};

} // namespace paddler
