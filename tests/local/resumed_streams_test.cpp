// A stream that broke off and another engine that continues it: the code that continues it, and the simulated engine.
#include "core/engine/hash_chain.hpp"
#include "engine/simulated_engine.hpp"
#include "harness/engine_client.hpp"
#include "harness/temporary_directory.hpp"
#include "runtime/task_group.hpp"
#include "wire/answer_text.hpp"
#include "wire/event_text.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace paddler_test {
namespace {

// The simulated engine, and a client of it.
class one_engine {
public:
  explicit one_engine(asio::any_io_executor const& executor)
      : engine_(executor, {.socket_path = directory_.path("engine.sock"), .alias = "sim"}),
        client_(directory_.path("engine.sock")),
        tasks_(executor, "engine") {
    require(engine_.start().has_value(), "the engine listens");
    tasks_.spawn("engine", run());
  }

  [[nodiscard]] engine_client const& client() const { return client_; }

  task<> stop() {
    tasks_.cancel();
    co_await tasks_.join();
    co_await engine_.stop();
  }

  void print_logs() const {}

private:
  task<> run() { co_await engine_.run(); }

  temporary_directory directory_;
  simulated_engine engine_;
  engine_client client_;
  task_group tasks_;
};

stream_question chat_of(std::string const& more) {
  return {"/v1/chat/completions", R"({"stream":true,"messages":[{"role":"user","content":"Hi"}])" + more + "}"};
}

stream_question completion_of(std::string const& more) { return {"/v1/completions", R"({"stream":true)" + more + "}"}; }

// A text that begins within one token of the answer to `prompt` and ends within the next.
std::string stop_word(std::string_view prompt) {
  return expected_answer("sim", prompt, std::nullopt).text.substr(38, 4);
}

std::vector<stream_question> questions() {
  std::string const usage = R"(,"stream_options":{"include_usage":true})";
  std::string const chat_prompt = canonical_prompt(std::vector<chat_message>{{"user", "Hi"}});
  auto const natural = std::to_string(natural_length("sim", chat_prompt));
  return {chat_of(usage),
          chat_of(""),
          chat_of(usage + R"(,"max_tokens":9)"),
          chat_of(usage + R"(,"max_completion_tokens":)" + natural),
          chat_of(usage + R"(,"stop":[")" + stop_word(chat_prompt) + R"("])"),
          completion_of(R"(,"prompt":"Say: ")"),
          completion_of(R"(,"prompt":"Say:","max_tokens":9)"),
          completion_of(R"(,"prompt":[1,22,333],"n_predict":9)"),
          completion_of(R"(,"prompt":"Say:","stop":[")" + stop_word("Say:") + R"("])")};
}

SYSTEM_TEST(resumed_streams, RES_01_each_cut_is_invisible, one_engine) {
  for (auto const& asked : questions()) {
    auto const uncut = co_await cluster.client().ask(asked.path, asked.body);
    auto const events = events_of(uncut);
    require(events.size() > 5 && events.back().contains(end_of_stream), "the uncut stream is one");
    for (std::size_t cut = 0; cut < events.size(); ++cut) {
      auto const delivered = start_of_stream(events, cut);
      auto const rest = co_await cluster.client().rest_of(asked, delivered);
      EXPECT_EQ(contents(delivered + rest, cut > 0), contents(uncut, cut > 0)) << asked.body << " cut behind " << cut;
    }
  }
}

// One engine after the other dies when it has said one thing more.
SYSTEM_TEST(resumed_streams, RES_01_any_number_of_cuts_is_invisible, one_engine) {
  for (auto const& asked : questions()) {
    auto const uncut = co_await cluster.client().ask(asked.path, asked.body);
    auto delivered = events_of(uncut).front();
    std::size_t engines = 1;
    for (; !delivered.ends_with("[DONE]\n\n"); ++engines) {
      auto const rest = co_await cluster.client().rest_of(asked, delivered);
      delivered += events_of(rest).front();
      require(engines <= uncut.size(), "the stream comes to its end");
    }
    EXPECT_EQ(contents(delivered, true), contents(uncut, true)) << asked.body;
    EXPECT_EQ(engines, events_of(uncut).size()) << asked.body;
  }
}

// What makes the two above mean something.
SYSTEM_TEST(resumed_streams, RES_01_a_token_that_is_lost_or_doubled_is_found_out, one_engine) {
  for (auto const& asked : {chat_of(""), completion_of(R"(,"prompt":"Say:")")}) {
    auto const events = events_of(co_await cluster.client().ask(asked.path, asked.body));
    auto const request = read_resumable(asked.path, asked.body).value();
    for (auto const& wrong : {start_of_stream(events, 5) + events[4], start_of_stream(events, 4) + events[5]}) {
      answer_text answer;
      answer.add(wrong);
      auto const so_far = answer.read().value();
      auto const body = resumed_body(request, so_far, 5, {}).value().value();
      EXPECT_EQ((co_await cluster.client().post(asked.path, body)).status, 500);
    }
  }
}

} // namespace
} // namespace paddler_test
