#include "engine/schema_document.hpp"
#include "engine/simulated_answer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace paddler {
namespace {

constexpr std::size_t context = 1000;

generation_request request_of(std::string_view body, generation_api api = generation_api::chat) {
  return parse_generation(api, body).value();
}

answer_plan plan(generation_request const& request, engine_simulation const& simulation = {}) {
  auto out = plan_answer(request, "sim", simulation, context, std::nullopt);
  if (!out) ADD_FAILURE() << out.error().message;
  return out ? std::move(*out) : answer_plan();
}

generation_request say(std::string const& text, std::string const& more = {}) {
  return request_of(R"({"messages":[{"role":"user","content":")" + text + R"("}])" + more + "}");
}

TEST(SimulatedAnswer, IsTheHashChain) {
  auto const request = say("Hi", R"(,"max_tokens":10)");
  auto const expected = expected_answer("sim", request.prompt, 10);
  EXPECT_EQ(plan(request).text(), expected.text);
  EXPECT_EQ(plan(request).finish, finish_reason::length);
  auto const whole = plan(say("Hi"));
  EXPECT_EQ(whole.text(), expected_answer("sim", request.prompt, std::nullopt).text);
  EXPECT_EQ(whole.finish, finish_reason::stop);
  EXPECT_EQ(whole.prompt_tokens, 2U);
}

TEST(SimulatedAnswer, EndsWhereItsSettingsAndTheContextSay) {
  engine_simulation simulation;
  simulation.answer_tokens = 5;
  EXPECT_EQ(plan(say("Hi"), simulation).tokens.size(), 5U);
  auto const endless = plan(say("Hi", R"(,"ignore_eos":true)"), simulation);
  EXPECT_EQ(endless.tokens.size(), context - endless.prompt_tokens);
  EXPECT_EQ(endless.finish, finish_reason::length);
  EXPECT_EQ(plan_answer(say("Hi"), "sim", simulation, context, 3)->tokens.size(), 3U);
  EXPECT_EQ(plan(say("Hi", R"(,"max_tokens":0)")).tokens.size(), 1U) << "as llama-server does";
}

TEST(SimulatedAnswer, APromptThatFillsTheContextIsRefused) {
  auto const refused = plan_answer(say("a b c d"), "sim", {}, 5, std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_json(refused.error()),
            R"({"error":{"code":400,"message":"request (5 tokens) exceeds the available context size (5 tokens), )"
            R"(try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5,"n_ctx":5}})");
}

TEST(SimulatedAnswer, StopsAtAStopWordEvenBetweenTokens) {
  auto const whole = plan(say("Hi")).text();
  std::string const word = whole.substr(5, 4); // the end of one token and the start of the next
  auto const cut = plan(say("Hi", R"(,"stop":[")" + word + R"("])"));
  EXPECT_EQ(cut.text(), whole.substr(0, 5));
  EXPECT_EQ(cut.finish, finish_reason::stop);
  EXPECT_EQ(cut.stop_word, word);
}

// --- answers that another engine began ---

// A chat that goes on behind `delivered`.
generation_request go_on(std::string const& delivered, std::string const& more = {}) {
  return request_of(R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":")" + delivered +
                    R"("}],"continue_final_message":"content","add_generation_prompt":false)" + more + "}");
}

std::string start_of_answer(answer_plan const& whole, std::size_t tokens) {
  std::string out;
  for (std::size_t i = 0; i < tokens; ++i) out += whole.tokens[i];
  return out;
}

TEST(SimulatedAnswer, RES_01_WhatAnotherEngineBeganIsGoneOnWith) {
  auto const whole = plan(say("Hi"));
  for (std::size_t made = 1; made <= whole.tokens.size(); ++made) {
    auto const rest = plan(go_on(start_of_answer(whole, made)));
    EXPECT_EQ(start_of_answer(whole, made) + rest.text(), whole.text());
    EXPECT_EQ(rest.made, made);
    EXPECT_EQ(rest.finish, finish_reason::stop);
    EXPECT_EQ(rest.prompt_tokens, whole.prompt_tokens + made);
    EXPECT_EQ(rest.completion_tokens() + made, whole.completion_tokens());
  }
  auto const begun = whole.tokens[0] + whole.tokens[1].substr(0, 3); // within a token
  EXPECT_EQ(begun + plan(go_on(begun)).text(), whole.text());
}

TEST(SimulatedAnswer, RES_01_TheLimitIsOfWhatIsToBeMade) {
  auto const limited = plan(say("Hi", R"(,"max_tokens":9)"));
  auto const rest = plan(go_on(start_of_answer(limited, 4), R"(,"n_predict":5)"));
  EXPECT_EQ(start_of_answer(limited, 4) + rest.text(), limited.text());
  EXPECT_EQ(rest.finish, finish_reason::length);
}

TEST(SimulatedAnswer, RES_01_AStopWordMayBeginInWhatWasDelivered) {
  auto const text = plan(say("Hi")).text();
  auto const stop = R"(,"stop":[")" + text.substr(12, 4) + R"("])"; // from the end of one token into the next
  auto const whole = plan(say("Hi", stop));
  auto const rest = plan(go_on(whole.tokens[0], stop));
  EXPECT_EQ(whole.tokens[0] + rest.text(), text.substr(0, 12));
  EXPECT_EQ(rest.finish, finish_reason::stop);
  auto const blank = plan(say("Hi", R"(,"stop":[")" + text.substr(7, 4) + R"("])")); // behind a token's blank
  EXPECT_EQ(blank.tokens.size(), chain_token_count(blank.text())) << "as tokens are counted elsewhere";
}

