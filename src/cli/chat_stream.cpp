#include "cli/chat_stream.hpp"

#include "base/text.hpp"
#include "cli/api_answer.hpp"
#include "wire/json_codec.hpp"

namespace paddler {
namespace {

std::optional<std::uint64_t> number_of(document_node const* node) {
  auto const text = text_of(node);
  std::string_view rest = text;
  return take_number<std::uint64_t>(rest);
}

} // namespace

std::string chat_request_body(std::string_view model, std::vector<chat_turn> const& turns) {
  auto messages = list_node();
  for (auto const& turn : turns) {
    auto message = object_node();
    message.add("role", text_node(turn.role)).add("content", text_node(turn.content));
    messages.items.push_back(std::move(message));
  }
  auto body = object_node();
  if (!model.empty()) body.add("model", text_node(std::string(model)));
  body.add("messages", std::move(messages)).add("stream", boolean_node(true));
  body.add("stream_options", object_node().add("include_usage", boolean_node(true)));
  return print_json(body);
}

result<chat_piece> chat_stream::take(std::string_view data) {
  if (data == "[DONE]") {
    done_ = true;
    return chat_piece{};
  }
  auto const chunk = parse_json(data);
  if (!chunk) return fail(error_code::protocol, "the server sent what is not a chunk of an answer: " + clipped(data));
  if (auto const* const object = item_of(*chunk, "error")) return std::unexpected(error_of_object(*object, 0));
  if (auto const* const usage = item_of(*chunk, "usage"))
    completion_tokens_ = number_of(item_of(*usage, "completion_tokens"));
  auto const* const choices = item_of(*chunk, "choices");
  if (choices == nullptr || choices->items.empty()) return chat_piece{};
  auto const& choice = choices->items.front();
  if (auto const reason = text_of(item_of(choice, "finish_reason")); !reason.empty()) finish_reason_ = reason;
  auto const* const delta = item_of(choice, "delta");
  if (delta == nullptr) return chat_piece{};
  return chat_piece{text_of(item_of(*delta, "content")), text_of(item_of(*delta, "reasoning_content"))};
}

} // namespace paddler
