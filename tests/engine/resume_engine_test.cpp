// llama.cpp with the demo model continues what it began itself: by the code that a balancer does it with, greedily.
// What is exact of it depends on whether a text is cut into the tokens of which it was made, and is counted.
#include "engine/engine_service.hpp"
#include "harness/engine_client.hpp"
#include "harness/temporary_directory.hpp"
#include "hub/local_models.hpp"
#include "wire/answer_text.hpp"

#include <boost/json/parse.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace paddler_test {
namespace {

using namespace std::chrono_literals;

class demo_engine {
public:
  explicit demo_engine(asio::any_io_executor const& executor)
      : changed_(executor),
        service_(executor, pool_, settings(), [this](engine_condition const&) { changed_.notify_all(); }) {}

  task<engine_client> start() {
    engine_spec spec;
    spec.model_path = PADDLER_DEMO;
    spec.alias = "demo";
    spec.context_per_slot = 512;
    spec.threads = 1;
    service_.want(std::move(spec), 0ms);
    require(co_await with_deadline(patience, until_ready()), "the engine serves");
    co_return engine_client(service_.socket_path());
  }

  [[nodiscard]] engine_service const& service() const { return service_; }

  task<> stop() { co_await service_.stop(0ms); }

  void print_logs() const {}

private:
  [[nodiscard]] engine_settings settings() const {
    engine_settings out;
    out.program.path = PADDLER_BINARY;
    out.runtime_directory = directory_.path("run");
    out.blocking_inspect = blocking_inspect_model;
    return out;
  }

  task<> until_ready() {
    while (service_.condition().status != engine_status::ready) co_await changed_.wait();
  }

  temporary_directory directory_;
  blocking_executor pool_{"test", 1, 16};
  wakeup changed_;
  engine_service service_;
};

// How often the client got the bytes of the uncut stream.
struct identity {
  std::size_t cuts = 0;
  std::size_t same = 0;
};

answer_so_far read_whole(std::string_view stream) {
  answer_text answer;
  answer.add(stream);
  auto out = answer.read();
  EXPECT_TRUE(out) << stream;
  return out.value_or(answer_so_far());
}

// Cut behind each event and continued: one stream with one end each time. `is_good` looks at its text.
task<identity> continue_everywhere(engine_client engine, stream_question asked,
                                   std::function<bool(std::string const&)> is_good) {
  identity out;
  auto const uncut = co_await engine.ask(asked.path, asked.body);
  auto const events = events_of(uncut);
  require(events.size() > 5, "the answer is long enough to be cut");
  for (std::size_t cut = 1; cut < events.size(); ++cut) {
    auto const delivered = start_of_stream(events, cut);
    auto const stream = delivered + co_await engine.rest_of(asked, delivered);
    auto const answer = read_whole(stream);
    EXPECT_TRUE(answer.done && !answer.finish_reason.empty()) << stream;
    EXPECT_TRUE(is_good(answer.text)) << answer.text;
    ++out.cuts;
    if (contents(stream, true) == contents(uncut, true)) ++out.same;
  }
  std::cout << asked.path << ": " << out.same << " of " << out.cuts << " cuts are the same as uncut\n";
  co_return out;
}

stream_question chat_of(std::string const& text, std::string const& more) {
  return {"/v1/chat/completions", R"({"stream":true,"stream_options":{"include_usage":true},"temperature":0,)"
                                  R"("messages":[{"role":"user","content":")" +
                                      text + R"("}])" + more + "}"};
}

stream_question completion_of(std::string const& prompt) {
  return {"/v1/completions",
          R"({"stream":true,"temperature":0,"ignore_eos":true,"n_predict":24,"prompt":)" + prompt + "}"};
}

bool is_text(std::string const& text) { return !text.empty(); }

bool is_place(std::string const& text) {
  boost::system::error_code ec;
  auto const document = boost::json::parse(text, ec);
  return !ec && document.is_object() && document.as_object().contains("city") && document.as_object().contains("count");
}

SYSTEM_TEST(resumed_engine, RES_01_RES_07_chats_and_texts_go_on_as_they_were, demo_engine) {
  auto const engine = co_await cluster.start();
  EXPECT_EQ(cluster.service().resumes(), (resumable_apis{.chat = true, .completions = true}));
  EXPECT_NE(cluster.service().build(), "");
  for (auto const& asked : {chat_of("Hello! What can you do?", ""), chat_of("Tell me a story.", R"(,"max_tokens":16)"),
                            completion_of(R"("The weather in")"), completion_of("[300,301,302]")}) {
    auto const found = co_await continue_everywhere(engine, asked, is_text);
    EXPECT_GE(found.same * 10, found.cuts * 9) << "a text that is cut into other tokens is rare";
  }
}

SYSTEM_TEST(resumed_engine, RES_04_a_document_of_a_schema_stays_one, demo_engine) {
  auto const engine = co_await cluster.start();
  std::string const schema = R"({"type":"object","properties":{"city":{"type":"string","maxLength":12},)"
                             R"("count":{"type":"integer"}},"required":["city","count"]})";
  auto const asked = chat_of("Where is it sunny?", R"(,"response_format":{"type":"json_schema","json_schema":)"
                                                   R"({"name":"place","schema":)" +
                                                       schema + "}}");
  auto const found = co_await continue_everywhere(engine, asked, is_place);
  EXPECT_GT(found.same, 0U);
}

} // namespace
} // namespace paddler_test
