#include "wire/answer_streams.hpp"
#include "wire/document_edit.hpp"
#include "wire/json_codec.hpp"
#include "wire/resume_request.hpp"

#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <set>

namespace paddler {
namespace {

constexpr std::string_view chat_path = "/v1/chat/completions";
constexpr std::string_view completions_path = "/v1/completions";
constexpr std::string_view messages = R"("messages":[{"role":"user","content":"Hi"}])";

std::string chat_with(std::string_view more) {
  return R"({"model":"m","stream":true,)" + std::string(messages) + (more.empty() ? "" : ",") + std::string(more) + "}";
}

std::string completion_with(std::string_view more) {
  return R"({"model":"m","stream":true,)" + std::string(more) + "}";
}

std::optional<resume_refusal> refusal_of(std::string_view path, std::string_view body) {
  auto const request = read_resumable(path, body);
  return request ? std::nullopt : std::optional(request.error());
}

resumable_request request_of(std::string_view path, std::string_view body) {
  auto request = read_resumable(path, body);
  EXPECT_TRUE(request) << body;
  return request ? *std::move(request) : resumable_request{};
}

answer_so_far having(std::string text, std::string reasoning = "") {
  auto out = so_far_of(answering_engine{}, 0);
  out.text = std::move(text);
  out.reasoning = std::move(reasoning);
  return out;
}

std::expected<std::optional<std::string>, resume_refusal> resumed(std::string_view path, std::string_view body,
                                                                  answer_so_far const& so_far, std::uint64_t made,
                                                                  std::optional<std::uint64_t> of_model = {}) {
  return resumed_body(request_of(path, body), so_far, made, {of_model});
}

using body_or_refusal = std::expected<std::optional<std::string>, resume_refusal>;

TEST(ResumeRequest, RES_06_EachRefusalOfAChat) {
  struct row {
    std::string more;
    resume_refusal why;
  };

  for (auto const& [more, why] : std::vector<row>{
           {R"("n":2)", resume_refusal::choices},
           {R"("n_cmpl":2)", resume_refusal::choices},
           {R"("n":"1")", resume_refusal::choices},
           {R"("logprobs":true)", resume_refusal::logprobs},
           {R"("top_logprobs":3)", resume_refusal::logprobs},
           {R"("n_probs":1)", resume_refusal::logprobs},
           {R"("grammar":"root ::= \"a\"")", resume_refusal::grammar},
           {R"("grammar":{})", resume_refusal::grammar},
           {R"("echo":true)", resume_refusal::echo},
           {R"("tool_choice":"required")", resume_refusal::tool_call},
           {R"("tool_choice":{"type":"function","function":{"name":"f"}})", resume_refusal::tool_call},
           {R"("reasoning_format":"none")", resume_refusal::reasoning_format},
           {R"("reasoning_format":"deepseek-legacy")", resume_refusal::reasoning_format},
           {R"("continue_final_message":"content")", resume_refusal::assistant_prefill},
           {R"("continue_final_message":true)", resume_refusal::assistant_prefill},
           {R"("add_generation_prompt":false)", resume_refusal::assistant_prefill},
           {R"("generation_prompt":"x")", resume_refusal::assistant_prefill},
           {R"("n":1,"n":1)", resume_refusal::unreadable},
       })
    EXPECT_EQ(refusal_of(chat_path, chat_with(more)), why) << more;
}

TEST(ResumeRequest, RES_06_EachRefusalOfMessages) {
  struct row {
    std::string messages;
    resume_refusal why;
  };

  for (auto const& [list, why] : std::vector<row>{
           {R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"He"}])",
            resume_refusal::assistant_prefill},
           {R"([{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"u"}}]}])",
            resume_refusal::multimodal},
           {R"([{"role":"user","content":[{"type":"input_audio"}]},{"role":"user","content":"x"}])",
            resume_refusal::multimodal},
           {R"([{"role":"user","content":["x"]}])", resume_refusal::multimodal},
           {R"([{"role":"user","content":{}}])", resume_refusal::multimodal},
           {R"([{"role":"user","role":"system","content":"x"}])", resume_refusal::unreadable},
           {"[]", resume_refusal::unreadable},
           {"{}", resume_refusal::unreadable},
           {"null", resume_refusal::unreadable},
       })
    EXPECT_EQ(refusal_of(chat_path, R"({"messages":)" + list + "}"), why) << list;
}

