#include "models/conversation.hpp"

namespace paddler {
namespace {

constexpr char const* turn_end = "<|im_end|>";

std::string turn_start(std::string const& role) { return "<|im_start|>" + role + "\n"; }

std::string system_text(conversation const& talk) {
  if (talk.tools.empty()) return talk.instructions;
  auto text = talk.instructions.empty() ? std::string() : talk.instructions + "\n";
  text += "<tools>\n";
  for (auto const& tool : talk.tools) text += tool + "\n";
  return text + "</tools>";
}

std::string text_of(chat_message const& message) {
  auto text = message.content;
  for (auto const& call : message.calls) {
    if (!text.empty()) text += "\n";
    text += "<tool_call>\n{\"name\": \"" + call.name + "\", \"arguments\": " + call.arguments + "}\n</tool_call>";
  }
  return text;
}

} // namespace

std::vector<text_part> render(conversation const& talk) {
  std::vector<text_part> parts;
  if (auto const text = system_text(talk); !text.empty()) {
    parts.push_back({turn_start("system") + text + turn_end + "\n"});
  }
  for (auto const& message : talk.messages) {
    if (message.role == "assistant") {
      parts.push_back({turn_start(message.role)});
      parts.push_back({text_of(message) + turn_end, true});
      parts.push_back({"\n"});
    } else {
      parts.push_back({turn_start(message.role) + text_of(message) + turn_end + "\n"});
    }
  }
  return parts;
}

} // namespace paddler
