// Small text functions that more than one layer needs.
#pragma once
#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace paddler {

// The candidate nearest to `word` by edit distance, if it is near enough to be a misspelling (at most a third of the
// letters); empty otherwise.
std::string nearest(std::string_view word, std::span<std::string_view const> candidates);

// "a", "a or b", "a, b or c".
std::string one_of(std::span<std::string_view const> words);

bool is_valid_utf8(std::string_view text);

// The shortest decimal that reads back as the same number.
std::string print_number(double value);

template <std::integral T> std::string print_number(T value) { return std::to_string(value); }

// Takes the decimal number that `rest` begins with off it. Nothing, and `rest` as it was, where there is none or `T`
// does not hold it. There is no white space and no sign "+" before a number, and no "-" where `T` has no sign.
template <class T> std::optional<T> take_number(std::string_view& rest) {
  T out{};
  auto const [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  if (failure != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return out;
}

// The number that the whole of `text` is.
template <class T> std::optional<T> parse_number(std::string_view text) {
  auto const out = take_number<T>(text);
  return text.empty() ? out : std::nullopt;
}

// The longest start of at most so many bytes that cuts no UTF-8 character.
std::string_view start_of(std::string_view text, std::size_t limit);

// In double quotes, on one line, cut after so many bytes (at a character's end) with "..." where it is longer.
std::string quote_shortened(std::string_view text, std::size_t limit);

// Lower-case ASCII letters; other bytes as they are.
std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

} // namespace paddler
