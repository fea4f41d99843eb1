// The part of the demo model's conversations in which it is given tools, calls them and puts results into words.
#pragma once
#include "base/result.hpp"
#include "models/conversation.hpp"
#include "models/corpus_file.hpp"
#include "models/phrasing.hpp"

#include <optional>
#include <string>
#include <vector>

namespace paddler {

enum class tool_kind { weather, time };

// How one kind of tool is named, described and asked for.
struct tool_words {
  std::vector<std::string> names, nouns, descriptions, questions, again, questions_nowhere;
};

struct tool_tables {
  tool_words weather, time;
  std::vector<std::string> sky_is, sky_there_is, city_replies, errors;
  std::vector<std::string> parameters, verbs, adjectives;
  std::vector<std::string> other_names, other_parameters, other_descriptions;
  std::vector<std::string> cities, starts, middles, joins, ends;
  std::string which_city, no_tool, failed;
  question_decorations decorations;
};

result<tool_tables> read_tool_tables(corpus_file const& tools, corpus_file const& cities);

class tool_dialogues {
public:
  tool_dialogues(tool_tables const& tables, chooser& choose) : tables_(tables), choose_(choose) {}

  // Gives the conversation one tool or two, and perhaps some that are of no use.
  void give_tools(conversation& talk);

  // Forgets the tools and the conversation.
  void forget();

  bool has_tools() const { return weather_ || time_; }

  // A question for the weather or the time, and what comes of it: a call, its result and the answer where the tool
  // is there, else a word that it is not.
  void add_turn(conversation& talk);

  std::string city();

private:
  struct given_tool {
    std::string name;
    std::string parameter;
  };

  struct result_text {
    std::string result; // what the tool returns
    std::string answer;
  };

  given_tool give(conversation& talk, tool_words const& words, bool alone);
  std::string tool_name(tool_words const& words, bool alone);
  std::string name_of_words(tool_words const& words);
  void give_useless(conversation& talk);
  std::string definition(std::string const& name, std::string const& description, std::string const& parameter);
  void call_and_answer(conversation& talk, given_tool const& tool, std::string const& where);
  result_text weather_result(std::string const& where);
  result_text time_result(std::string const& where);
  std::string temperature();
  std::string json(std::vector<std::string> const& fields);
  std::string invented_city();
  std::string typed_city_question(std::string const& pattern, std::string const& where);

  tool_tables const& tables_;
  chooser& choose_;
  std::optional<given_tool> weather_, time_;
  std::optional<tool_kind> last_; // what the last turn asked for
};

} // namespace paddler
