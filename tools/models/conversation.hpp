// A conversation as a value, and as the text that a model sees of it.
#pragma once
#include <string>
#include <vector>

namespace paddler {

struct chat_tool_call {
  std::string name;
  std::string arguments; // JSON object, with a space after each colon and comma
};

struct chat_message {
  std::string role; // user, assistant or tool
  std::string content;
  std::vector<chat_tool_call> calls; // of the assistant
};

struct conversation {
  std::string instructions;       // the system message; may be empty
  std::vector<std::string> tools; // JSON objects as in the OpenAI API, formatted like `arguments`
  std::vector<chat_message> messages;
};

// A part of the text. `spoken` parts are what the assistant says, up to and including the end of its turn.
struct text_part {
  std::string text;
  bool spoken = false;
};

// The same text as chat_template() gives; a test holds the two together.
std::vector<text_part> render(conversation const& talk);

} // namespace paddler
