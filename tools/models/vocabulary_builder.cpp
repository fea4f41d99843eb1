#include "models/vocabulary_builder.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace paddler {
namespace {

using pieces = std::vector<std::string>;

constexpr std::size_t fewest_uses = 4; // a rarer pair gets no token
constexpr std::string_view digits = "0123456789";
constexpr float merged_first = 0;

enum class character { lower, upper, digit, space, line_end, mark, other };

character kind_of(char c) {
  if (c >= 'a' && c <= 'z') return character::lower;
  if (c >= 'A' && c <= 'Z') return character::upper;
  if (c >= '0' && c <= '9') return character::digit;
  if (c == ' ') return character::space;
  if (c == '\n') return character::line_end;
  return c > ' ' && c <= '~' && c != '_' ? character::mark : character::other;
}

// The end of the run of `kind` that begins at `from`.
std::size_t run_end(std::string_view text, std::size_t from, character kind) {
  while (from < text.size() && kind_of(text[from]) == kind) ++from;
  return from;
}

std::size_t unit_end(std::string_view text) {
  auto const first = kind_of(text[0]);
  auto const second = text.size() > 1 ? kind_of(text[1]) : character::other;
  if (first == character::lower || first == character::mark) return run_end(text, 0, first);
  if (first == character::upper) return run_end(text, 1, character::lower);
  bool const joins = second == character::lower || second == character::mark;
  return first == character::space && joins ? run_end(text, 1, second) : 1;
}

pieces split(std::string_view unit) {
  pieces parts;
  for (char const c : unit) parts.push_back(c == ' ' ? space_mark : std::string(1, c));
  return parts;
}

struct counted_word {
  pieces parts;
  std::size_t count = 0;
};

// The pair that occurs most often; of equals, the first in alphabetical order.
std::pair<std::pair<std::string, std::string>, std::size_t> commonest_pair(std::vector<counted_word> const& words) {
  std::map<std::pair<std::string, std::string>, std::size_t> pairs;
  for (auto const& word : words) {
    for (std::size_t i = 0; i + 1 < word.parts.size(); ++i) pairs[{word.parts[i], word.parts[i + 1]}] += word.count;
  }
  if (pairs.empty()) return {};
  return *std::ranges::max_element(pairs, {}, [](auto const& entry) { return entry.second; });
}

void merge(pieces& parts, std::string const& left, std::string const& right) {
  pieces merged;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i + 1 < parts.size() && parts[i] == left && parts[i + 1] == right) {
      merged.push_back(left + right);
      ++i;
    } else {
      merged.push_back(parts[i]);
    }
  }
  parts = std::move(merged);
}

} // namespace

std::vector<std::string> merge_units(std::string_view text) {
  std::vector<std::string> units;
  while (!text.empty()) {
    auto const end = unit_end(text);
    units.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return units;
}

void vocabulary_builder::add(std::string_view text) {
  for (auto& unit : merge_units(text)) ++words_[std::move(unit)];
}

vocabulary vocabulary_builder::build(std::uint32_t size, std::span<char const* const> markers) const {
  auto vocabulary = byte_vocabulary();
  for (auto const* const marker : markers) vocabulary.add(marker, token_kind::user_defined);
  add_ascii(vocabulary);
  for (char const tens : digits) {
    for (char const ones : digits) vocabulary.add({tens, ones}, token_kind::normal, merged_first);
  }
  std::vector<counted_word> words;
  for (auto const& [word, count] : words_) words.push_back({split(word), count});
  std::map<std::string, bool> known;
  for (float score = -1; vocabulary.size() < size; --score) {
    auto const [pair, count] = commonest_pair(words);
    if (count < fewest_uses) break;
    for (auto& word : words) merge(word.parts, pair.first, pair.second);
    auto const text = pair.first + pair.second;
    // Two different pairs may make the same text.
    if (known.emplace(text, true).second) vocabulary.add(text, token_kind::normal, score);
  }
  return vocabulary;
}

} // namespace paddler
