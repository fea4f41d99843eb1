#include "engine/simulated_format.hpp"

#include "engine/simulated_events.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace paddler {
namespace {

namespace json = boost::json;

constexpr double shortest_seconds = 1e-6; // of what took no time that could be measured

std::string data(json::value const& value) { return "data: " + json::serialize(value) + "\n\n"; }

json::value finish_word(finish_reason finish) {
  switch (finish) {
  case finish_reason::stop: return "stop";
  case finish_reason::length: return "length";
  case finish_reason::tool_calls: return "tool_calls";
  }
  return "stop";
}

json::object usage_of(answer_plan const& plan) {
  return {{"completion_tokens", plan.completion_tokens()},
          {"prompt_tokens", plan.prompt_tokens},
          {"total_tokens", plan.completion_tokens() + plan.prompt_tokens},
          {"prompt_tokens_details", json::object{{"cached_tokens", 0}}}};
}

double milliseconds(duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double per_second(std::size_t tokens, duration time) {
  return static_cast<double>(tokens) / std::max(std::chrono::duration<double>(time).count(), shortest_seconds);
}

json::object timings_of(answer_plan const& plan, answer_times const& took) {
  auto const made = plan.completion_tokens();
  return {{"cache_n", 0},
          {"prompt_n", plan.prompt_tokens},
          {"prompt_ms", milliseconds(took.prompt)},
          {"prompt_per_second", per_second(plan.prompt_tokens, took.prompt)},
          {"predicted_n", made},
          {"predicted_ms", milliseconds(took.predicted)},
          {"predicted_per_second", per_second(made, took.predicted)}};
}

// What the two OpenAI shapes that end with [DONE] have in common.
class openai_writer : public simulated_writer {
public:
  openai_writer(generation_request const& request, answer_plan const& plan, answer_identity identity)
      : request_(request), plan_(plan), identity_(std::move(identity)) {}

protected:
  // The choice stands in front, as llama-server has it.
  [[nodiscard]] json::object frame(json::array choices, std::string_view object) const {
    return {{"choices", std::move(choices)},
            {"created", identity_.created},
            {"model", identity_.model},
            {"system_fingerprint", "simulated"},
            {"object", object},
            {"id", "chatcmpl-" + identity_.key}};
  }

  generation_request const& request_;
  answer_plan const& plan_;
  answer_identity const identity_;
};

class completions_writer final : public openai_writer {
public:
  using openai_writer::openai_writer;

  std::string begin() override { return {}; }

  std::string token(std::string_view text) override { return data(frame({choice(text, nullptr)}, "text_completion")); }

  std::string end(answer_times const& took) override {
    auto last = frame({choice("", finish_word(plan_.finish))}, "text_completion");
    last.emplace("usage", usage_of(plan_));
    last.emplace("timings", timings_of(plan_, took));
    return data(last) + "data: [DONE]\n\n";
  }

  std::string whole(answer_times const& took) override {
    auto out = frame({choice(plan_.text(), finish_word(plan_.finish))}, "text_completion");
    out.emplace("usage", usage_of(plan_));
    out.emplace("timings", timings_of(plan_, took));
    return json::serialize(out);
  }

private:
  static json::object choice(std::string_view text, json::value finish) {
    return {{"text", text}, {"index", 0}, {"logprobs", nullptr}, {"finish_reason", std::move(finish)}};
  }
};

class chat_writer final : public openai_writer {
public:
  chat_writer(generation_request const& request, answer_plan const& plan, answer_identity identity)
      : openai_writer(request, plan, std::move(identity)) {
    // Every token's chunk but its text, once.
    std::string const mark = "\x01";
    std::string const chunk = data(delta({{"content", mark}}, nullptr));
    auto const at = chunk.find("\\u0001");
    before_ = chunk.substr(0, at);
    after_ = chunk.substr(at + 6);
  }

  std::string begin() override { return data(delta({{"role", "assistant"}, {"content", nullptr}}, nullptr)); }

  std::string token(std::string_view text) override {
    if (plan_.called_tool) return data(delta({{"tool_calls", json::array{tool_delta(text)}}}, nullptr));
    return before_ + json_escaped(text) + after_;
  }

  std::string end(answer_times const& took) override {
    auto last = delta({}, finish_word(plan_.finish));
    std::string out;
    if (request_.include_usage) {
      out = data(std::exchange(last, frame({}, "chat.completion.chunk")));
      last.emplace("usage", usage_of(plan_));
    }
    last.emplace("timings", timings_of(plan_, took));
    return out + data(last) + "data: [DONE]\n\n";
  }

  std::string whole(answer_times const& took) override {
    json::object message{{"role", "assistant"}, {"content", plan_.called_tool ? "" : plan_.text()}};
    if (plan_.called_tool)
      message.emplace("tool_calls", json::array{json::object{{"type", "function"},
                                                             {"function", json::object{{"name", *plan_.called_tool},
                                                                                       {"arguments", plan_.text()}}},
                                                             {"id", identity_.key}}});
    auto out = frame({json::object{{"finish_reason", finish_word(plan_.finish)}, {"index", 0}, {"message", message}}},
                     "chat.completion");
    out.emplace("usage", usage_of(plan_));
    out.emplace("timings", timings_of(plan_, took));
    return json::serialize(out);
  }

private:
  [[nodiscard]] json::object delta(json::object fields, json::value finish) const {
    return frame({json::object{{"finish_reason", std::move(finish)}, {"index", 0}, {"delta", std::move(fields)}}},
                 "chat.completion.chunk");
  }

  // The first one names the call.
  json::object tool_delta(std::string_view arguments) {
    if (std::exchange(named_, true)) return {{"index", 0}, {"function", json::object{{"arguments", arguments}}}};
    return {{"index", 0},
            {"id", identity_.key},
            {"type", "function"},
            {"function", json::object{{"name", *plan_.called_tool}, {"arguments", arguments}}}};
  }

  std::string before_, after_;
  bool named_ = false;
};

} // namespace

std::string json_escaped(std::string_view text) {
  std::string quoted = json::serialize(json::string(text));
  return quoted.substr(1, quoted.size() - 2);
}

std::unique_ptr<simulated_writer> make_simulated_writer(generation_request const& request, answer_plan const& plan,
                                                        answer_identity identity) {
  switch (request.api) {
  case generation_api::completions: return std::make_unique<completions_writer>(request, plan, std::move(identity));
  case generation_api::chat: return std::make_unique<chat_writer>(request, plan, std::move(identity));
  case generation_api::responses: return make_responses_writer(plan, std::move(identity));
  case generation_api::messages: return make_messages_writer(plan, std::move(identity));
  }
  return nullptr;
}

} // namespace paddler