TEST(ResumeRequest, RES_06_EachRefusalOfACompletion) {
  struct row {
    std::string more;
    resume_refusal why;
  };

  for (auto const& [more, why] : std::vector<row>{
           {R"("prompt":["a","b"])", resume_refusal::choices},
           {R"("prompt":["a"])", resume_refusal::choices},
           {R"("prompt":[[1,2]])", resume_refusal::choices},
           {R"("prompt":[])", resume_refusal::choices},
           {R"("prompt":[1,[2]])", resume_refusal::unreadable},
           {R"("prompt":{"prompt_string":"a","multimodal_data":["x"]})", resume_refusal::multimodal},
           {R"("prompt":7)", resume_refusal::unreadable},
           {R"("prompt":null)", resume_refusal::unreadable},
           {R"("prompt":"a","n":3)", resume_refusal::choices},
           {R"("prompt":"a","logprobs":1)", resume_refusal::logprobs},
           {R"("prompt":"a","grammar":"root ::= \"a\"")", resume_refusal::grammar},
           {R"("prompt":"a","echo":true)", resume_refusal::echo},
           {R"("prompt":"a","generation_prompt":"x")", resume_refusal::assistant_prefill},
       })
    EXPECT_EQ(refusal_of(completions_path, completion_with(more)), why) << more;
}

TEST(ResumeRequest, RES_06_OtherApisAndOtherBodies) {
  for (auto const* path : {"/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/chat/completions/", ""})
    EXPECT_EQ(refusal_of(path, chat_with("")), resume_refusal::endpoint) << path;
  for (auto const* body : {"", "[]", "{", "x", "{}{}"})
    EXPECT_EQ(refusal_of(chat_path, body), resume_refusal::unreadable) << body;
  std::string numbers = "1";
  for (int i = 0; i < 200'001; ++i) numbers += ",1";
  EXPECT_EQ(refusal_of(completions_path, completion_with(R"("prompt":[)" + numbers + "]")), resume_refusal::too_long);
}

TEST(ResumeRequest, WhatMeansNothingIsNoReason) {
  for (std::string const more :
       {R"("n":1)", R"("n":1.0)", R"("n":null)", R"("logprobs":false)", R"("logprobs":null,"top_logprobs":0)",
        R"("grammar":"")", R"("echo":false)", R"("tool_choice":"auto")", R"("tool_choice":"none")",
        R"("tool_choice":null,"tools":[{"type":"function"}])", R"("reasoning_format":"deepseek")",
        R"("reasoning_format":"auto")", R"("continue_final_message":false)", R"("add_generation_prompt":true)",
        R"("generation_prompt":"")", R"("response_format":{"type":"json_object"})", R"("json_schema":{})"})
    EXPECT_EQ(refusal_of(chat_path, chat_with(more)), std::nullopt) << more;
  EXPECT_EQ(
      refusal_of(
          chat_path,
          R"({"messages":[{"role":"assistant","content":null},{"role":"user","content":[{"type":"text","text":"x"}]}]})"),
      std::nullopt);
  EXPECT_EQ(refusal_of(completions_path, completion_with(R"("prompt":"")")), std::nullopt);
  EXPECT_EQ(refusal_of(completions_path, completion_with(R"("prompt":[1,"a",2])")), std::nullopt);
}

TEST(ResumeRequest, EachRefusalHasWordsOfItsOwn) {
  std::set<std::string_view> words;
  std::size_t count = 0;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<resume_refusal>>([&](auto each) {
    words.insert(describe(each.value));
    ++count;
  });
  EXPECT_EQ(words.size(), count);
  EXPECT_EQ(count, 14);
  EXPECT_FALSE(words.contains(describe(static_cast<resume_refusal>(99))));
}

TEST(ResumeRequest, RES_01_AChatGoesOnBehindItsText) {
  EXPECT_EQ(resumed(chat_path, chat_with(""), having("1, \"2"), 4),
            body_or_refusal(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"},)"
                            R"({"role":"assistant","content":"1, \"2"}],"continue_final_message":"content",)"
                            R"("add_generation_prompt":false})"));
  EXPECT_EQ(resumed(chat_path, chat_with(""), having("1", "Let me"), 4),
            body_or_refusal(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"},)"
                            R"({"role":"assistant","content":"1","reasoning_content":"Let me"}],)"
                            R"("continue_final_message":"content","add_generation_prompt":false})"));
}

TEST(ResumeRequest, RES_01_AChatGoesOnWithinItsReasoning) {
  EXPECT_EQ(resumed(chat_path, chat_with(R"("add_generation_prompt":true)"), having("", "Let me"), 2),
            body_or_refusal(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"},)"
                            R"({"role":"assistant","content":"","reasoning_content":"Let me"}],)"
                            R"("add_generation_prompt":false,"continue_final_message":"reasoning_content"})"));
}

