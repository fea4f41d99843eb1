// Server-sent events (WHATWG HTML, 9.2): writing them, and taking a stream apart. Pure.
#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace paddler {

struct sse_event {
  std::string event = {}; // empty: "message"
  std::string data = {};
  std::string id = {};
};

// "data: ...\n\n"; line breaks in the data become data lines of their own.
std::string sse_data(std::string_view data);

// With `event:` and `id:` where they are set. Their line breaks are left out.
std::string sse_format(sse_event const& event);

// ": ...\n\n": keeps a connection busy, ignored by readers.
std::string sse_comment(std::string_view text);

// Takes bytes however they are cut and gives whole events. Any of the three line ends, a byte order mark, unknown
// fields: all as the standard says. An event that is not finished at the end of the stream is dropped.
class sse_splitter {
public:
  explicit sse_splitter(std::size_t event_limit = 1024 * 1024) : limit_(event_limit) {}

  // Calls `on_event` for each event that is complete. Fails when an event is larger than the limit.
  result<void> feed(std::string_view bytes, std::function<void(sse_event const&)> const& on_event);

private:
  void end_line(std::function<void(sse_event const&)> const& on_event);
  void take_field(std::string_view name, std::string_view value);

  std::size_t limit_;
  std::string line_;
  sse_event event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool first_line_ = true;
};

} // namespace paddler
