#include "engine/simulated_events.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace paddler {
namespace {

namespace json = boost::json;

// An event's name is also its first field.
std::string event(std::string_view type, json::object const& more) {
  json::object fields{{"type", type}};
  for (auto const& [key, value] : more) fields.emplace(key, value);
  return "event: " + std::string(type) + "\ndata: " + json::serialize(fields) + "\n\n";
}

class responses_writer final : public simulated_writer {
public:
  responses_writer(answer_plan const& plan, answer_identity identity) : plan_(plan), identity_(std::move(identity)) {}

  std::string begin() override {
    json::object const started{{"id", "resp_" + identity_.key}, {"object", "response"}, {"status", "in_progress"}};
    std::string out = event("response.created", {{"response", started}});
    out += event("response.in_progress", {{"response", started}});
    out += event("response.output_item.added", {{"item", item("in_progress", false)}});
    if (!plan_.called_tool)
      out += event("response.content_part.added",
                   {{"item_id", item_id()}, {"part", json::object{{"type", "output_text"}, {"text", ""}}}});
    return out;
  }

  std::string token(std::string_view text) override {
    return event(plan_.called_tool ? "response.function_call_arguments.delta" : "response.output_text.delta",
                 {{"item_id", item_id()}, {"delta", text}});
  }

  std::string end(answer_times const& /*took*/) override {
    std::string out;
    if (!plan_.called_tool) {
      out += event("response.output_text.done", {{"item_id", item_id()}, {"text", plan_.text()}});
      out += event("response.content_part.done", {{"item_id", item_id()}, {"part", text_part(plan_.text())}});
    }
    out += event("response.output_item.done", {{"item", item("completed", true)}});
    return out + event("response.completed", {{"response", response()}});
  }

  std::string whole(answer_times const& /*took*/) override {
    auto out = response();
    out.emplace("completed_at", identity_.created);
    return json::serialize(out);
  }

private:
  [[nodiscard]] std::string item_id() const { return (plan_.called_tool ? "fc_" : "msg_") + identity_.key; }

  static json::object text_part(std::string const& text) {
    return {{"type", "output_text"}, {"annotations", json::array()}, {"logprobs", json::array()}, {"text", text}};
  }

  [[nodiscard]] json::object item(std::string_view status, bool filled) const {
    json::object out{{"id", item_id()}, {"status", status}};
    if (plan_.called_tool) {
      out.emplace("type", "function_call");
      out.emplace("arguments", filled ? plan_.text() : "");
      out.emplace("call_id", "call_" + identity_.key);
      out.emplace("name", *plan_.called_tool);
    } else {
      out.emplace("type", "message");
      out.emplace("content", filled ? json::array{text_part(plan_.text())} : json::array());
      out.emplace("role", "assistant");
    }
    return out;
  }

  [[nodiscard]] json::object response() const {
    return {{"id", "resp_" + identity_.key},
            {"object", "response"},
            {"created_at", identity_.created},
            {"status", "completed"},
            {"model", identity_.model},
            {"output", json::array{item("completed", true)}},
            {"usage", json::object{{"input_tokens", plan_.prompt_tokens},
                                   {"output_tokens", plan_.completion_tokens()},
                                   {"total_tokens", plan_.prompt_tokens + plan_.completion_tokens()},
                                   {"input_tokens_details", json::object{{"cached_tokens", 0}}}}}};
  }

  answer_plan const& plan_;
  answer_identity const identity_;
};

class messages_writer final : public simulated_writer {
public:
  messages_writer(answer_plan const& plan, answer_identity identity) : plan_(plan), identity_(std::move(identity)) {}

  std::string begin() override {
    return event("message_start", {{"message", message(json::array(), nullptr, 0)}}) +
           event("content_block_start", {{"index", 0}, {"content_block", empty_block()}});
  }

  std::string token(std::string_view text) override {
    json::object delta{{"type", "text_delta"}, {"text", text}};
    if (plan_.called_tool) delta = {{"type", "input_json_delta"}, {"partial_json", text}};
    return event("content_block_delta", {{"index", 0}, {"delta", std::move(delta)}});
  }

  std::string end(answer_times const& /*took*/) override {
    json::object const delta{{"stop_reason", stop_reason()}, {"stop_sequence", stop_sequence()}};
    json::object const usage{{"output_tokens", plan_.completion_tokens()}};
    return event("content_block_stop", {{"index", 0}}) + event("message_delta", {{"delta", delta}, {"usage", usage}}) +
           event("message_stop", {});
  }

  std::string whole(answer_times const& /*took*/) override {
    json::object block = empty_block();
    if (plan_.called_tool) {
      boost::system::error_code ec;
      auto input = json::parse(plan_.text(), ec); // cut off by the limit it is no document
      block["input"] = ec ? json::value(json::object()) : std::move(input);
    } else {
      block["text"] = plan_.text();
    }
    return json::serialize(message({std::move(block)}, stop_reason(), plan_.completion_tokens()));
  }

private:
  [[nodiscard]] json::object empty_block() const {
    if (!plan_.called_tool) return {{"type", "text"}, {"text", ""}};
    return {{"type", "tool_use"}, {"id", identity_.key}, {"name", *plan_.called_tool}};
  }

  [[nodiscard]] json::value stop_reason() const {
    if (plan_.finish == finish_reason::length) return "max_tokens";
    if (plan_.finish == finish_reason::tool_calls) return "tool_use";
    if (plan_.stop_word) return "stop_sequence";
    return "end_turn";
  }

  [[nodiscard]] json::value stop_sequence() const {
    return plan_.stop_word ? json::value(*plan_.stop_word) : json::value(nullptr);
  }

  [[nodiscard]] json::object message(json::array content, json::value reason, std::size_t output_tokens) const {
    bool const ended = !reason.is_null();
    return {{"id", "chatcmpl-" + identity_.key},
            {"type", "message"},
            {"role", "assistant"},
            {"content", std::move(content)},
            {"model", identity_.model},
            {"stop_reason", std::move(reason)},
            {"stop_sequence", ended ? stop_sequence() : json::value(nullptr)},
            {"usage", json::object{{"cache_read_input_tokens", 0},
                                   {"input_tokens", plan_.prompt_tokens},
                                   {"output_tokens", output_tokens}}}};
  }

  answer_plan const& plan_;
  answer_identity const identity_;
};

} // namespace

std::unique_ptr<simulated_writer> make_responses_writer(answer_plan const& plan, answer_identity identity) {
  return std::make_unique<responses_writer>(plan, std::move(identity));
}

std::unique_ptr<simulated_writer> make_messages_writer(answer_plan const& plan, answer_identity identity) {
  return std::make_unique<messages_writer>(plan, std::move(identity));
}

} // namespace paddler
