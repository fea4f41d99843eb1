#include "models/phrasing.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace paddler {
namespace {

constexpr double word_before = 0.18;
constexpr double word_after = 0.18;
constexpr double word_between = 0.2;
constexpr double without_final_mark = 0.3;
constexpr double in_lower_case = 0.3;
constexpr double in_upper_case = 0.04;
constexpr double with_a_slip = 0.04;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

void drop_final_mark(std::string& text) {
  while (text.size() > 1 && (text.back() == '.' || text.back() == '?' || text.back() == '!')) text.pop_back();
}

// Swaps two neighbouring letters in the first half, where a question's words are less often its subject.
void slip(std::string& text, chooser& choose) {
  if (text.size() < 8) return;
  auto const at = choose.index(text.size() / 2);
  if (is_letter(text[at]) && is_letter(text[at + 1])) std::swap(text[at], text[at + 1]);
}

void add_before_a_word(std::string& question, std::string const& filler, chooser& choose) {
  std::vector<std::size_t> spaces;
  for (std::size_t i = 0; i < question.size(); ++i) {
    if (question[i] == ' ') spaces.push_back(i);
  }
  if (!spaces.empty()) question.insert(choose.pick(spaces), " " + filler);
}

void add_at_the_end(std::string& question, std::string const& word) {
  auto const end = question.find_last_not_of(".?!") + 1;
  question.insert(end, word.starts_with(',') ? word : " " + word);
}

} // namespace

std::size_t chooser::weighted(std::span<double const> weights) {
  double total = 0;
  for (auto const weight : weights) total += weight;
  double point = random_.unit() * total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    point -= weights[i];
    if (point < 0) return i;
  }
  return weights.size() - 1;
}

std::string fill(std::string pattern, std::vector<std::pair<std::string, std::string>> const& values) {
  auto const replace_all = [&](std::string const& mark, std::string const& by) {
    for (auto at = pattern.find(mark); at != std::string::npos; at = pattern.find(mark, at + by.size())) {
      pattern.replace(at, mark.size(), by);
    }
  };
  for (auto const& [name, value] : values) {
    replace_all("{" + name + "}", value);
    replace_all("{a " + name + "}", with_article(value));
  }
  return pattern;
}

std::string with_article(std::string const& noun) {
  bool const vowel = std::string_view("aeioAEIO").contains(noun.front());
  return (vowel ? "an " : "a ") + noun;
}

std::string number_word(int number) {
  static constexpr std::array<char const*, 21> words{
      "zero",     "one",     "two",     "three",     "four",     "five",     "six",
      "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
      "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
  return words[static_cast<std::size_t>(number)];
}

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return upper;
}

std::string capitalized(std::string text) {
  if (!text.empty()) text[0] = to_upper(text.substr(0, 1))[0];
  return text;
}

std::string decorated(std::string question, question_decorations const& with, chooser& choose) {
  if (choose.chance(word_between)) add_before_a_word(question, choose.pick(with.fillers), choose);
  if (choose.chance(word_before)) question = choose.pick(with.before) + " " + question;
  if (choose.chance(word_after)) add_at_the_end(question, choose.pick(with.after));
  return question;
}

std::string as_typed(std::string text, chooser& choose) {
  text = as_typed_keeping_case(std::move(text), choose);
  if (choose.chance(in_lower_case)) return to_lower(text);
  if (choose.chance(in_upper_case)) return to_upper(text);
  return text;
}

std::string as_typed_keeping_case(std::string text, chooser& choose) {
  if (choose.chance(without_final_mark)) drop_final_mark(text);
  if (choose.chance(with_a_slip)) slip(text, choose);
  return text;
}

} // namespace paddler
