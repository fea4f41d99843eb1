#include "engine/simulated_messages.hpp"

#include <boost/json/serialize.hpp>

namespace paddler {
namespace {

namespace json = boost::json;

using messages = std::vector<chat_message>;

std::unexpected<api_error> bad(std::string message) {
  return std::unexpected(api_error(400, "invalid_request_error", std::move(message)));
}

std::string text_field(json::object const& fields, std::string_view key) {
  auto const* value = fields.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

void append_line(std::string& text, std::string const& line) {
  if (!text.empty() && !line.empty()) text += '\n';
  text += line;
}

std::string call_text(std::string const& name, json::value const* arguments) {
  std::string out = name + '(';
  if (arguments != nullptr && arguments->is_string())
    out += std::string_view(arguments->as_string());
  else if (arguments != nullptr)
    out += json::serialize(*arguments);
  return out + ')';
}

// A part of a message: its text, or a text that depends on what it is.
std::string part_text(json::value const& part) {
  if (part.is_string()) return std::string(part.as_string());
  auto const* fields = part.if_object();
  if (fields == nullptr) return json::serialize(part);
  if (auto const* text = fields->if_contains("text"); text != nullptr && text->is_string())
    return std::string(text->as_string());
  if (text_field(*fields, "type") == "tool_use")
    return call_text(text_field(*fields, "name"), fields->if_contains("input"));
  return json::serialize(part);
}

std::string content_text(json::value const* content) {
  if (content == nullptr || content->is_null()) return {};
  if (!content->is_array()) return part_text(*content);
  std::string out;
  for (auto const& part : content->as_array()) append_line(out, part_text(part));
  return out;
}

std::string tool_calls_text(json::object const& message) {
  std::string out;
  auto const* calls = message.if_contains("tool_calls");
  if (calls == nullptr || !calls->is_array()) return out;
  for (auto const& call : calls->as_array())
    if (auto const* fields = call.if_object())
      if (auto const* function = fields->if_contains("function"); function != nullptr && function->is_object()) {
        auto const& inner = function->as_object();
        append_line(out, call_text(text_field(inner, "name"), inner.if_contains("arguments")));
      }
  return out;
}

api_result<chat_message> chat_turn(json::value const& value) {
  auto const* fields = value.if_object();
  if (fields == nullptr) return bad("Each message must be an object");
  chat_message out{text_field(*fields, "role"), content_text(fields->if_contains("content"))};
  if (out.role.empty()) return bad("Each message must have a 'role'");
  bool const has_content = fields->contains("content") && !fields->at("content").is_null();
  if (out.role != "assistant" && !has_content) return bad("All non-assistant messages must contain 'content'");
  append_line(out.content, tool_calls_text(*fields));
  return out;
}

// Tool results stand among the parts of a user's message.
void add_anthropic_turn(json::object const& fields, messages& out) {
  auto const* content = fields.if_contains("content");
  chat_message turn{text_field(fields, "role"), {}};
  messages results;
  if (content != nullptr && content->is_array()) {
    for (auto const& part : content->as_array()) {
      auto const* block = part.if_object();
      if (block != nullptr && text_field(*block, "type") == "tool_result")
        results.push_back({"tool", content_text(block->if_contains("content"))});
      else
        append_line(turn.content, part_text(part));
    }
  } else {
    turn.content = content_text(content);
  }
  if (!turn.content.empty() || results.empty()) out.push_back(std::move(turn));
  out.insert(out.end(), results.begin(), results.end());
}

api_result<messages> anthropic_messages(json::object const& body) {
  auto const* turns = body.if_contains("messages");
  if (turns == nullptr || !turns->is_array())
    return std::unexpected(api_error(500, "server_error", "'messages' is required"));
  messages out;
  if (auto system = content_text(body.if_contains("system")); !system.empty())
    out.push_back({"system", std::move(system)});
  for (auto const& turn : turns->as_array()) {
    if (!turn.is_object()) return bad("Each message must be an object");
    add_anthropic_turn(turn.as_object(), out);
  }
  return out;
}

chat_message response_item(json::object const& item) {
  auto const type = text_field(item, "type");
  if (type == "function_call") return {"assistant", call_text(text_field(item, "name"), item.if_contains("arguments"))};
  if (type == "function_call_output") return {"tool", content_text(item.if_contains("output"))};
  return {text_field(item, "role"), content_text(item.if_contains("content"))};
}

api_result<messages> response_messages(json::object const& body) {
  auto const* input = body.if_contains("input");
  if (input == nullptr) return bad("'input' is required");
  if (!text_field(body, "previous_response_id").empty())
    return bad("llama.cpp does not support 'previous_response_id'.");
  messages out;
  if (auto rules = text_field(body, "instructions"); !rules.empty()) out.push_back({"system", std::move(rules)});
  if (input->is_string()) {
    out.push_back({"user", std::string(input->as_string())});
    return out;
  }
  if (!input->is_array()) return bad("'input' must be a string or array of objects");
  for (auto const& item : input->as_array()) {
    if (!item.is_object()) return bad("'input' must be a string or array of objects");
    out.push_back(response_item(item.as_object()));
  }
  return out;
}

api_result<messages> chat_messages(json::object const& body) {
  auto const* turns = body.if_contains("messages");
  if (turns == nullptr) return bad("'messages' is required");
  if (!turns->is_array()) return bad("Expected 'messages' to be an array");
  messages out;
  for (auto const& value : turns->as_array()) {
    auto turn = chat_turn(value);
    if (!turn) return std::unexpected(std::move(turn.error()));
    out.push_back(std::move(*turn));
  }
  return out;
}

} // namespace

api_result<messages> parse_messages(generation_api api, json::object const& body) {
  switch (api) {
  case generation_api::responses: return response_messages(body);
  case generation_api::messages: return anthropic_messages(body);
  default: return chat_messages(body);
  }
}

} // namespace paddler