TEST(SimulatedAnswer, RES_01_WhatIsNotItsBeginningIsAMistake) {
  auto const whole = plan(say("Hi"));
  for (auto const& delivered : {whole.tokens[1], whole.tokens[0] + whole.tokens[0], whole.tokens[0] + whole.tokens[2],
                                whole.text() + " more", std::string("Sure")}) {
    auto const refused = plan_answer(go_on(delivered), "sim", {}, context, std::nullopt);
    ASSERT_FALSE(refused) << delivered;
    EXPECT_EQ(refused.error().status, 500U);
  }
}

// llama-server's trap: nothing is said of continuing, and it continues all the same.
TEST(SimulatedAnswer, AChatThatEndsWithItsAnswerIsContinuedAndSaidAgain) {
  auto const whole = plan(say("Hi"));
  auto const ends_with = [](std::string const& last) {
    return request_of(R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":")" + last +
                      R"("}]})");
  };
  auto const again = plan(ends_with(start_of_answer(whole, 3)));
  EXPECT_EQ(again.text(), whole.text());
  EXPECT_EQ(again.tokens.size(), whole.tokens.size() - 3);
  auto const other = ends_with("Sure");
  EXPECT_EQ(plan(other).text(), expected_answer("sim", other.prompt, std::nullopt).text);
}

std::string const weather_tool =
    R"(,"tools":[{"type":"function","function":{"name":"add_numbers"}},{"type":"function","function":{"name":)"
    R"("get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}])";

TEST(SimulatedAnswer, CallsTheToolThatTheLastMessageNames) {
  auto const call = plan(say("What is the weather in Paris?", weather_tool));
  EXPECT_EQ(call.called_tool, "get_weather");
  EXPECT_EQ(call.text(), R"({"city":"Paris"})");
  EXPECT_EQ(call.finish, finish_reason::tool_calls);
  EXPECT_EQ(plan(say("Hi", weather_tool)).called_tool, std::nullopt);
  EXPECT_EQ(plan(say("Hi", weather_tool + R"(,"tool_choice":"required")")).called_tool, "add_numbers");
  EXPECT_EQ(plan(say("weather?", weather_tool + R"(,"tool_choice":"none")")).called_tool, std::nullopt);
}

TEST(SimulatedAnswer, AToolsResultIsAnsweredInWords) {
  auto const request = request_of(
      R"({"messages":[{"role":"user","content":"weather?"},{"role":"tool","content":"snow"}])" + weather_tool + "}");
  EXPECT_EQ(plan(request).called_tool, std::nullopt);
  EXPECT_EQ(plan(request).text(), expected_answer("sim", request.prompt, std::nullopt).text);
}

TEST(SimulatedAnswer, DocumentsAreCutByTheLimit) {
  auto const cut = plan(say("What is the weather in Paris?", weather_tool + R"(,"max_tokens":2)"));
  EXPECT_EQ(cut.text(), R"({"city":)");
  EXPECT_EQ(cut.finish, finish_reason::length);
}

std::string smallest(std::string_view schema) {
  hash_chain words("m", "p");
  return boost::json::serialize(smallest_document(boost::json::parse(schema), words, "Oslo"));
}

TEST(SchemaDocument, IsTheSmallestThatFits) {
  EXPECT_EQ(smallest(R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"null"}},"required":["a"]})"),
            R"({"a":"Oslo"})");
  EXPECT_EQ(smallest(R"({"properties":{"a":{"type":"boolean"}}})"), R"({"a":true})");
  EXPECT_EQ(smallest(R"({"type":"array","items":{"enum":["x","y"]}})"), R"(["x"])");
  EXPECT_EQ(smallest(R"({"type":"array","minItems":3,"items":{"const":1}})"), "[1,1,1]");
  EXPECT_EQ(smallest(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}]})"), R"([1,"Oslo"])");
  EXPECT_EQ(smallest(R"({"type":["integer","null"],"minimum":5})"), "5");
  EXPECT_EQ(smallest(R"({"type":"integer","maximum":-3})"), "-3");
  EXPECT_EQ(smallest(R"({"type":"integer","exclusiveMinimum":2,"multipleOf":5})"), "5");
  EXPECT_EQ(smallest(R"({"type":"number"})"), "1E0");
  EXPECT_EQ(smallest(R"({"anyOf":[{"type":"null"},{"type":"string"}]})"), "null");
  EXPECT_EQ(smallest(R"({"allOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{"const":2}}}]})"),
            R"({"a":1,"b":2})");
  EXPECT_EQ(smallest(R"({"$defs":{"p":{"properties":{"x":{"type":"integer"}}}},"$ref":"#/$defs/p"})"), R"({"x":1})");
}

TEST(SchemaDocument, EndsWhereSchemasDoNot) {
  EXPECT_NE(smallest(R"({"$ref":"#"})"), "");
  EXPECT_NE(smallest(R"({"properties":{"a":{"$ref":"#"}}})"), "");
  EXPECT_LT(smallest(R"({"type":"array","minItems":1e9,"items":{}})").size(), 10'000U);
  EXPECT_LT(smallest(R"({"type":"string","minLength":1e18})").size(), 10'000U);
  EXPECT_EQ(smallest("true"), "null");
}

TEST(Embedding, IsAUnitVectorNearToTextsWithTheSameWords) {
  auto const cosine = [](std::string_view a, std::string_view b) {
    auto const x = embedding_of("m", a);
    auto const y = embedding_of("m", b);
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    return sum;
  };
  EXPECT_NEAR(cosine("a happy dog", "a happy dog"), 1, 1e-5);
  EXPECT_NEAR(cosine("", ""), 1, 1e-5);
  EXPECT_GT(cosine("a happy dog", "a happy cat"), cosine("a happy dog", "cold rain falls"));
  EXPECT_NE(embedding_of("m", "x"), embedding_of("n", "x"));
}

} // namespace
} // namespace paddler
