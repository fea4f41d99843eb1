#include "wire/event_boundary.hpp"

#include <utility>

namespace paddler {
namespace {

// Where the last whole event ends: behind the last blank line ("\n\n", "\r\n\r\n"); 0 if there is none. `before` is
// what stands in front of `text`.
std::size_t end_of_last_event(std::string_view before, std::string_view text) {
  auto const at = [&](std::size_t i) { return i < before.size() ? before[i] : text[i - before.size()]; };
  for (std::size_t end = before.size() + text.size(); end > before.size() && end >= 2; --end) {
    if (at(end - 1) != '\n') continue;
    bool const blank = at(end - 2) == '\n' || (end >= 4 && at(end - 2) == '\r' && at(end - 3) == '\n');
    if (blank) return end - before.size();
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
  return {delivered_, piece.substr(0, cut)};
}

event_boundary::delivery event_boundary::finish(std::string_view piece) {
  delivered_.clear();
  std::swap(delivered_, next_);
  return {delivered_, piece};
}

} // namespace paddler
