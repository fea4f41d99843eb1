// A model to chat with: llama.cpp's templates and tool call parser around a loaded model, as llama-server uses them.
#pragma once
#include "base/result.hpp"
#include "models/conversation.hpp"
#include "models/loaded_model.hpp"

#include <filesystem>
#include <memory>
#include <string>

struct common_chat_templates;

namespace paddler {

// A Jinja chat template as llama.cpp applies it.
class applied_template {
public:
  static result<applied_template> parse(std::string const& jinja);

  // The whole text of `talk`; with `ask` it ends where the assistant is to answer.
  result<std::string> text(conversation const& talk, bool ask) const;

  // What an answer to `talk` says and calls. Arguments are as the model wrote them.
  result<chat_message> answer(conversation const& talk, std::string const& written) const;

private:
  using templates = std::unique_ptr<common_chat_templates, void (*)(common_chat_templates*)>;

  explicit applied_template(templates parsed) : parsed_(std::move(parsed)) {}

  templates parsed_;
};

class chat_model {
public:
  static constexpr int max_answer_tokens = 256;

  static result<chat_model> load(std::filesystem::path const& path);

  result<chat_message> answer(conversation const& talk);

private:
  chat_model(loaded_model model, applied_template chat) : model_(std::move(model)), template_(std::move(chat)) {}

  loaded_model model_;
  applied_template template_;
};

} // namespace paddler