TEST(ResumeRequest, RES_01_ACompletionGoesOnBehindItsText) {
  EXPECT_EQ(resumed(completions_path, completion_with(R"("prompt":"Once")"), having(" upon"), 1),
            body_or_refusal(R"({"model":"m","stream":true,"prompt":"Once upon","generation_prompt":" upon"})"));
  EXPECT_EQ(resumed(completions_path, completion_with(R"("prompt":[1,22,"x"])"), having(" upon"), 1),
            body_or_refusal(R"({"model":"m","stream":true,"prompt":[1,22,"x"," upon"],"generation_prompt":" upon"})"));
}

TEST(ResumeRequest, WithNoTextYetItIsTheRequestItself) {
  std::string const body =
      chat_with(R"("seed":18446744073709551615,"temperature":0.10000000000000000001,"max_tokens":0)");
  EXPECT_EQ(resumed(chat_path, body, having(""), 0, 5), body_or_refusal(body));
}

// As the engine looks for them: the first name that is not null.
TEST(ResumeRequest, RES_07_WhatRemainsOfTheLimit) {
  struct row {
    std::string more;
    std::optional<std::uint64_t> of_model;
    std::optional<std::string> remaining;
  };

  for (auto const& [more, of_model, remaining] : std::vector<row>{
           {R"("max_tokens":10)", std::nullopt, "7"},
           {R"("max_tokens":10)", 5, "7"},
           {R"("max_completion_tokens":10,"max_tokens":20)", std::nullopt, "7"},
           {R"("n_predict":10,"max_completion_tokens":20,"max_tokens":30)", std::nullopt, "7"},
           {R"("n_predict":null,"max_tokens":10.9)", std::nullopt, "7"},
           {R"("stop":"x")", 10, "7"},
           {R"("n_predict":-1)", 10, "7"},
           {R"("n_predict":-1,"max_tokens":20)", 10, "7"},
           {R"("max_tokens":4)", std::nullopt, "1"},
       }) {
    auto const body = resumed(chat_path, chat_with(more), having("1, 2"), 3, of_model);
    ASSERT_TRUE(body && *body) << more;
    auto const document = parse_json(**body);
    ASSERT_TRUE(document);
    auto const* limit = value_of(&*document, "n_predict");
    ASSERT_NE(limit, nullptr) << more;
    EXPECT_EQ(limit->text, *remaining) << more;
    EXPECT_EQ(document->find("max_tokens"), nullptr) << more;
    EXPECT_EQ(document->find("max_completion_tokens"), nullptr) << more;
  }
  auto const unlimited = resumed(chat_path, chat_with(R"("n_predict":-1)"), having("1"), 3);
  ASSERT_TRUE(unlimited && *unlimited);
  EXPECT_TRUE((*unlimited)->contains(R"("n_predict":-1)")) << **unlimited;
}

TEST(ResumeRequest, RES_07_NoTokensAreNeverAskedFor) {
  for (std::uint64_t const made : {3U, 4U})
    for (auto const* limit : {R"("max_tokens":3)", R"("n_predict":0)"})
      EXPECT_EQ(resumed(chat_path, chat_with(limit), having("1, 2"), made), body_or_refusal(std::nullopt));
  EXPECT_EQ(resumed(chat_path, chat_with(""), having("1, 2"), 3, 3), body_or_refusal(std::nullopt));
}

TEST(ResumeRequest, RES_04_AToolThatIsBeingCalledIsNotResumed) {
  auto so_far = having("");
  so_far.tool_started = true;
  EXPECT_EQ(resumed(chat_path, chat_with(""), so_far, 0), std::unexpected(resume_refusal::tool_call));
  so_far.finish_reason = "tool_calls";
  EXPECT_EQ(resumed(chat_path, chat_with(""), so_far, 0), body_or_refusal(std::nullopt));
  EXPECT_EQ(resumed(chat_path, chat_with(R"("stream_options":{"include_usage":true})"), so_far, 0),
            std::unexpected(resume_refusal::tool_call));
}

TEST(ResumeRequest, WhatHasItsFinishReasonIsWhole) {
  auto so_far = having("1, 2");
  so_far.finish_reason = "stop";
  EXPECT_EQ(resumed(chat_path, chat_with(""), so_far, 4), body_or_refusal(std::nullopt));
  so_far.finish_reason = "";
  so_far.done = true;
  EXPECT_EQ(resumed(chat_path, chat_with(""), so_far, 4), body_or_refusal(std::nullopt));
}

