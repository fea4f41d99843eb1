// Writes the conversations that the demo model learns from.
#pragma once
#include "base/result.hpp"
#include "models/conversation.hpp"
#include "models/corpus_file.hpp"
#include "models/phrasing.hpp"
#include "models/tool_dialogues.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace paddler {

// A thing that can be asked about, with its answer.
struct corpus_topic {
  std::vector<std::string> subjects;
  std::vector<std::string> questions;
  std::string answer;
  std::string more; // may be empty
};

// The tables, read once.
struct dialogue_tables {
  std::vector<corpus_topic> topics;
  std::vector<corpus_topic> smalltalk;
  std::vector<std::string> explain, explain_here, again, more, repeat, instructions;
  question_decorations decorations;
  std::vector<std::string> count_up, count_between, count_down;
  std::vector<std::string> unknown_questions, sums, nouns;
  std::vector<std::string> story_questions, story_about, stories;
  std::vector<std::string> names, friends, animals, other_animals, places, things, adjectives;
  std::string unknown_answer, nothing_more;
  tool_tables tools;
};

result<dialogue_tables> read_dialogue_tables(std::filesystem::path const& folder);

// An endless series of conversations; equal seeds give equal series.
class dialogue_writer {
public:
  dialogue_writer(dialogue_tables const& tables, std::uint64_t seed);

  // `progress`, from 0 to 1, says how much has been learned: conversations begin short, with much to repeat and to
  // count. From that a model learns to copy and to compare, before answers that it can know by heart take all its
  // attention.
  conversation next(double progress = 1);

private:
  // What the conversation has come to.
  struct state {
    conversation talk;
    corpus_topic const* topic = nullptr; // of the last answer, if one can ask for more
    bool told_more = false;
    double progress = 1;
  };

  void add_turn(state& now);
  void exchange(state& now, std::string question, std::string answer);
  void topic_turn(state& now);
  void more_turn(state& now);
  void smalltalk_turn(state& now);
  void unknown_turn(state& now);
  void count_turn(state& now);
  void story_turn(state& now);
  void repeat_turn(state& now);
  std::string topic_question(state const& now, corpus_topic const& topic);
  std::string decorated(std::string question);
  std::string noun();

  dialogue_tables const& tables_;
  chooser choose_;
  tool_dialogues tools_;
};

} // namespace paddler
