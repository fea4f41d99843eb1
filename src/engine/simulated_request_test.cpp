#include "engine/simulated_request.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using enum generation_api;

generation_request parsed(generation_api api, std::string_view body) {
  auto out = parse_generation(api, body);
  if (!out) ADD_FAILURE() << out.error().message;
  return out ? std::move(*out) : generation_request();
}

TEST(SimulatedRequest, ReadsTheSameConversationFromEachApi) {
  std::vector<chat_message> const expected = {{"system", "Be short."}, {"user", "Hi\nthere"}};
  EXPECT_EQ(parsed(chat, R"({"messages":[{"role":"system","content":"Be short."},
      {"role":"user","content":[{"type":"text","text":"Hi"},{"type":"text","text":"there"}]}]})")
                .messages,
            expected);
  EXPECT_EQ(parsed(messages, R"({"system":[{"type":"text","text":"Be short."}],
      "messages":[{"role":"user","content":"Hi\nthere"}]})")
                .messages,
            expected);
  EXPECT_EQ(parsed(responses, R"({"instructions":"Be short.","input":[{"role":"user","content":
      [{"type":"input_text","text":"Hi"},{"type":"input_text","text":"there"}]}]})")
                .messages,
            expected);
  EXPECT_EQ(parsed(responses, R"({"instructions":"Be short.","input":"Hi\nthere"})").messages, expected);
}

TEST(SimulatedRequest, ThePromptIsTheCanonicalOne) {
  auto const request = parsed(chat, R"({"messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(request.prompt, canonical_prompt(request.messages));
  EXPECT_EQ(parsed(completions, R"({"prompt":"Hi"})").prompt, "Hi");
  EXPECT_EQ(parsed(completions, R"({"prompt":["Hi"]})").prompt, "Hi");
  EXPECT_EQ(parsed(completions, R"({"prompt":[1,22]})").prompt, "1 22");
}

TEST(SimulatedRequest, ReadsToolTurns) {
  std::vector<chat_message> const expected = {
      {"user", "Weather?"}, {"assistant", "get_weather({\"city\":\"Oslo\"})"}, {"tool", "snow"}};
  EXPECT_EQ(parsed(chat, R"({"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,
      "tool_calls":[{"id":"1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},
      {"role":"tool","tool_call_id":"1","content":"snow"}]})")
                .messages,
            expected);
  EXPECT_EQ(parsed(messages, R"({"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":
      [{"type":"tool_use","id":"1","name":"get_weather","input":{"city":"Oslo"}}]},{"role":"user","content":
      [{"type":"tool_result","tool_use_id":"1","content":"snow"}]}]})")
                .messages,
            expected);
  EXPECT_EQ(parsed(responses, R"({"input":[{"role":"user","content":"Weather?"},{"type":"function_call","call_id":"1",
      "name":"get_weather","arguments":"{\"city\":\"Oslo\"}"},{"type":"function_call_output","call_id":"1",
      "output":"snow"}]})")
                .messages,
            expected);
}

TEST(SimulatedRequest, ReadsOptionsByTheirNamesInEachApi) {
  for (auto [api, name] : {std::pair{chat, "max_tokens"}, {chat, "max_completion_tokens"}, {chat, "n_predict"}})
    EXPECT_EQ(parsed(api, R"({"messages":[],")" + std::string(name) + R"(":7})").max_tokens, 7U) << name;
  EXPECT_EQ(parsed(responses, R"({"input":"x","max_output_tokens":7})").max_tokens, 7U);
  EXPECT_EQ(parsed(chat, R"({"messages":[],"max_tokens":-1})").max_tokens, std::nullopt);
  EXPECT_EQ(parsed(chat, R"({"messages":[],"max_tokens":null})").max_tokens, std::nullopt);
  auto const request = parsed(chat, R"({"messages":[],"stream":true,"stream_options":{"include_usage":true},
      "stop":["a","b"],"ignore_eos":true})");
  EXPECT_TRUE(request.stream && request.include_usage && request.ignore_eos);
  EXPECT_EQ(request.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parsed(messages, R"({"messages":[],"stop_sequences":["x"]})").stop, std::vector<std::string>{"x"});
}

TEST(SimulatedRequest, ReadsToolsAndFormatsInEachShape) {
  for (auto tools : {R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])",
                     R"([{"type":"function","name":"f","parameters":{"type":"object"}}])",
                     R"([{"name":"f","input_schema":{"type":"object"}}])"}) {
    auto const request = parsed(chat, R"({"messages":[],"tools":)" + std::string(tools) + "}");
    ASSERT_EQ(request.tools.size(), 1U);
    EXPECT_EQ(request.tools[0].name, "f");
    EXPECT_TRUE(request.tools[0].parameters.is_object());
  }
  auto const choice = [](std::string const& value) {
    return parsed(chat, R"({"messages":[],"tool_choice":)" + value + "}");
  };
  EXPECT_FALSE(choice(R"("none")").may_call);
  EXPECT_FALSE(choice(R"({"type":"none"})").may_call);
  EXPECT_EQ(choice(R"("auto")").forced_tool, std::nullopt);
  EXPECT_EQ(choice(R"("required")").forced_tool, "");
  EXPECT_EQ(choice(R"({"type":"any"})").forced_tool, "");
  EXPECT_EQ(choice(R"({"type":"function","function":{"name":"f"}})").forced_tool, "f");
  EXPECT_EQ(choice(R"({"type":"tool","name":"f"})").forced_tool, "f");
  auto const schema = boost::json::value{{"type", "integer"}};
  EXPECT_EQ(parsed(chat, R"({"messages":[],"response_format":{"type":"json_schema","json_schema":
      {"name":"x","schema":{"type":"integer"}}}})")
                .schema,
            schema);
  EXPECT_EQ(parsed(responses, R"({"input":"x","text":{"format":{"type":"json_schema","name":"x",
      "schema":{"type":"integer"}}}})")
                .schema,
            schema);
  EXPECT_EQ(parsed(chat, R"({"messages":[],"response_format":{"type":"text"}})").schema, std::nullopt);
}

