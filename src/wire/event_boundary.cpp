#include "wire/event_boundary.hpp"

#include <cstring>
#include <utility>

namespace paddler {
namespace {

// Where the last whole event ends: behind the last blank line ("\n\n", "\r\n\r\n"); 0 if there is none. `before` is
// what stands in front of `text`.
std::size_t end_of_last_event(std::string_view before, std::string_view text) {
  auto const at = [&](std::size_t i) { return i < before.size() ? before[i] : text[i - before.size()]; };
  for (std::size_t left = text.size(); left > 0;) {
    auto const* const found = static_cast<char const*>(::memrchr(text.data(), '\n', left));
    if (found == nullptr) break;
    left = static_cast<std::size_t>(found - text.data());
    auto const line_end = before.size() + left;
    bool const blank = (line_end >= 1 && at(line_end - 1) == '\n') ||
                       (line_end >= 2 && at(line_end - 1) == '\r' && at(line_end - 2) == '\n');
    if (blank) return left + 1;
  }
  return 0;
}

} // namespace

event_boundary::delivery event_boundary::feed(std::string_view piece) {
  delivered_.clear();
  std::size_t const end = end_of_last_event(next_, piece);
  if (end == 0 && next_.size() + piece.size() <= max_kept_bytes) {
    next_.append(piece);
    return {};
  }
  std::swap(delivered_, next_);
  std::size_t const cut = end == 0 ? piece.size() : end;
  next_.assign(piece.substr(cut));
  if (end == 0)
    newest_.clear();
  else
    note_newest(delivered_, piece.substr(0, cut));
  within_ = end == 0;
  return {delivered_, piece.substr(0, cut)};
}

// From the last event of a delivery of whole ones, `kept` being a part of the first, back to one that is no comment.
void event_boundary::note_newest(std::string_view kept, std::string_view fresh) {
  while (!fresh.empty()) {
    auto const last_letter = fresh.find_last_not_of("\r\n");
    auto const before =
        last_letter == std::string_view::npos ? 0 : end_of_last_event(kept, fresh.substr(0, last_letter));
    auto const event = fresh.substr(before);
    if (before == 0 && within_) return newest_.clear(); // the end of one whose beginning has left
    if (before == 0 && kept.starts_with(':')) return;
    if (before == 0 && !kept.empty()) {
      newest_.assign(kept.substr(0, max_start_bytes)).append(event.substr(0, max_start_bytes - newest_.size()));
      return;
    }
    if (!event.starts_with(':')) {
      newest_.assign(event.substr(0, max_start_bytes));
      return;
    }
    fresh = fresh.substr(0, before);
  }
}

} // namespace paddler
