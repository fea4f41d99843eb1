#include "wire/json_text.hpp"

#include "base/text.hpp"

#include <array>

namespace paddler {
namespace {

// How a byte below 0x80 is written; an empty entry stands for itself.
struct escape_table {
  std::array<std::array<char, 7>, 128> escaped{};

  constexpr escape_table() {
    constexpr std::string_view digits = "0123456789abcdef";
    for (std::size_t c = 0; c < 0x20; ++c) escaped[c] = {'\\', 'u', '0', '0', digits[c >> 4U], digits[c & 15U], 0};
    escaped[0x7F] = {'\\', 'u', '0', '0', '7', 'f', 0};
    escaped['"'] = {'\\', '"', 0};
    escaped['\\'] = {'\\', '\\', 0};
    escaped['\b'] = {'\\', 'b', 0};
    escaped['\f'] = {'\\', 'f', 0};
    escaped['\n'] = {'\\', 'n', 0};
    escaped['\r'] = {'\\', 'r', 0};
    escaped['\t'] = {'\\', 't', 0};
  }
};

constexpr escape_table escapes;

void append_escaped(std::string& out, std::string_view text) {
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x80 || escapes.escaped[byte][0] == 0) continue;
    out.append(text, copied, i - copied);
    out += escapes.escaped[byte].data();
    copied = i + 1;
  }
  out.append(text, copied);
}

// The longest start of `text` that is UTF-8 and at most one character long; 0 where its first byte is wrong.
std::size_t character_length(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length)
    if (is_valid_utf8(text.substr(0, length))) return length;
  return 0;
}

std::string repaired_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t const length = character_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

} // namespace

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  if (is_valid_utf8(text)) {
    append_escaped(out, text);
  } else {
    append_escaped(out, repaired_utf8(text));
  }
  out += '"';
}

std::string json_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_text(out, text);
  return out;
}

} // namespace paddler
