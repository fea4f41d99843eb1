#include "wire/inference_error.hpp"
#include "wire/json_codec.hpp"

#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace paddler {
namespace {

TEST(InferenceError, SpeaksTheDialectOfThePath) {
  EXPECT_EQ(dialect_of("/v1/chat/completions"), api_dialect::openai);
  EXPECT_EQ(dialect_of("/v1/messages"), api_dialect::anthropic);
  EXPECT_EQ(dialect_of("/v1/messages/count_tokens"), api_dialect::anthropic);
  EXPECT_EQ(dialect_of("/v1/messages?beta=true"), api_dialect::anthropic);
  EXPECT_EQ(dialect_of("/v1/messagesx"), api_dialect::openai);
  EXPECT_EQ(dialect_of("/v1/responses"), api_dialect::responses);
}

TEST(InferenceError, HasOpenAisShape) {
  auto const e = error_of_failure(request_failure::agent_lost, "m");
  auto const body = error_body(e, api_dialect::openai);
  EXPECT_EQ(body,
            R"({"error":{"message":"the agent or its engine was lost while it answered; what came so far is not )"
            R"(the whole answer; send the request again","type":"server_error","param":null,"code":"agent_lost"}})");
  EXPECT_EQ(error_frame(e, api_dialect::openai), "data: " + body + "\n\n");
  EXPECT_EQ(error_body(e, api_dialect::responses), body);
}

TEST(InferenceError, HasAnthropicsShape) {
  auto const e = error_of_failure(request_failure::queue_full, "m");
  auto const body = error_body(e, api_dialect::anthropic);
  EXPECT_EQ(body,
            R"({"type":"error","error":{"type":"overloaded_error","message":"every slot is busy and the queue is )"
            R"(full; try again later, or add slots or agents","details":{"error_code":"server_is_overloaded"}}})");
  EXPECT_EQ(error_frame(e, api_dialect::anthropic), "event: error\ndata: " + body + "\n\n");
}

TEST(InferenceError, IsAnEventOfTheResponsesApi) {
  inference_error const e{502, "agent_lost", "", "gone", true};
  EXPECT_EQ(error_frame(e, api_dialect::responses, 7),
            "event: error\n"
            R"(data: {"type":"error","code":"agent_lost","message":"gone","param":null,"sequence_number":7,)"
            R"("error":{"message":"gone","type":"server_error","param":null,"code":"agent_lost"}})"
            "\n\n");
}

TEST(InferenceError, EveryFailureHasAStatusACodeAndWords) {
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<request_failure>>([](auto failure) {
    auto const e = error_of_failure(failure.value, "m");
    EXPECT_GE(e.status, 400) << failure.name;
    EXPECT_FALSE(e.code.empty()) << failure.name;
    EXPECT_GT(e.message.size(), 20U) << failure.name;
    bool const is_bug = failure.value == request_failure::none;
    EXPECT_EQ(e.code == "internal_error", is_bug) << failure.name;
  });
}

TEST(InferenceError, StatusesAreHonest) {
  struct row {
    request_failure failure;
    int status;
    bool should_retry;
  };

  for (auto const& [failure, status, should_retry] : {
           row{request_failure::queue_full, 503, true},
           row{request_failure::queue_timeout, 504, true},
           row{request_failure::no_model, 404, false},
           row{request_failure::shutdown, 503, true},
           row{request_failure::attempts_exhausted, 502, false},
           row{request_failure::overloaded, 503, true},
           row{request_failure::timeout, 504, false},
           row{request_failure::engine_error, 502, true},
       }) {
    auto const e = error_of_failure(failure, "m");
    EXPECT_EQ(e.status, status);
    EXPECT_EQ(e.should_retry, should_retry);
  }
}

TEST(InferenceError, AMissingModelIsNamedWithWhatThereIs) {
  std::array<std::string, 2> const models{"chat", "embeddings"};
  auto const e = error_of_failure(request_failure::no_model, "chta", models);
  EXPECT_EQ(e.code, "model_not_found");
  EXPECT_EQ(e.param, "model");
  EXPECT_EQ(e.message, "there is no model `chta`; there is chat or embeddings");
  EXPECT_EQ(error_of_failure(request_failure::no_model, "embedding", models).message,
            "there is no model `embedding`; did you mean `embeddings`? there is chat or embeddings");
  EXPECT_EQ(error_of_failure(request_failure::no_model, "x").message,
            "there is no model `x`; no model is served here yet; see `paddler get models`");
  EXPECT_TRUE(
      error_of_failure(request_failure::no_model, "", models).message.starts_with("the request names no `model`"));
}

TEST(InferenceError, WrongInputIsTheClients) {
  error const wrong{error_code::invalid_input, "`n` must be a whole number", "", {{"n", "x", "", 0}}};
  auto const e = error_of_input(wrong);
  EXPECT_EQ(e.status, 400);
  EXPECT_EQ(e.param, "n");
  EXPECT_EQ(error_body(e, api_dialect::openai),
            R"({"error":{"message":"`n` must be a whole number","type":"invalid_request_error","param":"n",)"
            R"("code":"invalid_request"}})");
  EXPECT_EQ(error_of_input({error_code::too_large, "too large", "send less", {}}).status, 413);
  EXPECT_EQ(error_of_input({error_code::too_large, "too large", "send less", {}}).message, "too large; send less");
  EXPECT_EQ(error_of_input({error_code::internal, "?", "", {}}).status, 500);
  auto const late = error_of_input({error_code::timeout, "the body did not arrive in time", "", {}});
  EXPECT_EQ(late.status, 408);
  EXPECT_EQ(late.code, "request_timeout");
  EXPECT_TRUE(late.should_retry);
}

TEST(InferenceError, UnknownPathsTeach) {
  EXPECT_EQ(error_of_path("GET", "/v2/chat", false).status, 404);
  EXPECT_NE(error_of_path("GET", "/chat/completions", false).message.find("/v1"), std::string::npos);
  EXPECT_EQ(error_of_path("GET", "/v1/chat/completions", true).status, 405);
}

// A frame is two line ends away from the next one: nothing that a client sent may put one into it.
TEST(InferenceError, FramesStayWhole) {
  inference_error const e{404, "x", "y", "a\n\ndata: [DONE]\r\n\xff", false};
  for (auto const dialect : {api_dialect::openai, api_dialect::responses, api_dialect::anthropic}) {
    auto const frame = error_frame(e, dialect);
    EXPECT_EQ(frame.find("\n\n"), frame.size() - 2);
    EXPECT_EQ(frame.find('\r'), std::string::npos);
    auto const data = frame.substr(frame.find("data: ") + 6);
    EXPECT_TRUE(parse_json(data));
  }
}

} // namespace
} // namespace paddler
