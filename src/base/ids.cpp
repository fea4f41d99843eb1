#include "base/ids.hpp"

#include <algorithm>
#include <array>

namespace paddler {
namespace {

constexpr std::size_t max_name_length = 128;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

void append_hex(std::string& out, std::uint64_t value, int digits) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out.push_back(hex[(value >> shift) & 0xF]);
}

} // namespace

std::string uuid_v7(std::uint64_t unix_milliseconds, std::uint64_t random_a, std::uint64_t random_b) {
  std::string out;
  out.reserve(36);
  append_hex(out, unix_milliseconds >> 16, 8);
  out.push_back('-');
  append_hex(out, unix_milliseconds & 0xFFFF, 4);
  out.push_back('-');
  append_hex(out, 0x7000U | (random_a & 0x0FFFU), 4);
  out.push_back('-');
  append_hex(out, 0x8000U | (random_b >> 50), 4);
  out.push_back('-');
  append_hex(out, random_b & 0xFFFFFFFFFFFFULL, 12);
  return out;
}

bool is_valid_name(std::string_view text) {
  if (text.empty() || text.size() > max_name_length || !is_letter_or_digit(text.front())) return false;
  return std::ranges::all_of(text,
                             [](char c) { return is_letter_or_digit(c) || std::string_view("-_./:@").contains(c); });
}

} // namespace paddler
