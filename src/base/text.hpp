// Small text functions that more than one layer needs.
#pragma once
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

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

// The longest start of at most so many bytes that cuts no UTF-8 character.
std::string_view start_of(std::string_view text, std::size_t limit);

// In double quotes, on one line, cut after so many bytes (at a character's end) with "..." where it is longer.
std::string quote_shortened(std::string_view text, std::size_t limit);

// Lower-case ASCII letters; other bytes as they are.
std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

} // namespace paddler
