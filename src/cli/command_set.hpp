// The commands with their flags, and how they are read. Commands register here; what they need to know of parsing is in
// this header.
#pragma once
#include "base/result.hpp"
#include "cli/command.hpp"
#include "cli/environment.hpp"
#include "cli/flag_values.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct flag {
  std::string name;         // "--slots", "-o,--output"; a word without dashes for a positional argument
  std::string value;        // as help shows it, "N"; empty for a switch
  std::string help;         // one sentence
  std::string default_text; // as help shows it; empty: none
  std::string variable;     // the environment variable that is used where the flag is not given
};

// A flag with what it does to a command's values.
struct declared_flag {
  flag words;
  flag_setter set;
  bool may_repeat = false;     // may be given again; a positional argument takes all words left
  bool value_optional = false; // "--flag" alone sets ""
};

class flag_set {
public:
  flag_set& add(flag words, flag_setter set);
  flag_set& add_optional_value(flag words, flag_setter set);
  flag_set& add_words(flag words, std::vector<std::string>& out);
  flag_set& add_switch(flag words, bool& out);

  [[nodiscard]] std::vector<declared_flag> const& all() const { return flags_; }

private:
  std::vector<declared_flag> flags_;
};

// A command as help tells it.
struct command_page {
  std::string name;
  std::string group;    // heading in the list of commands; empty: not listed
  std::string summary;  // one line
  std::string usage;    // what stands after "paddler NAME"
  std::string text;     // paragraphs, separated by an empty line
  std::string examples; // lines as one types them, with comments
};

struct declared_command {
  command_page page;
  flag_set flags;
  std::function<result<command>(environment const&)> finish; // once the flags are set
};

// Each adds its commands. The values live in the `finish` functions.
void add_serving_commands(std::vector<declared_command>& commands);
void add_operating_commands(std::vector<declared_command>& commands);
void add_chat_command(std::vector<declared_command>& commands);
void add_version_command(std::vector<declared_command>& commands);

} // namespace paddler
