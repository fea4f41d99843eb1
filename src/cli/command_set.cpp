#include "cli/command_set.hpp"

namespace paddler {

std::vector<declared_command> all_commands() {
  std::vector<declared_command> out;
  add_serving_commands(out);
  add_viewing_commands(out);
  add_history_commands(out);
  add_changing_commands(out);
  add_chat_command(out);
  add_completion_command(out);
  add_version_command(out);
  return out;
}

std::string long_name(declared_flag const& flag) {
  auto const& name = flag.words.name;
  auto const at = name.find("--");
  return at == std::string::npos ? name : name.substr(at);
}

flag_set& flag_set::add(flag words, flag_setter set) {
  flags_.push_back({.words = std::move(words), .set = std::move(set)});
  return *this;
}

flag_set& flag_set::add_optional_value(flag words, flag_setter set) {
  flags_.push_back({.words = std::move(words), .set = std::move(set), .value_optional = true});
  return *this;
}

flag_set& flag_set::add_repeated(flag words, flag_setter set) {
  flags_.push_back({.words = std::move(words), .set = std::move(set), .may_repeat = true});
  return *this;
}

flag_set& flag_set::add_words(flag words, std::vector<std::string>& out) {
  auto const append = [&out](std::string const& word) -> result<void> {
    out.push_back(word);
    return {};
  };
  return add_repeated(std::move(words), append);
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
