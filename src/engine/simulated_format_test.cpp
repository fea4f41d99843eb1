#include "engine/simulated_format.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace paddler {
namespace {

namespace json = boost::json;

// A small client of each API: reads a stream as its SDK does.
struct stream_reading {
  std::string text;
  std::string tool_name;
  std::string finish;
  std::vector<std::string> events;
  bool done = false;
  json::value usage;
};

std::vector<std::pair<std::string, std::string>> frames(std::string_view stream) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto end = stream.find("\n\n"); end != stream.npos; end = stream.find("\n\n")) {
    std::string_view frame = stream.substr(0, end);
    stream.remove_prefix(end + 2);
    std::string name;
    if (frame.starts_with("event: ")) {
      auto const line = frame.find('\n');
      name = frame.substr(7, line - 7);
      frame.remove_prefix(line + 1);
    }
    EXPECT_TRUE(frame.starts_with("data: ")) << frame;
    out.emplace_back(name, frame.substr(6));
  }
  EXPECT_EQ(stream, "") << "a frame without its end";
  return out;
}

struct case_of {
  generation_request request;
  answer_plan plan;

  explicit case_of(generation_api api, bool with_tool = false) {
    request.api = api;
    request.stream = true;
    request.include_usage = true;
    plan.tokens = {"one", " \"two\"\n",
                   " thr\xC3\xA9"
                   "e"};
    plan.prompt_tokens = 7;
    if (!with_tool) return;
    plan.called_tool = "get_weather";
    plan.tokens = {"{\"ci", "ty\":", "1}"};
    plan.finish = finish_reason::tool_calls;
  }

  [[nodiscard]] std::unique_ptr<simulated_writer> writer() const {
    answer_identity identity;
    identity.key = "KEY";
    identity.model = "sim";
    identity.created = 1;
    return make_simulated_writer(request, plan, identity);
  }

  [[nodiscard]] std::string stream() const {
    auto const w = writer();
    std::string out = w->begin();
    for (auto const& token : plan.tokens) out += w->token(token);
    return out + w->end({});
  }
};

std::string at(json::value const& value, std::string_view pointer) {
  boost::system::error_code ec;
  auto const* found = value.find_pointer(pointer, ec);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
}

stream_reading read_openai(std::string const& stream) {
  stream_reading out;
  for (auto const& [name, data] : frames(stream)) {
    EXPECT_EQ(name, "") << "named events break chat clients";
    if (data == "[DONE]") {
      out.done = true;
      continue;
    }
    EXPECT_FALSE(out.done);
    auto const chunk = json::parse(data);
    out.text += at(chunk, "/choices/0/delta/content") + at(chunk, "/choices/0/text") +
                at(chunk, "/choices/0/delta/tool_calls/0/function/arguments");
    out.tool_name += at(chunk, "/choices/0/delta/tool_calls/0/function/name");
    out.finish += at(chunk, "/choices/0/finish_reason");
    if (auto const* usage = chunk.as_object().if_contains("usage")) out.usage = *usage;
  }
  return out;
}

stream_reading read_events(std::string const& stream, std::string_view delta, std::string_view text) {
  stream_reading out;
  for (auto const& [name, data] : frames(stream)) {
    auto const event = json::parse(data);
    EXPECT_EQ(at(event, "/type"), name);
    if (out.events.empty() || out.events.back() != name) out.events.push_back(name);
    if (name == delta) out.text += at(event, text);
    out.tool_name += at(event, "/content_block/name");
    out.finish += at(event, "/delta/stop_reason");
  }
  return out;
}

json::value const usage = json::parse(R"({"completion_tokens":4,"prompt_tokens":7,"total_tokens":11,
                                          "prompt_tokens_details":{"cached_tokens":0}})");

TEST(SimulatedFormat, ChatStreams) {
  case_of const plain(generation_api::chat);
  auto const read = read_openai(plain.stream());
  EXPECT_EQ(read.text, plain.plan.text());
  EXPECT_EQ(read.finish, "stop");
  EXPECT_EQ(read.usage, usage);
  EXPECT_TRUE(read.done);
  case_of const call(generation_api::chat, true);
  auto const called = read_openai(call.stream());
  EXPECT_EQ(called.tool_name, "get_weather");
  EXPECT_EQ(called.text, R"({"city":1})");
  EXPECT_EQ(called.finish, "tool_calls");
}

