#include "cli/command_line.hpp"

#include "base/text.hpp"
#include "cli/command_set.hpp"
#include "cli/completion.hpp"
#include "cli/help.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace paddler {
namespace {

std::unexpected<error> misuse(std::string message, std::string hint) {
  return fail(error_code::invalid_input, std::move(message), std::move(hint));
}

std::string see_help(declared_command const& command) { return "See: paddler " + command.page.name + " --help"; }

std::unexpected<error> wrong_value(std::string const& where, error const& what, declared_command const& command) {
  return misuse((where.empty() ? "" : where + ": ") + what.message,
                (what.hint.empty() ? "" : what.hint + "\n") + see_help(command));
}

std::string suggestion(std::string_view word, std::vector<std::string> const& candidates) {
  std::vector<std::string_view> const views(candidates.begin(), candidates.end());
  auto const near = nearest(word.substr(0, word.find('=')), views);
  return near.empty() ? "" : "Did you mean \"" + near + "\"?\n";
}

// Reads the words after one command's name. CLI11 tells flags, values and positional arguments apart; what they mean
// and all words about it are ours.
class reading {
public:
  explicit reading(declared_command const& wanted) : command_(wanted) {
    for (auto const& flag : command_.flags.all()) declare(flag);
  }

  result<command> read(std::vector<std::string> arguments, environment const& surroundings);

private:
  void declare(declared_flag const& flag);
  result<void> parse(std::vector<std::string> arguments);
  [[nodiscard]] std::unexpected<error> unknown_word(std::string const& word) const;
  [[nodiscard]] result<void> read_variables(environment const& surroundings) const;

  declared_command const& command_;
  CLI::App app_;
  bool wants_help_ = false;
  std::optional<error> wrong_value_; // the first
};

void reading::declare(declared_flag const& flag) {
  auto const store = [this, &flag](std::string const& text) {
    auto const stored = flag.set(text);
    if (!stored && !wrong_value_) wrong_value_ = wrong_value(long_name(flag), stored.error(), command_).error();
  };
  auto const store_all = [store](std::vector<std::string> const& words) { std::ranges::for_each(words, store); };
  if (flag.may_repeat) {
    auto* const option = app_.add_option_function<std::vector<std::string>>(flag.words.name, store_all);
    if (flag.words.name.starts_with('-')) option->allow_extra_args(false); // one value for each time it stands there
  } else if (flag.words.value.empty() && flag.words.name.starts_with('-')) {
    app_.add_flag_callback(flag.words.name, [store] { store(""); });
  } else {
    auto* const option = app_.add_option_function<std::string>(flag.words.name, store);
    option->take_last();
    if (flag.value_optional) option->expected(0, 1);
  }
}

std::unexpected<error> reading::unknown_word(std::string const& word) const {
  if (!word.starts_with('-')) return misuse("what is \"" + word + "\" for?", see_help(command_));
  std::vector<std::string> names;
  for (auto const& flag : command_.flags.all()) names.push_back(long_name(flag));
  return misuse("'paddler " + command_.page.name + "' has no flag \"" + word + "\"",
                suggestion(word, names) + see_help(command_));
}

result<void> reading::parse(std::vector<std::string> arguments) {
  std::ranges::reverse(arguments); // CLI11 takes them from the end
  try {
    app_.parse(std::move(arguments));
  } catch (CLI::CallForHelp const&) {
    wants_help_ = true;
  } catch (CLI::ExtrasError const&) {
    auto const extras = app_.remaining();
    return unknown_word(extras.empty() ? "" : extras.front());
  } catch (CLI::ArgumentMismatch const& e) {
    std::string const what = e.what();
    return misuse(what.substr(0, what.find(':')) + " needs a value",
                  "Where the value begins with a dash, write it as FLAG=VALUE.");
  } catch (CLI::ParseError const& e) {
    return misuse(e.what(), see_help(command_));
  }
  return {};
}

// Flags that were not given take their environment variable's value.
result<void> reading::read_variables(environment const& surroundings) const {
  for (auto const& flag : command_.flags.all()) {
    if (flag.words.variable.empty() || app_.count(flag.words.name) > 0) continue;
    auto const text = surroundings.get(flag.words.variable);
    if (!text) continue;
    if (auto const stored = flag.set(*text); !stored) {
      return wrong_value("the environment variable " + flag.words.variable, stored.error(), command_);
    }
  }
  return {};
}

result<command> reading::read(std::vector<std::string> arguments, environment const& surroundings) {
  if (auto const parsed = parse(std::move(arguments)); !parsed) return std::unexpected(parsed.error());
  if (wants_help_) return help_command{print_help(command_)};
  if (wrong_value_) return std::unexpected(*wrong_value_);
  if (auto const read = read_variables(surroundings); !read) return std::unexpected(read.error());
  auto made = command_.finish(surroundings);
  if (!made) return wrong_value("", made.error(), command_);
  return made;
}

std::unexpected<error> unknown_command(std::string const& word, std::vector<declared_command> const& commands) {
  std::vector<std::string> names;
  for (auto const& command : commands) names.push_back(command.page.name);
  auto const what = word.starts_with('-') ? "no flag \"" : "no command \"";
  return misuse(what + word + "\"", suggestion(word, names) + "See: paddler --help");
}

} // namespace

result<command> parse_command_line(std::vector<std::string> arguments, environment const& surroundings) {
  auto const commands = all_commands();
  if (!arguments.empty() && arguments.front() == completing_word) {
    arguments.erase(arguments.begin());
    return complete_request(std::move(arguments), surroundings);
  }
  if (!arguments.empty() && arguments.front() == "help") { // `paddler help get` is `paddler get --help`
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  if (arguments.empty()) return help_command{print_overview(commands)};
  auto const word = arguments.front();
  if (word == "--help" || word == "-h") return help_command{print_overview(commands)};
  if (word == "--version") return version_command{};
  auto const wanted = std::ranges::find(commands, word, [](auto const& each) { return each.page.name; });
  if (wanted == commands.end()) return unknown_command(word, commands);
  arguments.erase(arguments.begin());
  return reading(*wanted).read(std::move(arguments), surroundings);
}

} // namespace paddler
