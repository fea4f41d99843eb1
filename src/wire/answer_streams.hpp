// For tests: streams of answers around any tokens, in the bytes in which llama-server writes them, and texts that are
// hard to read within them.
#pragma once
#include "base/random.hpp"
#include "wire/json_text.hpp"
#include "wire/resume_request.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct made_token {
  std::string text;
  bool reasoning = false; // only in chats
};

// One engine that would give one answer. `ending` is its finish reason; an end by "stop" is a token as well.
struct answering_engine {
  streamed_api api = streamed_api::chat;
  std::vector<made_token> tokens;
  std::string id = "chatcmpl-mzl1PHbHwXseYBsClSL2ubvxCH1SX9pf";
  std::uint64_t created = 1795806536;
  std::uint64_t prompt_tokens = 15;
  std::string ending = "stop";
  bool usage = true; // of chats; completions always have it
  bool timings = true;

  [[nodiscard]] bool chat() const { return api == streamed_api::chat; }

  [[nodiscard]] std::string event(std::string_view choice, std::string_view before_id = "",
                                  std::string_view behind = "") const {
    std::string const name = R"("id":)" + json_text(id);
    std::string const made_by = R"("model":"demo","system_fingerprint":"b1-de3ff81","object":)";
    std::string out = R"(data: {"choices":[)" + std::string(choice) + R"(],"created":)" + std::to_string(created) + ",";
    out += chat() ? name + "," + made_by + R"("chat.completion.chunk")" + std::string(before_id)
                  : made_by + R"("text_completion")" + std::string(before_id) + "," + name;
    return out + std::string(behind) + "}\n\n";
  }

  [[nodiscard]] std::string choice(std::string_view what, std::string_view reason = "null") const {
    return chat() ? R"({"finish_reason":)" + std::string(reason) + R"(,"index":0,"delta":{)" + std::string(what) + "}}"
                  : R"({"text":)" + std::string(what) + R"(,"index":0,"logprobs":null,"finish_reason":)" +
                        std::string(reason) + "}";
  }

  [[nodiscard]] std::string role_event() const { return event(choice(R"("role":"assistant","content":null)")); }

  [[nodiscard]] std::string token_event(made_token const& token) const {
    if (!chat()) return event(choice(json_text(token.text)));
    return event(choice((token.reasoning ? R"("reasoning_content":)" : R"("content":)") + json_text(token.text)));
  }

  // `before` tokens stood in its prompt.
  [[nodiscard]] std::string usage_text(std::size_t before) const {
    auto const made = tokens.size() - before + (ending == "stop" ? 1 : 0);
    auto const prompt = prompt_tokens + before;
    return R"(,"usage":{"completion_tokens":)" + std::to_string(made) + R"(,"prompt_tokens":)" +
           std::to_string(prompt) + R"(,"total_tokens":)" + std::to_string(made + prompt) +
           R"(,"prompt_tokens_details":{"cached_tokens":0}})";
  }

  [[nodiscard]] std::string end_of(std::size_t before) const {
    std::string const reason = json_text(ending);
    std::string const measured = timings ? R"(,"timings":{"cache_n":0,"prompt_n":15,"predicted_ms":2.173})" : "";
    std::string const used = usage_text(before);
    if (!chat()) return event(choice(R"("")", reason), used, measured) + "data: [DONE]\n\n";
    std::string const end =
        usage ? event(choice("", reason)) + event("", used, measured) : event(choice("", reason), "", measured);
    return end + "data: [DONE]\n\n";
  }

  // What it answers when it goes on behind so many tokens: the events of all others.
  [[nodiscard]] std::vector<std::string> events(std::size_t before = 0) const {
    std::vector<std::string> out;
    if (chat()) out.push_back(role_event());
    for (std::size_t i = before; i < tokens.size(); ++i) out.push_back(token_event(tokens[i]));
    out.push_back(end_of(before));
    return out;
  }

  [[nodiscard]] std::string stream(std::size_t before = 0) const {
    std::string out;
    for (auto const& each : events(before)) out += each;
    return out;
  }
};

// "1, 2, 3." in 8 tokens.
inline std::vector<made_token> counting() {
  std::vector<made_token> out;
  for (auto const* text : {"1", ",", " ", "2", ",", " ", "3", "."}) out.push_back({text});
  return out;
}

// Half of them of things that a careless reader takes for the end of something.
inline std::vector<made_token> random_tokens(random_source& random, bool reasoning) {
  static constexpr std::array hard{
      "\"",   "\\", "\n",      "\r\n\r\n", "\x01",   "\x7f",        "\"}}]", "\",\"content\":\"x", "data: ", "é",
      "世界", "😀", "\\u0041", "",         "[DONE]", "\"text\":\"", "\\\""};
  std::vector<made_token> out(random.below(60));
  auto const thoughts = reasoning ? random.below(out.size() + 1) : 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    bool const is_hard = random.below(2) == 0;
    out[i] = {is_hard ? hard.at(random.below(hard.size())) : " w" + std::to_string(random.below(1000)), i < thoughts};
  }
  return out;
}

// What a client has of the first `count` tokens.
inline answer_so_far so_far_of(answering_engine const& engine, std::size_t count) {
  answer_so_far out;
  for (std::size_t i = 0; i < std::min(count, engine.tokens.size()); ++i)
    (engine.tokens[i].reasoning ? out.reasoning : out.text) += engine.tokens[i].text;
  out.id = engine.id;
  out.created = std::to_string(engine.created);
  out.model = "demo";
  out.fingerprint = "b1-de3ff81";
  out.role_sent = engine.chat();
  return out;
}

} // namespace paddler
