#include "net/http_types.hpp"

#include "base/text.hpp"

#include <array>

namespace paddler {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string_view trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool lists_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    auto const comma = list.find(',');
    auto item = list.substr(0, comma);
    item = item.substr(0, item.find(';'));
    if (equals_ignoring_case(trimmed(item), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

} // namespace

std::string_view http_fields::header(std::string_view name) const {
  for (auto const& each : headers) {
    if (equals_ignoring_case(each.name, name)) return each.value;
  }
  return {};
}

bool http_fields::has_header(std::string_view name) const {
  for (auto const& each : headers) {
    if (equals_ignoring_case(each.name, name)) return true;
  }
  return false;
}

bool http_fields::has_token(std::string_view name, std::string_view token) const {
  for (auto const& each : headers) {
    if (equals_ignoring_case(each.name, name) && lists_token(each.value, token)) return true;
  }
  return false;
}

std::optional<std::string> http_head::query_param(std::string_view name) const {
  auto rest = query;
  while (!rest.empty()) {
    auto const end = rest.find('&');
    auto const pair = rest.substr(0, end);
    auto const equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals), true) == name)
      return equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1), true);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int const high = hex_value(text[i + 1]);
      int const low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) return std::nullopt;
    out += c;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (char const c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    auto const byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return out;
}

} // namespace paddler