TEST(ResumeRequest, RES_07_AnEndAtTheLimitIsWrittenByUs) {
  auto const plain = request_of(chat_path, chat_with(""));
  EXPECT_FALSE(owes_usage(plain, having("1, 2")));
  EXPECT_EQ(closing_events(plain, having("1, 2"), 0, 4),
            R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"created":1795806536,)"
            R"("id":"chatcmpl-mzl1PHbHwXseYBsClSL2ubvxCH1SX9pf","model":"demo","system_fingerprint":"b1-de3ff81",)"
            R"("object":"chat.completion.chunk"})"
            "\n\ndata: [DONE]\n\n");
  auto const completion = request_of(completions_path, completion_with(R"("prompt":"a")"));
  EXPECT_TRUE(owes_usage(completion, having("1, 2")));
  EXPECT_EQ(closing_events(completion, having("1, 2"), 15, 4),
            R"(data: {"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"length"}],"created":1795806536,)"
            R"("id":"chatcmpl-mzl1PHbHwXseYBsClSL2ubvxCH1SX9pf","model":"demo","system_fingerprint":"b1-de3ff81",)"
            R"("object":"text_completion","usage":{"completion_tokens":4,"prompt_tokens":15,"total_tokens":19,)"
            R"("prompt_tokens_details":{"cached_tokens":0}}})"
            "\n\ndata: [DONE]\n\n");
}

// Whatever of its end had been delivered, the client has all of it once, and with the same numbers.
TEST(ResumeRequest, RES_07_EachCutWithinTheEndIsMended) {
  for (auto const api : {streamed_api::chat, streamed_api::completions})
    for (std::string const ending : {"stop", "length"}) {
      answering_engine const engine{.api = api, .tokens = counting(), .ending = ending};
      auto const request = engine.chat()
                               ? request_of(chat_path, chat_with(R"("stream_options":{"include_usage":true})"))
                               : request_of(completions_path, completion_with(R"("prompt":"a")"));
      std::string end = engine.end_of(0);
      for (std::string_view rest = end; true;) {
        std::string const delivered = end.substr(0, end.size() - rest.size());
        answer_text answer;
        for (auto const& token : engine.tokens) answer.add(engine.token_event(token));
        answer.add(delivered);
        auto const so_far = answer.read();
        ASSERT_TRUE(so_far);
        // An end by the model itself that was not told is the model's to make; one at the limit is ours.
        if (!so_far->finish_reason.empty() || ending == "length") {
          EXPECT_EQ(resumed_body(request, *so_far, 8, {8}), body_or_refusal(std::nullopt));
          std::string const closing = closing_events(request, *so_far, engine.prompt_tokens, 8);
          answer.add(closing);
          auto const whole = answer.read();
          ASSERT_TRUE(whole) << closing;
          EXPECT_EQ(whole->finish_reason, ending);
          EXPECT_TRUE(whole->usage_sent && whole->done);
          EXPECT_EQ(whole->text, "1, 2, 3.");
          EXPECT_TRUE((delivered + closing).contains(engine.usage_text(0))) << delivered + closing;
        }
        if (rest.empty()) break;
        rest.remove_prefix(rest.find("\n\n") + 2);
      }
    }
}

TEST(ResumeRequest, WhatTheEngineIsAskedToCount) {
  auto const answer = count_answer(having("text", "thought "));
  EXPECT_EQ(answer.path, "/tokenize");
  EXPECT_EQ(answer.body, R"({"content":"thought text","add_special":false,"parse_special":true})");
  auto const chat = count_prompt(request_of(chat_path, chat_with("")));
  EXPECT_EQ(chat.path, "/v1/chat/completions/input_tokens");
  EXPECT_EQ(chat.body, chat_with(""));
  auto const completion = count_prompt(request_of(completions_path, completion_with(R"("prompt":[1,"a"])")));
  EXPECT_EQ(completion.path, "/tokenize");
  EXPECT_EQ(completion.body, R"({"content":[1,"a"],"add_special":true,"parse_special":true})");
}

TEST(ResumeRequest, WhatItAnswers) {
  EXPECT_EQ(counted_tokens(R"({"tokens":[1,310,341]})").value(), 3);
  EXPECT_EQ(counted_tokens(R"({"tokens":[]})").value(), 0);
  EXPECT_EQ(counted_tokens(R"({"input_tokens":15,"object":"response.input_tokens"})").value(), 15);
  for (auto const* wrong : {"", "x", "{}", "[]", R"({"tokens":3})", R"({"input_tokens":"3"})", R"({"input_tokens":-3})",
                            R"({"error":{"code":400}})"}) {
    auto const count = counted_tokens(wrong);
    ASSERT_FALSE(count) << wrong;
    EXPECT_EQ(count.error().code, error_code::protocol);
  }
}

} // namespace
} // namespace paddler
