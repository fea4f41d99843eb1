#include "wire/answer_streams.hpp"
#include "wire/answer_text.hpp"
#include "wire/event_boundary.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace paddler {
namespace {

std::expected<answer_so_far, resume_refusal> read(std::string_view stream) {
  answer_text answer;
  answer.add(stream);
  return answer.read();
}

answer_so_far whole_of(answering_engine const& engine) {
  auto out = so_far_of(engine, engine.tokens.size());
  out.finish_reason = engine.ending;
  out.usage_sent = engine.usage || !engine.chat();
  out.done = true;
  return out;
}

answering_engine random_engine(std::uint64_t seed) {
  random_source random(seed);
  auto const api = seed % 2 == 0 ? streamed_api::chat : streamed_api::completions;
  answering_engine out{.api = api, .tokens = random_tokens(random, api == streamed_api::chat)};
  out.usage = random.below(2) == 0;
  return out;
}

// As llama-server wrote it, byte for byte.
TEST(AnswerText, RES_01_AChatAsTheEngineSentIt) {
  std::string const stream =
      R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795806536,"id":"chatcmpl-mzl1","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"1"}}],"created":1795806536,"id":"chatcmpl-mzl1","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":","}}],"created":1795806537,"id":"chatcmpl-mzl1","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1795806537,"id":"chatcmpl-mzl1","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[],"created":1795806537,"id":"chatcmpl-mzl1","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk","usage":{"completion_tokens":9,"prompt_tokens":15,"total_tokens":24,"prompt_tokens_details":{"cached_tokens":0}},"timings":{"cache_n":0,"prompt_n":15,"prompt_ms":1.112,"predicted_n":9}}

data: [DONE]

)";
  answer_so_far wanted;
  wanted.text = "1,";
  wanted.id = "chatcmpl-mzl1";
  wanted.created = "1795806536"; // of the first event
  wanted.model = "demo";
  wanted.fingerprint = "b1-de3ff81";
  wanted.finish_reason = "stop";
  wanted.role_sent = wanted.usage_sent = wanted.done = true;
  EXPECT_EQ(read(stream), wanted);
}

TEST(AnswerText, RES_01_ACompletionAsTheEngineSentIt) {
  std::string const stream =
      R"(data: {"choices":[{"text":" a","index":0,"logprobs":null,"finish_reason":null}],"created":1795806536,"model":"demo","system_fingerprint":"b1-de3ff81","object":"text_completion","id":"chatcmpl-kd5I"}

data: {"choices":[{"text":" \"time\"","index":0,"logprobs":null,"finish_reason":null}],"created":1795806536,"model":"demo","system_fingerprint":"b1-de3ff81","object":"text_completion","id":"chatcmpl-kd5I"}

data: {"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],"created":1795806536,"model":"demo","system_fingerprint":"b1-de3ff81","object":"text_completion","usage":{"completion_tokens":2,"prompt_tokens":6,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":1}},"id":"chatcmpl-kd5I","timings":{"cache_n":1,"prompt_n":5}}

data: [DONE]

)";
  auto const answer = read(stream);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, " a \"time\"");
  EXPECT_EQ(answer->finish_reason, "length");
  EXPECT_EQ(answer->id, "chatcmpl-kd5I");
  EXPECT_TRUE(answer->usage_sent && answer->done);
  EXPECT_FALSE(answer->role_sent || answer->tool_started);
}

TEST(AnswerText, RES_04_ACallOfAToolIsSeen) {
  answering_engine const engine;
  std::string const call =
      R"("tool_calls":[{"index":0,"id":"ZF5g","type":"function","function":{"name":"get_weather","arguments":"{"}}])";
  auto const answer = read(engine.role_event() + engine.event(engine.choice(call)));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->tool_started);
  EXPECT_EQ(answer->text, "");
}

TEST(AnswerText, RES_01_EachCutOfAStreamGivesTheTextOfItsWholeEvents) {
  for (auto const api : {streamed_api::chat, streamed_api::completions}) {
    answering_engine const engine{.api = api, .tokens = {{"1"}, {" \"é\n"}, {"."}}};
    std::string const stream = engine.stream();
    auto const events = engine.events();
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      event_boundary boundary;
      answer_text answer;
      auto const delivered = boundary.feed(std::string_view(stream).substr(0, cut));
      answer.add(delivered.fresh);
      std::size_t whole_events = 0;
      for (std::size_t size = 0; whole_events < events.size() && size + events[whole_events].size() <= cut;)
        size += events[whole_events++].size();
      auto const got = answer.read();
      ASSERT_TRUE(got);
      auto const tokens = whole_events - std::min<std::size_t>(whole_events, engine.chat() ? 1 : 0);
      EXPECT_EQ(got->text, so_far_of(engine, tokens).text) << cut;
      answer.add(std::string_view(stream).substr(delivered.fresh.size()));
      EXPECT_EQ(answer.read(), whole_of(engine)) << cut;
    }
  }
}

