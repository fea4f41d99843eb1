#include "cli/command_set.hpp"

namespace paddler {

flag_set& flag_set::add(flag words, flag_setter set) {
  flags_.push_back({.words = std::move(words), .set = std::move(set)});
  return *this;
}

flag_set& flag_set::add_optional_value(flag words, flag_setter set) {
  flags_.push_back({.words = std::move(words), .set = std::move(set), .value_optional = true});
  return *this;
}

flag_set& flag_set::add_words(flag words, std::vector<std::string>& out) {
  auto const append = [&out](std::string const& word) -> result<void> {
    out.push_back(word);
    return {};
  };
  flags_.push_back({.words = std::move(words), .set = append, .may_repeat = true});
  return *this;
}

flag_set& flag_set::add_switch(flag words, bool& out) {
  auto const turn_on = [&out](std::string const&) -> result<void> {
    out = true;
    return {};
  };
  flags_.push_back({.words = std::move(words), .set = turn_on});
  return *this;
}

} // namespace paddler
