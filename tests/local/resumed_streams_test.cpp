// A stream that broke off and another engine that continues it: the code that continues it, and the simulated engine.
#include "core/engine/hash_chain.hpp"
#include "engine/simulated_engine.hpp"
#include "harness/system_test.hpp"
#include "harness/temporary_directory.hpp"
#include "net/http_client.hpp"
#include "runtime/task_group.hpp"
#include "wire/event_text.hpp"
#include "wire/resume_request.hpp"
#include "wire/stream_splice.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler_test {
namespace {

namespace json = boost::json;

constexpr std::size_t answer_limit = std::size_t{1} << 20;

class one_engine {
public:
  explicit one_engine(asio::any_io_executor const& executor)
      : socket_(directory_.path("engine.sock")),
        engine_(executor, {.socket_path = socket_, .alias = "sim"}),
        tasks_(executor, "engine") {
    require(engine_.start().has_value(), "the engine listens");
    tasks_.spawn("engine", run());
  }

  task<http_answer> post(std::string path, std::string body) const {
    auto stream = co_await connect_unix(socket_, patience);
    require(stream.has_value(), "the engine can be reached");
    http_client_config config;
    std::vector<std::pair<std::string, std::string>> headers;
    auto answer = co_await http_fetch(std::move(*stream), std::move(config), "POST", std::move(path),
                                      std::move(headers), std::move(body), answer_limit);
    require(answer.has_value(), "the engine answers");
    co_return *std::move(answer);
  }

  // The body of a good answer.
  task<std::string> ask(std::string path, std::string body) const {
    auto answer = co_await post(std::move(path), std::move(body));
    EXPECT_EQ(answer.status, 200) << answer.body;
    co_return std::move(answer.body);
  }

  task<std::uint64_t> count(token_question question) const {
    auto const answer = co_await ask(std::string(question.path), std::move(question.body));
    auto const counted = counted_tokens(answer);
    require(counted.has_value(), "the engine counts tokens");
    co_return *counted;
  }

  task<> stop() {
    tasks_.cancel();
    co_await tasks_.join();
    co_await engine_.stop();
  }

  void print_logs() const {}

private:
  task<> run() { co_await engine_.run(); }

  temporary_directory directory_;
  std::string socket_;
  simulated_engine engine_;
  task_group tasks_;
};

struct question {
  std::string path;
  std::string body;
};

question chat_of(std::string const& more) {
  return {"/v1/chat/completions", R"({"stream":true,"messages":[{"role":"user","content":"Hi"}])" + more + "}"};
}

question completion_of(std::string const& more) { return {"/v1/completions", R"({"stream":true)" + more + "}"}; }

// A text that begins within one token of the answer to `prompt` and ends within the next.
std::string stop_word(std::string_view prompt) {
  return expected_answer("sim", prompt, std::nullopt).text.substr(38, 4);
}

std::vector<question> questions() {
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

std::vector<std::string> events_of(std::string_view stream) {
  std::vector<std::string> out;
  while (auto const event = take_event(stream)) out.emplace_back(*event);
  EXPECT_TRUE(stream.empty()) << stream;
  return out;
}

std::string joined(std::vector<std::string> const& events, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += events[i];
  return out;
}

// What the rest of `delivered` is, from another engine.
task<std::string> rest_of(one_engine& engine, question asked, std::string delivered) {
  auto const request = read_resumable(asked.path, asked.body);
  require(request.has_value(), "its answer can be continued");
  answer_text answer;
  answer.add(delivered);
  auto const so_far = answer.read();
  require(so_far.has_value(), "what was delivered can be read");
  auto answered = count_answer(*so_far);
  auto const made = co_await engine.count(std::move(answered));
  auto body = resumed_body(*request, *so_far, made, {});
  require(body.has_value(), "it can be continued from here");
  if (body->has_value()) {
    stream_splice splice(*so_far, made);
    auto const stream = co_await engine.ask(asked.path, **std::move(body));
    auto out = splice.feed(stream);
    require(out.has_value() && splice.done(), "the streams are joined to the end");
    co_return *std::move(out);
  }
  auto prompt = count_prompt(*request);
  auto const prompt_tokens = co_await engine.count(std::move(prompt));
  co_return closing_events(*request, *so_far, prompt_tokens, made);
}

// The events' data without what is of one engine's part of the answer alone; whether `names` are looked at is asked.
std::vector<json::value> contents(std::string_view stream, bool names) {
  std::vector<json::value> out;
  for (auto const& event : events_of(stream)) {
    auto const data = event_data(event).value();
    if (data == end_of_stream) {
      out.emplace_back(data);
      continue;
    }
    auto& chunk = out.emplace_back(json::parse(data)).as_object();
    chunk.erase("timings");
    if (names) continue;
    chunk.erase("id");
    chunk.erase("created");
  }
  return out;
}

SYSTEM_TEST(resumed_streams, RES_01_each_cut_is_invisible, one_engine) {
  for (auto const& asked : questions()) {
    auto const uncut = co_await cluster.ask(asked.path, asked.body);
    auto const events = events_of(uncut);
    require(events.size() > 5 && events.back().contains(end_of_stream), "the uncut stream is one");
    for (std::size_t cut = 0; cut < events.size(); ++cut) {
      auto const delivered = joined(events, cut);
      auto const rest = co_await rest_of(cluster, asked, delivered);
      EXPECT_EQ(contents(delivered + rest, cut > 0), contents(uncut, cut > 0)) << asked.body << " cut behind " << cut;
    }
  }
}

// One engine after the other dies when it has said one thing more.
SYSTEM_TEST(resumed_streams, RES_01_any_number_of_cuts_is_invisible, one_engine) {
  for (auto const& asked : questions()) {
    auto const uncut = co_await cluster.ask(asked.path, asked.body);
    auto delivered = events_of(uncut).front();
    std::size_t engines = 1;
    for (; !delivered.ends_with("[DONE]\n\n"); ++engines) {
      auto const rest = co_await rest_of(cluster, asked, delivered);
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
    auto const events = events_of(co_await cluster.ask(asked.path, asked.body));
    auto const request = read_resumable(asked.path, asked.body).value();
    for (auto const& wrong : {joined(events, 5) + events[4], joined(events, 4) + events[5]}) {
      answer_text answer;
      answer.add(wrong);
      auto const so_far = answer.read().value();
      auto const body = resumed_body(request, so_far, 5, {}).value().value();
      EXPECT_EQ((co_await cluster.post(asked.path, body)).status, 500);
    }
  }
}

} // namespace
} // namespace paddler_test
