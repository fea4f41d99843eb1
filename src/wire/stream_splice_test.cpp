#include "wire/answer_streams.hpp"
#include "wire/event_boundary.hpp"
#include "wire/event_text.hpp"
#include "wire/json_codec.hpp"
#include "wire/stream_splice.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace paddler {
namespace {

// Of the engine that continues.
answering_engine another(answering_engine engine) {
  engine.id = "chatcmpl-x3YFo46PXXWyMJkImk21SOoWIaSbVdK7";
  engine.created += 7;
  return engine;
}

std::string spliced(stream_splice& splice, std::string_view bytes) {
  auto out = splice.feed(bytes);
  EXPECT_TRUE(out) << describe(out.error());
  return out ? *std::move(out) : std::string();
}

std::string spliced_in_pieces(stream_splice& splice, std::string_view bytes, random_source& random) {
  std::string out;
  while (!bytes.empty()) {
    auto const piece = bytes.substr(0, 1 + random.below(300));
    out += spliced(splice, piece);
    bytes.remove_prefix(piece.size());
  }
  return out;
}

// Gets whole events.
struct client {
  answer_text answer;
  std::string stream;

  void deliver(std::string_view bytes) {
    answer.add(bytes);
    stream += bytes;
  }
};

// How many tokens the events of a stream's start have.
std::size_t tokens_in(answering_engine const& engine, std::string_view start) {
  std::size_t events = 0;
  while (take_event(start)) ++events;
  return std::min(engine.tokens.size(), events - std::min<std::size_t>(events, engine.chat() ? 1 : 0));
}

TEST(StreamSplice, RES_01_AChatAsTheEngineContinuedIt) {
  answer_so_far first = so_far_of({.tokens = counting()}, 4);
  stream_splice splice(first, 4);
  std::string const continued =
      R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795806537,"id":"chatcmpl-x3YF","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":","}}],"created":1795806537,"id":"chatcmpl-x3YF","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1795806537,"id":"chatcmpl-x3YF","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[],"created":1795806537,"id":"chatcmpl-x3YF","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk","usage":{"completion_tokens":5,"prompt_tokens":19,"total_tokens":24,"prompt_tokens_details":{"cached_tokens":17}},"timings":{"cache_n":17,"prompt_n":2}}

data: [DONE]

)";
  EXPECT_EQ(
      spliced(splice, continued),
      R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":","}}],"created":1795806536,"id":"chatcmpl-mzl1PHbHwXseYBsClSL2ubvxCH1SX9pf","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1795806536,"id":"chatcmpl-mzl1PHbHwXseYBsClSL2ubvxCH1SX9pf","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk"}

data: {"choices":[],"created":1795806536,"id":"chatcmpl-mzl1PHbHwXseYBsClSL2ubvxCH1SX9pf","model":"demo","system_fingerprint":"b1-de3ff81","object":"chat.completion.chunk","usage":{"completion_tokens":9,"prompt_tokens":15,"total_tokens":24,"prompt_tokens_details":{"cached_tokens":15}}}

data: [DONE]

)");
  EXPECT_TRUE(splice.ended());
}

// The bytes of the uncut stream, wherever it is cut.
TEST(StreamSplice, RES_01_EachCutOfAStreamIsInvisible) {
  for (auto const api : {streamed_api::chat, streamed_api::completions}) {
    answering_engine const engine{.api = api, .tokens = {{"1"}, {" \"é\n"}, {"."}}, .timings = false};
    std::string const uncut = engine.stream();
    for (std::size_t cut = 0; cut <= uncut.size(); ++cut) {
      event_boundary boundary;
      client reader;
      reader.deliver(boundary.feed(std::string_view(uncut).substr(0, cut)).fresh);
      auto const first = reader.answer.read();
      ASSERT_TRUE(first);
      if (!first->finish_reason.empty()) break; // closing_events end it
      auto const made = tokens_in(engine, reader.stream);
      stream_splice splice(*first, made);
      reader.deliver(spliced(splice, another(engine).stream(made)));
      ASSERT_EQ(reader.stream, first->id.empty() ? another(engine).stream() : uncut) << cut;
      EXPECT_TRUE(splice.ended());
    }
  }
}

