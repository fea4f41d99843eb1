#include "cli/chat.hpp"
#include "cli/chat_stream.hpp"
#include "cli/command_test.hpp"
#include "net/sse.hpp"

#include <gmock/gmock.h>

#include <mutex>

namespace paddler {
namespace {

using testing::HasSubstr;

std::string content(std::string const& text) { return R"({"choices":[{"delta":{"content":")" + text + R"("}}]})"; }

constexpr auto finished = R"({"choices":[{"delta":{},"finish_reason":"stop"}]})";

TEST(chat_stream, gathers_an_answer) {
  chat_stream stream;
  EXPECT_EQ(stream.take(R"({"choices":[]})").value().content, "");
  EXPECT_EQ(stream.take(R"({"choices":[{"delta":{"role":"assistant","content":null}}]})").value().content, "");
  EXPECT_EQ(stream.take(content("Hel")).value().content, "Hel");
  EXPECT_EQ(stream.take(R"({"choices":[{"delta":{"reasoning_content":"hm"}}]})").value().reasoning, "hm");
  EXPECT_FALSE(stream.complete());
  EXPECT_TRUE(stream.take(finished));
  EXPECT_TRUE(stream.complete());
  EXPECT_EQ(stream.finish_reason(), "stop");
  EXPECT_TRUE(stream.take(R"({"choices":[],"usage":{"completion_tokens":12}})"));
  EXPECT_EQ(stream.completion_tokens(), 12);
  EXPECT_TRUE(stream.take("[DONE]"));
}

TEST(chat_stream, raises_what_the_server_says_went_wrong) {
  chat_stream stream;
  EXPECT_EQ(stream.take(R"({"error":{"message":"the agent was lost","code":"agent_lost"}})").error().message,
            "the agent was lost");
  EXPECT_EQ(stream.take("<html>").error().code, error_code::protocol);
  EXPECT_FALSE(stream.complete());
}

TEST(chat_request_body, is_a_streaming_request) {
  EXPECT_EQ(
      chat_request_body("m", {{"system", "s"}, {"user", "say \"hi\""}}),
      R"({"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"say \"hi\""}],"stream":true,)"
      R"("stream_options":{"include_usage":true}})");
}

// Answers each chat with the next of its scripts, which are written cut into single bytes.
class scripted_api {
public:
  explicit scripted_api(std::vector<std::string> scripts, std::string models = R"({"data":[{"id":"demo"}]})")
      : scripts_(std::move(scripts)),
        models_(std::move(models)),
        server_([this](http_exchange& exchange) { return serve(exchange); }) {}

  [[nodiscard]] host_and_port address() const { return server_.address(); }

  std::vector<std::string> asked() {
    std::scoped_lock const lock(mutex_);
    return asked_;
  }

private:
  task<> serve(http_exchange& exchange) {
    if (exchange.head().path == "/v1/models") {
      co_await exchange.respond(200, {{"Content-Type", "application/json"}}, models_);
      co_return;
    }
    auto const script = next(*co_await exchange.read_body());
    if (script.starts_with('{')) {
      co_await exchange.respond(503, {{"Content-Type", "application/json"}}, script);
      co_return;
    }
    co_await exchange.start_stream(200, {{"Content-Type", "text/event-stream"}});
    for (std::size_t i = 0; i < script.size(); ++i)
      co_await exchange.write_chunk(std::string_view(script).substr(i, 1));
    co_await exchange.finish_stream();
  }

  std::string next(std::string body) {
    std::scoped_lock const lock(mutex_);
    asked_.push_back(std::move(body));
    return scripts_.at(asked_.size() - 1);
  }

  std::mutex mutex_;
  std::vector<std::string> scripts_;
  std::vector<std::string> asked_;
  std::string models_;
  test_server server_;
};

std::string whole_answer(std::string const& text) {
  return sse_comment("waiting") + sse_data(content(text.substr(0, 3))) + sse_data(content(text.substr(3))) +
         sse_data(finished) + sse_data("[DONE]");
}