TEST(AnswerTextLaws, RES_01_FoldingAtAnyCutIsFoldingAtOnce) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    auto const engine = random_engine(seed);
    std::string const stream = engine.stream();
    ASSERT_EQ(read(stream), whole_of(engine)) << seed;
    random_source random(seed);
    answer_text answer;
    for (std::string_view rest = stream; !rest.empty();) {
      auto const piece = rest.substr(0, 1 + random.below(400));
      answer.add(piece);
      rest.remove_prefix(piece.size());
      auto const here = answer.read(); // folds
      EXPECT_TRUE(here || here.error() == resume_refusal::unreadable) << seed;
    }
    EXPECT_EQ(answer.read(), whole_of(engine)) << seed;
  }
}

// Each event has a field of its own, so that none is known by its frame.
TEST(AnswerTextLaws, RES_01_ReadByFrameIsReadByParser) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    auto engine = random_engine(seed);
    std::string parsed = engine.chat() ? engine.role_event() : "";
    std::string framed = parsed;
    for (auto const& token : engine.tokens) {
      auto const event = engine.token_event(token);
      framed += event;
      parsed += event.substr(0, event.size() - 3) + R"(,"number":)" + std::to_string(parsed.size()) + "}\n\n";
      engine.created += seed % 5;
    }
    auto const by_frame = read(framed);
    auto const by_parser = read(parsed);
    ASSERT_TRUE(by_frame && by_parser) << seed;
    EXPECT_EQ(*by_frame, *by_parser) << seed;
  }
}

// With a frame known and without one: it makes no event readable that is not.
TEST(AnswerText, RES_06_WhatIsNotKnownIsRefused) {
  answering_engine const engine;
  std::string const known = engine.token_event({"a"}) + engine.token_event({"b"});
  for (std::string const& bad : std::vector<std::string>{
           R"(data: {"error":{"code":500,"message":"x","type":"server_error"}})",
           R"(data: {"choices":[{"index":1,"delta":{"content":"a"}}]})",
           R"(data: {"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]})",
           R"(data: {"choices":[{"index":0,"delta":{"audio":"a"}}]})",
           R"(data: {"choices":[{"index":0,"delta":{"content":["a"]}}]})",
           R"(data: {"choices":[{"index":0,"delta":{"content":"a","content":"b"}}]})",
           R"(data: {"choices":[{"index":0,"text":"a","delta":{"content":"b"}}]})",
           R"(data: {"choices":{}})",
           "data: [1]",
           "data: {",
           "data: x",
           "event: error\ndata: {}",
           "data: {}\ndata: {}",
           R"(data: {"id":")" + std::string(max_answer_name_bytes + 1, 'x') + R"("})",
       }) {
    EXPECT_EQ(read(bad + "\n\n"), std::unexpected(resume_refusal::unreadable)) << bad;
    EXPECT_EQ(read(known + bad + "\n\n" + known), std::unexpected(resume_refusal::unreadable)) << bad;
  }
  for (std::string const& bad :
       std::vector<std::string>{"\xff", "\xed\xa0\x80", "\"", "\\", "\\x", "\\ud800", "\x01", "\n", "\xe4\xb8"}) {
    auto const event = engine.event(engine.choice(R"("content":")" + bad + "\""));
    EXPECT_EQ(read(event), std::unexpected(resume_refusal::unreadable)) << bad;
    EXPECT_EQ(read(known + event), std::unexpected(resume_refusal::unreadable)) << bad;
  }
}

TEST(AnswerText, EscapesAreReadWithinAFrameToo) {
  answering_engine const engine;
  std::string const escaped = engine.event(engine.choice(R"("content":"\u0041\/\ud83d\ude00\t")"));
  auto const answer = read(engine.token_event({"a"}) + escaped);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "aA/😀\t");
}

TEST(AnswerText, AFrameIsCutWhereTheTextIsAndNowhereElse) {
  auto const event = [](std::string const& decoy, std::string const& text, std::string const& time) {
    return R"(data: {"choices":[{"content":")" + decoy + R"(","index":0,"delta":{"content":")" + text +
           R"("}}],"x":{"created":1},"model":"\"content\":\"","created":)" + time + "}\n\n";
  };
  auto const answer = read(event("no", "a", "1") + event("NO", "a", "1") + event("NO", "b", "2"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "aab");
}