TEST(StreamSpliceLaws, RES_01_AnyNumberOfCutsIsInvisible) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    random_source random(seed);
    auto const api = seed % 2 == 0 ? streamed_api::chat : streamed_api::completions;
    answering_engine engine{.api = api, .tokens = random_tokens(random, api == streamed_api::chat)};
    engine.tokens.insert(engine.tokens.begin(), {"first", engine.chat()});
    client reader;
    auto const begun = engine.events();
    for (std::size_t i = 0; i < 1 + (engine.chat() ? 1 : 0); ++i) reader.deliver(begun[i]);
    for (auto next = another(engine);; next = another(next)) {
      auto const first = reader.answer.read();
      ASSERT_TRUE(first) << seed;
      if (!first->finish_reason.empty()) break;
      auto const made = tokens_in(engine, reader.stream);
      stream_splice splice(*first, made);
      auto const events = next.events(made);
      bool const whole = random.below(3) == 0;
      for (std::size_t i = 0, end = whole ? events.size() : random.below(events.size()); i < end; ++i)
        reader.deliver(spliced_in_pieces(splice, events[i], random));
      ASSERT_EQ(splice.ended(), whole) << seed;
    }
    engine.timings = false;
    EXPECT_EQ(reader.stream, engine.stream()) << seed;
  }
}

TEST(StreamSplice, WhatSpeaksOfTheLastPartAloneIsLeftOut) {
  answering_engine const engine{.tokens = counting()};
  stream_splice splice(so_far_of(engine, 2), 2);
  std::string const progress =
      engine.event(R"({"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}})", "",
                   R"(,"timings":{"cache_n":1},"prompt_progress":{"total":15})");
  EXPECT_EQ(spliced(splice, progress + progress + engine.role_event()), "");
  std::string const measured =
      engine.event(engine.choice(R"("content":" ")"), "", R"(,"timings":{},"__verbose":{"a":[]})");
  EXPECT_EQ(spliced(splice, measured), engine.token_event({" "}));
}

TEST(StreamSplice, ARoleThatWasNotSaidIsSaid) {
  answering_engine const engine;
  stream_splice splice({}, 0);
  EXPECT_EQ(spliced(splice, engine.role_event()), engine.role_event());
}

TEST(StreamSplice, ARoleWithTextLosesTheRoleAlone) {
  answering_engine const engine;
  stream_splice splice(so_far_of(engine, 0), 0);
  EXPECT_EQ(spliced(splice, engine.event(engine.choice(R"("role":"assistant","content":"a")"))),
            engine.token_event({"a"}));
}

TEST(StreamSplice, CallsOfToolsPass) {
  answering_engine const engine;
  stream_splice splice(so_far_of(engine, 0), 0);
  std::string const call = engine.event(engine.choice(R"("tool_calls":[{"index":0,"function":{"arguments":"{"}}])"));
  EXPECT_EQ(spliced(splice, call), call);
}

TEST(StreamSplice, TheEndPassesOnce) {
  answering_engine const engine{.usage = false, .timings = false};
  stream_splice splice(so_far_of(engine, 0), 0);
  auto const finish = engine.event(engine.choice("", R"("stop")"));
  EXPECT_EQ(spliced(splice, finish + finish + engine.token_event({"late"})), finish);
  EXPECT_EQ(spliced(splice, "data: [DONE]\n\n"), "data: [DONE]\n\n");
  EXPECT_EQ(spliced(splice, "data: [DONE]\n\n" + finish + ": late\n\nnonsense\n\n"), "");
}

TEST(StreamSplice, UsageIsNeverBelowZero) {
  answering_engine const engine{.api = streamed_api::completions, .tokens = counting()};
  stream_splice splice(so_far_of(engine, 4), 40);
  auto const end = spliced(splice, engine.end_of(4));
  EXPECT_TRUE(end.contains(R"("usage":{"completion_tokens":24,"prompt_tokens":0,"total_tokens":24,)")) << end;
}

TEST(StreamSplice, CommentsAndErrorsPass) {
  answering_engine const engine;
  stream_splice splice(so_far_of(engine, 0), 0);
  std::string const passing = ": waiting\n\ndata: {\"error\":{\"code\":500,\"message\":\"x\"},\"timings\":1}\n\n";
  EXPECT_EQ(spliced(splice, passing), passing);
}

TEST(StreamSplice, WhatIsNoEventOfSuchAStreamBreaksIt) {
  answering_engine const engine{.tokens = counting()};
  for (std::string const& bad : std::vector<std::string>{
           "data: {",
           "data: 7",
           "data: [DONE",
           "event: x\ndata: {}",
           R"(data: {"choices":[{"index":0},{"index":1}]})",
           R"(data: {"choices":[7]})",
           R"(data: {"id":"a","id":"b"})",
           R"(data: {"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":2}})",
           R"(data: {"choices":[],"usage":7})",
       }) {
    stream_splice splice(so_far_of(engine, 2), 2);
    auto const out = splice.feed(bad + "\n\n");
    ASSERT_FALSE(out) << bad;
    EXPECT_EQ(out.error().code, error_code::protocol) << bad;
  }
}

TEST(StreamSplice, AnEventThatDoesNotEndIsRefused) {
  stream_splice splice({}, 0);
  EXPECT_EQ(spliced(splice, std::string(stream_splice::max_event_bytes, 'x')), "");
  auto const out = splice.feed("x");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, error_code::too_large);
}

} // namespace
} // namespace paddler
