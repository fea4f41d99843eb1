#include "wire/yaml_scalar.hpp"

#include "base/text.hpp"
#include "wire/json_text.hpp"

#include <algorithm>
#include <array>

namespace paddler {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// How many digits `text` starts with.
std::size_t digit_count(std::string_view text) { return std::min(text.find_first_not_of("0123456789"), text.size()); }

// The parts of a decimal number: -12.5e3 is "-", "12", "5", "e3".
struct number_parts {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::string_view exponent; // with its letter
  bool has_point = false;
};

std::string_view take(std::string_view& text, std::size_t count) {
  auto const part = text.substr(0, count);
  text.remove_prefix(part.size());
  return part;
}

// Whether all of `text` is a decimal number, and its parts.
bool split_number(std::string_view text, number_parts& out) {
  if (text.starts_with('+') || text.starts_with('-')) out.negative = take(text, 1) == "-";
  out.whole = take(text, digit_count(text));
  if (text.starts_with('.')) {
    out.has_point = true;
    text.remove_prefix(1);
    out.fraction = take(text, digit_count(text));
  }
  if (out.whole.empty() && out.fraction.empty()) return false;
  if (!text.starts_with('e') && !text.starts_with('E')) return text.empty();
  std::size_t const sign = text.size() > 1 && (text[1] == '+' || text[1] == '-') ? 1 : 0;
  std::size_t const digits = digit_count(text.substr(1 + sign));
  out.exponent = take(text, 1 + sign + digits);
  return digits > 0 && text.empty();
}

// JSON's grammar is the narrower one: it wants digits on both sides of the point.
std::string as_json(number_parts const& parts) {
  std::string out = parts.negative ? "-" : "";
  out += parts.whole.empty() ? "0" : parts.whole;
  if (!parts.fraction.empty()) (out += '.') += parts.fraction;
  // `5.` is a number with a point: not a whole number by its spelling, but by its value.
  if (parts.has_point && parts.fraction.empty()) out += ".0";
  out += parts.exponent;
  return out;
}

document_node refused_number(std::string_view text, std::string const& why) {
  document_node node = number_node("0");
  node.problem = "`" + clipped(text) + "` " + why;
  node.hint = "write a decimal number, or put it in quotes if it is text";
  return node;
}

// 0o17, 0x1F: section 10.3.2.
bool is_octal_or_hexadecimal(std::string_view text) {
  if (text.size() < 3 || text[0] != '0' || (text[1] != 'o' && text[1] != 'x')) return false;
  bool const octal = text[1] == 'o';
  return std::ranges::all_of(text.substr(2), [octal](char c) {
    return octal ? c >= '0' && c <= '7' : is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

bool is_not_finite(std::string_view text) {
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return true;
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text == ".inf" || text == ".Inf" || text == ".INF";
}

// Words that some YAML version reads as something else than text.
constexpr std::array<std::string_view, 11> reserved_words{"true", "false", "yes", "no",  "on", "off",
                                                          "null", "y",     "n",   "nan", "inf"};

bool is_plain_text(std::string_view text) {
  if (text.empty() || !(is_letter(text.front()) || text.front() == '_' || text.front() == '/')) return false;
  bool const safe = std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("_-./@").find(c) != std::string_view::npos;
  });
  return safe && std::ranges::find(reserved_words, to_lower(text)) == reserved_words.end();
}

bool has_plain_lines(std::string_view text) {
  while (!text.empty()) {
    auto const line = text.substr(0, text.find('\n'));
    bool const blank = line.find_first_not_of(" \t") == std::string_view::npos;
    if (!line.empty() && (blank || line.front() == '\t')) return false;
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return true;
}

bool has_only_plain_characters(std::string_view text) {
  // Next line, line and paragraph separator, byte order mark: invisible, and read differently by YAML's versions.
  constexpr std::array<std::string_view, 4> invisible{"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xBB\xBF"};
  bool const controls = std::ranges::any_of(text, [](char c) {
    auto const byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
  });
  return !controls && is_valid_utf8(text) &&
         std::ranges::none_of(invisible, [&](auto c) { return text.find(c) != std::string_view::npos; });
}

} // namespace

document_node plain_scalar(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return boolean_node(true);
  if (text == "false" || text == "False" || text == "FALSE") return boolean_node(false);
  if (is_octal_or_hexadecimal(text)) return refused_number(text, "is not a decimal number");
  if (is_not_finite(text)) return refused_number(text, "is not a finite number");
  number_parts parts;
  if (!split_number(text, parts)) return text_node(std::string(text));
  if (parts.whole.size() > 1 && parts.whole.front() == '0')
    return refused_number(text, "begins with a zero: some read it as octal");
  return number_node(as_json(parts));
}

std::string yaml_text(std::string_view text) { return is_plain_text(text) ? std::string(text) : json_text(text); }

bool fits_literal_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos) return false;
  bool const starts_visibly = std::string_view(" \t\n").find(text.front()) == std::string_view::npos;
  return starts_visibly && has_plain_lines(text) && has_only_plain_characters(text);
}

} // namespace paddler
