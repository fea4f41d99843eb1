// The chat templates (Jinja) that our models carry: Hermes style, so that llama.cpp finds out by itself how tool calls
// are written and parses them.
//
//   <|im_start|>system            instructions, and between <tools> and </tools> one JSON object a line
//   <|im_start|>user
//   <|im_start|>assistant         text, and <tool_call>\n{"name": ..., "arguments": ...}\n</tool_call>
//   <|im_start|>tool              what a call returned
//
// Each turn ends in <|im_end|>. An assistant's content may be null. A list of content parts is joined by llama.cpp.
#pragma once
#include <string>

namespace paddler {

std::string chat_template();

// The same, but the prompt for an answer that follows a tool's result ends in `marker`.
std::string chat_template_marking_results(std::string const& marker);

// The same for a model that was trained on short conversations: of a long one it shows the model the end, from the
// `turns`-th last message of the user on.
std::string chat_template_of_last(int turns);

} // namespace paddler