// A number that JSON does not have is refused with a frame as without one.
TEST(AnswerText, TheTimeWithinAFrameIsANumber) {
  auto const event = [](std::string const& time) {
    return R"(data: {"choices":[{"text":"a","index":0}],"created":)" + time + "}\n\n";
  };
  EXPECT_EQ(read(event("17") + event("18") + event("0") + event("1.5") + event("null"))->text, "aaaaa");
  std::string const long_number(max_answer_name_bytes + 1, '1');
  for (std::string const& wrong : std::vector<std::string>{"", "018", "x", "1 2", "\"1\"", long_number})
    EXPECT_EQ(read(event("17") + event(wrong)), std::unexpected(resume_refusal::unreadable)) << wrong;
}

TEST(AnswerText, NothingFollowsTheEnd) {
  answering_engine const engine{.tokens = counting()};
  std::string const late = engine.token_event({"late"});
  auto const finish = engine.event(engine.choice("", R"("stop")"));
  EXPECT_EQ(read(engine.stream() + late), std::unexpected(resume_refusal::unreadable));
  EXPECT_EQ(read(engine.token_event({"a"}) + finish + late), std::unexpected(resume_refusal::unreadable));
  EXPECT_EQ(read(engine.stream() + "data: [DONE]\n\n"), std::unexpected(resume_refusal::unreadable));
  EXPECT_TRUE(read(engine.stream() + ": still here\n\n"));
}

TEST(AnswerText, CommentsAndBothLineEndsAreRead) {
  auto const answer = read(": waiting\n\ndata:{\"choices\":[{\"text\":\"a\"}]}\r\n\r\n: ping\r\n\r\ndata: [DONE]\n\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "a");
  EXPECT_TRUE(answer->done);
}

TEST(AnswerText, HalfAnEventIsNotKnownUntilItsRestComes) {
  answering_engine const engine;
  std::string const event = engine.token_event({"a"});
  answer_text answer;
  answer.add(std::string_view(event).substr(0, 40));
  EXPECT_EQ(answer.read(), std::unexpected(resume_refusal::unreadable));
  answer.add(std::string_view(event).substr(40));
  ASSERT_TRUE(answer.read());
  EXPECT_EQ(answer.read()->text, "a");
}

TEST(AnswerText, RES_06_MoreThanTheLimitsIsRefusedForEver) {
  answering_engine const engine;
  std::string const long_event = engine.token_event({std::string(answer_text::max_raw_bytes, 'x')});
  answer_text answer;
  for (char const byte : long_event) answer.add({&byte, 1});
  EXPECT_EQ(answer.read(), std::unexpected(resume_refusal::too_long));
  EXPECT_EQ(read(long_event), std::unexpected(resume_refusal::too_long));

  answer_text filled;
  std::string const kilobyte = engine.token_event({std::string(1024, 'x')});
  for (std::size_t i = 0; i < answer_text::max_text_bytes / 1024; ++i) filled.add(kilobyte);
  ASSERT_TRUE(filled.read());
  EXPECT_LE(filled.kept_bytes(), 2 * answer_text::max_text_bytes + 2 * answer_text::max_raw_bytes);
  filled.add(engine.token_event({"x"}));
  EXPECT_EQ(filled.read(), std::unexpected(resume_refusal::too_long));
  EXPECT_LT(filled.kept_bytes(), 100);
  filled.add(engine.token_event({"x"}));
  EXPECT_EQ(filled.read(), std::unexpected(resume_refusal::too_long));
}

TEST(AnswerText, WhatIsDroppedIsTooLong) {
  answer_text answer;
  answer.add(answering_engine{.tokens = counting()}.stream());
  answer.drop();
  EXPECT_LT(answer.kept_bytes(), 100);
  EXPECT_EQ(answer.read(), std::unexpected(resume_refusal::too_long));
}

// 4 bytes a token, however long the stream is.
TEST(AnswerText, MemoryIsThatOfTheText) {
  answering_engine const engine;
  answer_text answer;
  for (int i = 0; i < 20'000; ++i) answer.add(engine.token_event({"word"}));
  EXPECT_LE(answer.kept_bytes(), 2 * 80'000 + 2 * answer_text::fold_at_bytes + 1024);
  ASSERT_TRUE(answer.read());
  EXPECT_EQ(answer.read()->text.size(), 80'000);
}

} // namespace
} // namespace paddler
