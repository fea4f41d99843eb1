#include "wire/text_position.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <functional>

namespace paddler {
namespace {

// YAML 1.2 section 5.1 and RFC 8259 section 7 leave these out, and a text in UTF-16 is full of zeros.
bool is_forbidden(char c) {
  auto const byte = static_cast<unsigned char>(c);
  return byte < 0x20 && c != '\n' && c != '\r' && c != '\t';
}

error refused(error_code code, std::string message, std::string hint) {
  return error{code, std::move(message), std::move(hint), {}};
}

} // namespace

text_position position_of(std::string_view text, std::size_t offset) {
  auto const before = text.substr(0, offset);
  auto const line_start = before.rfind('\n');
  text_position position;
  position.line += static_cast<int>(std::ranges::count(before, '\n'));
  position.column += static_cast<int>(before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1));
  return position;
}

line_counter::line_counter(std::string_view text)
    : rest_(text), line_(text.find('\n') == std::string_view::npos ? 0 : 1) {}

void line_counter::advance_to(char const* place) {
  std::less<> const before;
  if (line_ == 0 || before(place, rest_.data()) || before(rest_.data() + rest_.size(), place)) return;
  auto const passed = rest_.substr(0, static_cast<std::size_t>(place - rest_.data()));
  line_ += static_cast<int>(std::ranges::count(passed, '\n'));
  rest_.remove_prefix(passed.size());
}

std::optional<error> refuse_document(std::string_view text, std::size_t byte_limit) {
  if (text.size() > byte_limit) {
    return refused(error_code::too_large,
                   "the document is too large: more than " + std::to_string(byte_limit) + " bytes", "split it");
  }
  if (!is_valid_utf8(text)) {
    return refused(error_code::invalid_input, "the document is not UTF-8", "save it as UTF-8");
  }
  auto const control = std::ranges::find_if(text, is_forbidden);
  if (control == text.end()) return std::nullopt;
  auto const position = position_of(text, static_cast<std::size_t>(control - text.begin()));
  return refused(error_code::invalid_input,
                 "the document has a control character at line " + std::to_string(position.line) + ", column " +
                     std::to_string(position.column),
                 "save it as plain UTF-8 text");
}

} // namespace paddler
