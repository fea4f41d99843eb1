// Small tools for writing varied sentences from tables, all driven by one seeded random source.
#pragma once
#include "base/random.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler {

// Choices in terms of the random source.
class chooser {
public:
  explicit chooser(std::uint64_t seed) : random_(seed) {}

  bool chance(double probability) { return random_.unit() < probability; }

  int between(int low, int high) {
    auto const choices = std::int64_t{high} - low + 1;
    return low + static_cast<int>(index(static_cast<std::size_t>(choices)));
  }

  std::size_t index(std::size_t size) { return static_cast<std::size_t>(random_.below(size)); }

  template <class T> T const& pick(std::vector<T> const& from) { return from[index(from.size())]; }

  // The index of one of the weights, each as likely as it weighs.
  std::size_t weighted(std::span<double const> weights);

  template <class T> void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[index(i)]);
  }

private:
  random_source random_;
};

// `pattern` with each `{name}` replaced by its value. `{a name}` puts "a" or "an" before it.
std::string fill(std::string pattern, std::vector<std::pair<std::string, std::string>> const& values);

// "a fox", "an owl".
std::string with_article(std::string const& noun);

// "three"; for 0 to 20.
std::string number_word(int number);

std::string to_upper(std::string_view text);
std::string capitalized(std::string text);

// Words that change nothing about a question: before it, after it, and before any of its words.
struct question_decorations {
  std::vector<std::string> before, after, fillers;
};

// The question, sometimes with such words. A mark at its end stays there.
std::string decorated(std::string question, question_decorations const& with, chooser& choose);

// How people type: sometimes without capitals, all in capitals, without the final mark, with a slip.
std::string as_typed(std::string text, chooser& choose);

// The same for text with a name in it that has to keep its capitals.
std::string as_typed_keeping_case(std::string text, chooser& choose);

} // namespace paddler