TEST(SimulatedFormat, TheLastEventSaysHowFastItWas) {
  for (auto const api : {generation_api::chat, generation_api::completions})
    for (bool const with_usage : {true, false}) {
      case_of plain(api);
      plain.request.include_usage = with_usage;
      auto const w = plain.writer();
      auto const events = frames(w->end({std::chrono::milliseconds(2), std::chrono::seconds(1)}));
      auto const last = json::parse(events[events.size() - 2].second);
      EXPECT_EQ(last.at("timings"), json::parse(R"({"cache_n":0,"prompt_n":7,"prompt_ms":2.0,"prompt_per_second":3500.0,
                                                    "predicted_n":4,"predicted_ms":1000.0,"predicted_per_second":4.0})"));
      for (std::size_t i = 0; i + 2 < events.size(); ++i) EXPECT_FALSE(events[i].second.contains("timings"));
    }
}

TEST(SimulatedFormat, ChatWithoutUsageHasNone) {
  case_of plain(generation_api::chat);
  plain.request.include_usage = false;
  EXPECT_TRUE(read_openai(plain.stream()).usage.is_null());
}

TEST(SimulatedFormat, CompletionsStream) {
  case_of const plain(generation_api::completions);
  auto const read = read_openai(plain.stream());
  EXPECT_EQ(read.text, plain.plan.text());
  EXPECT_EQ(read.finish, "stop");
  EXPECT_TRUE(read.done);
}

TEST(SimulatedFormat, ResponsesStream) {
  case_of const plain(generation_api::responses);
  auto const read = read_events(plain.stream(), "response.output_text.delta", "/delta");
  EXPECT_EQ(read.text, plain.plan.text());
  EXPECT_EQ(read.events, (std::vector<std::string>{
                             "response.created", "response.in_progress", "response.output_item.added",
                             "response.content_part.added", "response.output_text.delta", "response.output_text.done",
                             "response.content_part.done", "response.output_item.done", "response.completed"}));
  case_of const call(generation_api::responses, true);
  EXPECT_EQ(read_events(call.stream(), "response.function_call_arguments.delta", "/delta").text, R"({"city":1})");
}

TEST(SimulatedFormat, MessagesStream) {
  case_of const plain(generation_api::messages);
  auto const read = read_events(plain.stream(), "content_block_delta", "/delta/text");
  EXPECT_EQ(read.text, plain.plan.text());
  EXPECT_EQ(read.finish, "end_turn");
  EXPECT_EQ(read.events, (std::vector<std::string>{"message_start", "content_block_start", "content_block_delta",
                                                   "content_block_stop", "message_delta", "message_stop"}));
  case_of const call(generation_api::messages, true);
  auto const called = read_events(call.stream(), "content_block_delta", "/delta/partial_json");
  EXPECT_EQ(called.text, R"({"city":1})");
  EXPECT_EQ(called.tool_name, "get_weather");
  EXPECT_EQ(called.finish, "tool_use");
}

struct whole_case {
  generation_api api;
  std::string_view text_at, finish_at, call_at, call_finish;
};

TEST(SimulatedFormat, WholeAnswersSayTheSame) {
  using enum generation_api;
  for (auto const& c :
       std::vector<whole_case>{{chat, "/choices/0/message/content", "/choices/0/finish_reason",
                                "/choices/0/message/tool_calls/0/function/arguments", "tool_calls"},
                               {responses, "/output/0/content/0/text", "/status", "/output/0/arguments", "completed"},
                               {messages, "/content/0/text", "/stop_reason", "", "tool_use"}}) {
    case_of const plain(c.api);
    auto const answer = json::parse(plain.writer()->whole({}));
    EXPECT_EQ(at(answer, c.text_at), plain.plan.text());
    EXPECT_NE(at(answer, c.finish_at), "");
    case_of const call(c.api, true);
    auto const called = json::parse(call.writer()->whole({}));
    if (!c.call_at.empty()) EXPECT_EQ(at(called, c.call_at), R"({"city":1})");
    EXPECT_EQ(at(called, c.finish_at), c.call_finish);
  }
  auto const used = json::parse(case_of(messages, true).writer()->whole({}));
  EXPECT_EQ(used.at_pointer("/content/0/input"), json::parse(R"({"city":1})"));
}

TEST(SimulatedFormat, AnAnswerWithoutTokensIsWhole) {
  case_of empty(generation_api::chat);
  empty.plan.tokens.clear();
  empty.plan.finish = finish_reason::length;
  EXPECT_EQ(read_openai(empty.stream()).finish, "length");
}

} // namespace
} // namespace paddler