TEST(run_chat, prints_an_answer) {
  scripted_api api({whole_answer("Hello.")});
  test_console console;
  EXPECT_EQ(run_chat({.inference = api.address(), .message = "hi"}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "Hello.\n");
  EXPECT_EQ(console.noted(), "");
  EXPECT_THAT(api.asked()[0], HasSubstr(R"("model":"demo","messages":[{"role":"user","content":"hi"}])"));
}

TEST(run_chat, takes_its_message_from_standard_input) {
  scripted_api api({whole_answer("Hello.")});
  test_console console("two\nlines\n");
  EXPECT_EQ(run_chat({.inference = api.address(), .model = "m", .system = "Be brief."}, console.terminal),
            exit_code::success);
  EXPECT_THAT(
      api.asked()[0],
      HasSubstr(
          R"("model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"two\nlines"}])"));
  test_console empty;
  EXPECT_EQ(run_chat({.inference = api.address(), .model = "m"}, empty.terminal), exit_code::usage);
  EXPECT_THAT(empty.noted(), HasSubstr("standard input is empty"));
}

TEST(run_chat, keeps_a_conversation) {
  scripted_api api({whole_answer("One."), whole_answer("Two.")});
  test_console console("first\nsecond\n\nnot said\n");
  console.terminal.in_is_terminal = true;
  EXPECT_EQ(run_chat({.inference = api.address()}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "One.\nTwo.\n");
  EXPECT_THAT(api.asked(), testing::SizeIs(2));
  EXPECT_THAT(
      api.asked()[1],
      HasSubstr(
          R"([{"role":"user","content":"first"},{"role":"assistant","content":"One."},{"role":"user","content":"second"}])"));
}

TEST(run_chat, forgets_what_got_no_answer) {
  scripted_api api({R"({"error":{"message":"the queue is full"}})", whole_answer("Two.")});
  test_console console("first\n");
  EXPECT_EQ(run_chat({.inference = api.address()}, console.terminal), exit_code::unreachable);
  EXPECT_THAT(console.noted(), HasSubstr("the queue is full"));
}

TEST(run_chat, tells_broken_answers_from_whole_ones) {
  struct row {
    std::string script;
    char const* words;
  };

  for (auto const& [script, words] :
       {row{sse_data(content("Hal")) + sse_data(R"({"error":{"message":"the agent was lost"}})"), "the agent was lost"},
        row{sse_data(content("Hal")), "broke off before its end"},
        row{sse_data(content("Hal")) + sse_data("no json"), "not a chunk"},
        row{R"({"error":{"message":"overloaded"}})", "overloaded"}}) {
    scripted_api api({script});
    test_console console;
    EXPECT_NE(run_chat({.inference = api.address(), .message = "hi"}, console.terminal), exit_code::success) << script;
    EXPECT_THAT(console.noted(), HasSubstr(words));
  }
}

TEST(run_chat, wants_to_know_which_of_several_models) {
  scripted_api several({}, R"({"data":[{"id":"a"},{"id":"b"}]})");
  test_console console;
  EXPECT_EQ(run_chat({.inference = several.address(), .message = "hi"}, console.terminal), exit_code::usage);
  EXPECT_THAT(console.noted(), testing::AllOf(HasSubstr("  a\n  b"), HasSubstr("--model NAME")));
  scripted_api none({}, R"({"data":[]})");
  test_console other;
  EXPECT_EQ(run_chat({.inference = none.address(), .message = "hi"}, other.terminal), exit_code::not_found);
  EXPECT_THAT(other.noted(), HasSubstr("no model is served yet"));
}

TEST(run_chat, notes_what_a_person_at_a_terminal_wants_to_know) {
  scripted_api api({whole_answer("Hello.")});
  test_console console;
  console.terminal.err_is_terminal = true;
  EXPECT_EQ(run_chat({.inference = api.address(), .message = "hi"}, console.terminal), exit_code::success);
  EXPECT_THAT(console.noted(), testing::AllOf(HasSubstr("waiting for one"), HasSubstr("(demo, first word after ")));
  EXPECT_EQ(console.said(), "Hello.\n");
}

TEST(run_chat, needs_a_server) {
  test_console console;
  EXPECT_EQ(run_chat({.inference = deserted_address(), .message = "hi"}, console.terminal), exit_code::unreachable);
  EXPECT_THAT(console.noted(), HasSubstr("--inference"));
}

} // namespace
} // namespace paddler