TEST(SimulatedRequest, FaultsAreAskedForInThePrompt) {
  auto const request = parsed(completions, R"({"prompt":"say [[crash 5]] or [[hang 6]], [[stall x]], [[drip 7"})");
  EXPECT_EQ(request.faults.crash_at, 5U);
  EXPECT_EQ(request.faults.hang_at, 6U);
  EXPECT_EQ(request.faults.stall_at, 0U);
  EXPECT_EQ(request.faults.drip_at, 0U);
}

TEST(SimulatedRequest, AnAnswersBeginningIsToldFromItsPrompt) {
  auto const continued = parsed(chat, R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant",
      "reasoning_content":"hm ","content":"a b"}],"continue_final_message":"content","add_generation_prompt":false})");
  EXPECT_EQ(continued.prompt, "user 2:Hi\n");
  EXPECT_EQ(continued.delivered, "hm a b");
  EXPECT_EQ(continued.prompt_tokens(), 5U);
  auto const plain = parsed(completions, R"({"prompt":"say: a b","generation_prompt":"a b"})");
  EXPECT_EQ(plain.prompt, "say: ");
  EXPECT_EQ(plain.delivered, "a b");
  auto const numbers = parsed(completions, R"({"prompt":[1,22,"a b"],"generation_prompt":"a b"})");
  EXPECT_EQ(numbers.prompt, "1 22");
  EXPECT_EQ(numbers.prompt_tokens(), 4U);
}

TEST(SimulatedRequest, ACrashMayBeAskedForAlways) {
  EXPECT_TRUE(parsed(completions, R"({"prompt":"say [[crash always]]"})").faults.crash_always);
  EXPECT_FALSE(parsed(completions, R"({"prompt":"say [[crash 5]]"})").faults.crash_always);
}

struct bad_request {
  generation_api api;
  std::string_view body;
  unsigned status;
  std::string_view message;
};

TEST(SimulatedRequest, RefusesAsLlamaServerDoes) {
  for (auto const& [api, body, status, message] : std::vector<bad_request>{
           {chat, "{bad", 500, "parse error: syntax error"},
           {chat, "", 500, "parse error: incomplete JSON"},
           {chat, "{}", 400, "'messages' is required"},
           {chat, "[]", 400, "'messages' is required"},
           {chat, R"({"messages":"x"})", 400, "Expected 'messages' to be an array"},
           {chat, R"({"messages":["x"]})", 400, "Each message must be an object"},
           {chat, R"({"messages":[{"content":"x"}]})", 400, "Each message must have a 'role'"},
           {chat, R"({"messages":[{"role":"user"}]})", 400, "All non-assistant messages must contain 'content'"},
           {chat, R"({"messages":[],"max_tokens":"many"})", 400, "Field 'max_tokens': type must be number"},
           {chat, R"({"messages":[],"temperature":"hot"})", 400, "Field 'temperature': type must be number"},
           {chat, R"({"messages":[],"n":2})", 400, "Field 'n': the simulated engine gives one choice"},
           {completions, "{}", 400, "'prompt' is required"},
           {completions, R"({"prompt":["a","b"]})", 400,
            "Field 'prompt': the simulated engine takes one prompt, a text or a list of token numbers"},
           {completions, R"({"prompt":"say","generation_prompt":"a"})", 500,
            "the prompt does not end with its 'generation_prompt'"},
           {chat, R"({"messages":[{"role":"assistant","content":"a"}],"continue_final_message":true})", 400,
            "Cannot set both add_generation_prompt and continue_final_message to true."},
           {responses, "{}", 400, "'input' is required"},
           {responses, R"({"input":5})", 400, "'input' must be a string or array of objects"},
           {messages, "{}", 500, "'messages' is required"},
       }) {
    auto const wrong = parse_generation(api, body);
    ASSERT_FALSE(wrong) << body;
    EXPECT_EQ(wrong.error().status, status) << body;
    EXPECT_EQ(wrong.error().message, message) << body;
  }
  EXPECT_EQ(to_json(api_error(400, "invalid_request_error", "a \"b\"")),
            R"({"error":{"code":400,"message":"a \"b\"","type":"invalid_request_error"}})");
}

TEST(SimulatedRequest, ReadsEmbeddingInputs) {
  using strings = std::vector<std::string>;
  EXPECT_EQ(parse_embedding(R"({"input":"a"})")->inputs, strings{"a"});
  EXPECT_EQ(parse_embedding(R"({"input":["a","b"],"encoding_format":"base64"})")->inputs, (strings{"a", "b"}));
  EXPECT_TRUE(parse_embedding(R"({"input":["a","b"],"encoding_format":"base64"})")->base64);
  EXPECT_EQ(parse_embedding(R"({"input":[1,2]})")->inputs, strings{"1 2"});
  EXPECT_EQ(parse_embedding(R"({"input":[[1],[2,3]]})")->inputs, (strings{"1", "2 3"}));
  for (auto bad : {"{}", "[]", R"({"input":[]})", R"({"input":5})", R"({"input":[{}]})",
                   R"({"input":"a","encoding_format":"hex"})", R"({"input":"a","encoding_format":5})"})
    EXPECT_FALSE(parse_embedding(bad)) << bad;
}

} // namespace
} // namespace paddler
