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

// Where a shell finds what may stand in a word.
enum class completed_by {
  choices, // what the flag lists; nothing where it lists nothing
  files,
  names,     // of objects of the kind that the word before it names, through the API
  agents,    // through the API
  models,    // through the API
  requests,  // through the API
  paths,     // of fields, through the API
  revisions, // through the API
};

struct flag {
  std::string name;         // "--slots", "-o,--output"; a word without dashes for a positional argument
  std::string value;        // as help shows it, "N"; empty for a switch
  std::string help;         // one sentence
  std::string default_text; // as help shows it; empty: none
  std::string variable;     // the environment variable that is used where the flag is not given
  completed_by completed = completed_by::choices;
  std::vector<std::string_view> choices; // the words that it takes, for shells
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
  flag_set& add_repeated(flag words, flag_setter set); // called for each time that it stands there
  flag_set& add_words(flag words, std::vector<std::string>& out);
  flag_set& add_switch(flag words, bool& out);

  // One of `choices`, in the order of the enumerators.
  template <class Out> flag_set& add_word(flag words, Out& out, std::vector<std::string_view> choices) {
    words.choices = choices;
    return add(std::move(words), set_word(out, std::move(choices)));
  }

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

// All there are, in the order of help.
std::vector<declared_command> all_commands();

// "-o,--output" → "--output"
std::string long_name(declared_flag const& flag);

// Each adds its commands. The values live in the `finish` functions.
void add_serving_commands(std::vector<declared_command>& commands);
void add_viewing_commands(std::vector<declared_command>& commands);
void add_changing_commands(std::vector<declared_command>& commands);
void add_history_commands(std::vector<declared_command>& commands);
void add_chat_command(std::vector<declared_command>& commands);
void add_version_command(std::vector<declared_command>& commands);
void add_completion_command(std::vector<declared_command>& commands);

} // namespace paddler
