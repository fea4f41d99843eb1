// paddler-evaluate-model: asks a model the questions of evaluation.txt and prints how many answers are right.
#include "models/evaluation.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <string>

namespace paddler {
namespace {

result<int> run(std::string const& model_path, std::string const& questions_path, bool all) {
  auto const questions = read_corpus(questions_path);
  if (!questions) return std::unexpected(questions.error());
  auto model = chat_model::load(model_path);
  if (!model) return std::unexpected(model.error());
  auto const answers = evaluate(*model, *questions);
  if (!answers) return std::unexpected(answers.error());
  for (auto const& one : *answers) {
    if (!all && one.missing.empty()) continue;
    std::cout << (one.missing.empty() ? "right" : "WRONG") << " [" << one.section << "] " << one.question << "\n      "
              << one.answer << '\n';
    if (!one.missing.empty()) std::cout << "      expected: " << one.missing << '\n';
  }
  auto const right = std::ranges::count_if(*answers, [](auto const& one) { return one.missing.empty(); });
  std::cout << right << " of " << answers->size() << " answers are right\n";
  return std::cmp_equal(right, answers->size()) ? 0 : 1;
}

} // namespace
} // namespace paddler

int main(int argc, char** argv) {
  CLI::App app("Asks a model fixed questions and counts the right answers.", "paddler-evaluate-model");
  std::string model;
  std::string questions;
  bool all = false;
  app.add_option("MODEL", model, "GGUF file")->required()->check(CLI::ExistingFile);
  app.add_option("QUESTIONS", questions, "As tools/models/evaluation.txt")->required()->check(CLI::ExistingFile);
  app.add_flag("--all", all, "Print right answers too");
  CLI11_PARSE(app, argc, argv);
  auto const code = paddler::run(model, questions, all);
  if (code) return *code;
  std::cerr << paddler::describe(code.error()) << '\n';
  return 2;
}
