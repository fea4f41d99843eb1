#include "models/chat_model.hpp"

#include <boost/json.hpp>
#include <chat.h>
#include <llama.h>

#include <exception>

namespace paddler {
namespace {

common_chat_msg as_common(chat_message const& message) {
  common_chat_msg made;
  made.role = message.role;
  made.content = message.content;
  for (auto const& call : message.calls) made.tool_calls.push_back({call.name, call.arguments, /*id=*/"call"});
  return made;
}

common_chat_tool as_common(std::string const& tool) {
  auto const function = boost::json::parse(tool).at("function").as_object();
  return {std::string(function.at("name").as_string()), std::string(function.at("description").as_string()),
          boost::json::serialize(function.at("parameters"))};
}

common_chat_templates_inputs as_inputs(conversation const& talk, bool ask) {
  common_chat_templates_inputs inputs;
  inputs.add_generation_prompt = ask;
  if (!talk.instructions.empty()) inputs.messages.push_back(as_common(chat_message{"system", talk.instructions, {}}));
  for (auto const& message : talk.messages) inputs.messages.push_back(as_common(message));
  for (auto const& tool : talk.tools) inputs.tools.push_back(as_common(tool));
  return inputs;
}

// llama.cpp's chat functions throw; here that becomes an error.
template <class F> auto guarded(char const* what, F work) -> result<decltype(work())> {
  try {
    return work();
  } catch (std::exception const& e) {
    return fail(error_code::invalid_input, std::string(what) + ": " + e.what());
  }
}

} // namespace

result<applied_template> applied_template::parse(std::string const& jinja) {
  return guarded("the chat template cannot be parsed", [&] {
    return applied_template({common_chat_templates_init(nullptr, jinja).release(), common_chat_templates_free});
  });
}

result<std::string> applied_template::text(conversation const& talk, bool ask) const {
  return guarded("the chat template cannot be applied",
                 [&] { return common_chat_templates_apply(parsed_.get(), as_inputs(talk, ask)).prompt; });
}

result<chat_message> applied_template::answer(conversation const& talk, std::string const& written) const {
  return guarded("the answer cannot be parsed", [&] {
    auto const applied = common_chat_templates_apply(parsed_.get(), as_inputs(talk, /*ask=*/true));
    common_chat_parser_params parser(applied);
    parser.parser.load(applied.parser);
    auto const parsed = common_chat_parse(written, /*is_partial=*/false, parser);
    chat_message message{"assistant", parsed.content, {}};
    for (auto const& call : parsed.tool_calls) message.calls.push_back({call.name, call.arguments});
    return message;
  });
}

result<chat_model> chat_model::load(std::filesystem::path const& path) {
  auto model = loaded_model::load(path);
  if (!model) return std::unexpected(model.error());
  auto const* const jinja = llama_model_chat_template(&model->model(), nullptr);
  if (jinja == nullptr) return fail(error_code::invalid_input, path.string() + " has no chat template");
  auto chat = applied_template::parse(jinja);
  if (!chat) return std::unexpected(chat.error());
  return chat_model(*std::move(model), *std::move(chat));
}

result<chat_message> chat_model::answer(conversation const& talk) {
  auto const prompt = template_.text(talk, /*ask=*/true);
  if (!prompt) return std::unexpected(prompt.error());
  auto const written = model_.complete(*prompt, max_answer_tokens);
  if (!written) return std::unexpected(written.error());
  return template_.answer(talk, *written);
}

} // namespace paddler
