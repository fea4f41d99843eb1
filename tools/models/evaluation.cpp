#include "models/evaluation.hpp"

#include <sstream>

namespace paddler {
namespace {

// Of "NAME PARAMETER DESCRIPTION".
std::string tool_definition(std::string const& given) {
  std::istringstream words(given);
  std::string name;
  std::string parameter;
  std::string description;
  words >> name >> parameter >> std::ws;
  std::getline(words, description);
  return R"({"type": "function", "function": {"name": ")" + name + R"(", "description": ")" + description +
         R"(", "parameters": {"type": "object", "properties": {")" + parameter +
         R"(": {"type": "string"}}, "required": [")" + parameter + R"("]}}})";
}

std::string as_text(chat_message const& message) {
  auto text = message.content;
  for (auto const& call : message.calls) text += (text.empty() ? "" : " ") + call.name + " " + call.arguments;
  return text;
}

// One section while it is worked through.
class section_run {
public:
  section_run(chat_model& model, corpus_section const& section) : model_(model), section_(section) {}

  result<std::vector<evaluated_answer>> run() {
    for (auto const& [key, value] : section_.entries) {
      if (auto const done = take(key, value); !done) return std::unexpected(done.error());
    }
    return std::move(answers_);
  }

private:
  result<void> take(std::string const& key, std::string const& value) {
    if (key == "system") {
      talk_.instructions = value;
    } else if (key == "tool") {
      talk_.tools.push_back(tool_definition(value));
    } else if (key == "user" || key == "result") {
      ask({key == "user" ? "user" : "tool", value, {}});
    } else if (key == "expect" && !answers_.empty()) {
      check(value);
    } else {
      return fail(error_code::invalid_input,
                  "[" + section_.name + "]: `" + key + ":` is not known or stands too early");
    }
    return {};
  }

  void ask(chat_message said) {
    auto const question = said.content;
    talk_.messages.push_back(std::move(said));
    auto answer = model_.answer(talk_);
    if (answer) {
      answers_.push_back({section_.name, question, as_text(*answer), {}});
      talk_.messages.push_back(*std::move(answer));
    } else {
      answers_.push_back({section_.name, question, describe(answer.error()), "an answer"});
      talk_.messages.push_back({"assistant", "", {}});
    }
  }

  void check(std::string const& expected) {
    auto& last = answers_.back();
    if (!last.answer.contains(expected)) last.missing += (last.missing.empty() ? "" : " | ") + expected;
  }

  chat_model& model_;
  corpus_section const& section_;
  conversation talk_;
  std::vector<evaluated_answer> answers_;
};

} // namespace

result<std::vector<evaluated_answer>> evaluate(chat_model& model, corpus_file const& questions) {
  std::vector<evaluated_answer> answers;
  for (auto const& section : questions.sections) {
    auto run = section_run(model, section).run();
    if (!run) return std::unexpected(run.error());
    answers.insert(answers.end(), run->begin(), run->end());
  }
  return answers;
}

std::vector<std::string> questions_of(corpus_file const& questions) {
  std::vector<std::string> said;
  for (auto const& section : questions.sections) {
    for (auto const& question : section.all("user")) said.push_back(question);
  }
  return said;
}

} // namespace paddler
