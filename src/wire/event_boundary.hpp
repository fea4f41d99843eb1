// Whole server-sent events out of a byte stream that is relayed unparsed.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace paddler {

// Splits what arrives into whole events, to be delivered, and the start of an event, to be kept until its rest comes. A
// stream that breaks off can then be followed by an event of ours without spoiling half an event of the engine's.
// Engines write whole events, so in the usual case nothing is kept and nothing is copied.
class event_boundary {
public:
  // An event longer than this is delivered in pieces: memory stays bounded.
  static constexpr std::size_t max_kept_bytes = std::size_t{1} << 20;

  // What to deliver now, in two parts in this order: `kept` from before, then the front of `piece`. Both views are
  // valid until the next call; `piece` must live as long.
  struct delivery {
    std::string_view kept;
    std::string_view fresh;

    [[nodiscard]] bool empty() const { return kept.empty() && fresh.empty(); }
  };

  delivery feed(std::string_view piece);

  // How the newest event that was delivered begins, comments left out; empty before the first, and while an event is
  // delivered in pieces.
  static constexpr std::size_t max_start_bytes = 64;

  [[nodiscard]] std::string_view newest_event() const { return newest_; }

private:
  void note_newest(std::string_view kept, std::string_view fresh);

  std::string delivered_; // what `kept` of the last delivery points to
  std::string next_;      // the start of an event
  std::string newest_;
  bool within_ = false; // what was delivered last is a piece of an event
};

} // namespace paddler
