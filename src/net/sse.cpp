#include "net/sse.hpp"

namespace paddler {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

void append_one_line(std::string& out, std::string_view field, std::string_view value) {
  out += field;
  for (char const c : value) {
    if (c != '\r' && c != '\n') out += c;
  }
  out += '\n';
}

void append_lines(std::string& out, std::string_view field, std::string_view text) {
  for (;;) {
    auto const end = text.find_first_of("\r\n");
    out += field;
    out += text.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
  }
}

} // namespace

std::string sse_data(std::string_view data) {
  std::string out;
  out.reserve(data.size() + 8);
  append_lines(out, "data: ", data);
  out += '\n';
  return out;
}

std::string sse_format(sse_event const& event) {
  std::string out;
  if (!event.event.empty()) append_one_line(out, "event: ", event.event);
  if (!event.id.empty()) append_one_line(out, "id: ", event.id);
  append_lines(out, "data: ", event.data);
  out += '\n';
  return out;
}

std::string sse_comment(std::string_view text) {
  std::string out;
  append_lines(out, ": ", text);
  out += '\n';
  return out;
}

result<void> sse_splitter::feed(std::string_view bytes, std::function<void(sse_event const&)> const& on_event) {
  for (char const c : bytes) {
    bool const second_half = after_cr_ && c == '\n';
    after_cr_ = c == '\r';
    if (second_half) continue;
    if (c == '\r' || c == '\n') {
      end_line(on_event);
      continue;
    }
    line_ += c;
    if (line_.size() + event_.data.size() > limit_)
      return fail(error_code::too_large, "an event is larger than the limit of " + std::to_string(limit_) + " bytes");
  }
  return {};
}

void sse_splitter::end_line(std::function<void(sse_event const&)> const& on_event) {
  std::string_view line = line_;
  if (first_line_ && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  first_line_ = false;
  if (line.empty()) {
    if (has_data_) {
      event_.data.pop_back(); // the line feed behind its last line
      on_event(event_);
    }
    event_.event.clear();
    event_.data.clear();
    has_data_ = false;
  } else if (auto const colon = line.find(':'); colon != 0) {
    auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    take_field(line.substr(0, colon), value);
  }
  line_.clear();
}

void sse_splitter::take_field(std::string_view name, std::string_view value) {
  if (name == "event") {
    event_.event = value;
  } else if (name == "data") {
    event_.data += value;
    event_.data += '\n';
    has_data_ = true;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
}

} // namespace paddler
