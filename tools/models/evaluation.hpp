// Asks a chat model fixed questions and counts good answers. The questions stand in evaluation.txt, which explains
// them.
#pragma once
#include "base/result.hpp"
#include "models/chat_model.hpp"
#include "models/corpus_file.hpp"

#include <string>
#include <vector>

namespace paddler {

struct evaluated_answer {
  std::string section;
  std::string question; // the last thing said to the model
  std::string answer;   // text, and calls as in `get_weather {"city": "Paris"}`
  std::string missing;  // what should have been in the answer; empty for a good one
};

// In the order of the file. An answer counts as one however much it must contain.
result<std::vector<evaluated_answer>> evaluate(chat_model& model, corpus_file const& questions);

// All that users say in the file.
std::vector<std::string> questions_of(corpus_file const& questions);

} // namespace paddler
