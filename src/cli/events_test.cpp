#include "cli/command_test.hpp"
#include "cli/events.hpp"
#include "net/sse.hpp"
#include "wire/json_codec.hpp"

#include <gmock/gmock.h>

#include <mutex>

namespace paddler {
namespace {

using testing::HasSubstr;

constexpr auto ready =
    R"({"id":"3-17","type":"health.changed","revision":12,"time":"2026-11-24T11:02:03.456Z","data":{"agent":"a1","status":"ready","model":"qwen","reason":""}})";
constexpr auto joined =
    R"({"id":"3-18","type":"agent.joined","revision":12,"time":"2026-11-24T11:02:04Z","data":{"agent":"a2","hostname":"box"}})";

TEST(event_line, says_what_is_not_empty) {
  EXPECT_EQ(event_line(parse_json(ready).value()),
            "2026-11-24T11:02:03.456Z r12 health.changed agent=a1 status=ready model=qwen");
  EXPECT_EQ(
      event_line(parse_json(R"({"type":"snapshot","revision":3,"data":{"agents":[1,2],"x":{"why":"two words","n":4}}})")
                     .value()),
      "- r3 snapshot agents=2 x.why=\"two words\" x.n=4");
}

TEST(event_line, says_of_an_action_what_it_is_about) {
  EXPECT_EQ(
      event_line(
          parse_json(
              R"({"type":"reconcile.changed","revision":3,"data":{"entry":{"agent":"a1","process":7,"by_balancer":false,
                  "action":{"number":4,"action":"load","model":"qwen","content":"00","goal":3,"difference":"no engine",
                  "outcome":"done","observation":"it serves","ended_after":5}}}})")
              .value()),
      "- r3 reconcile.changed agent=a1 action=load model=qwen goal=3 outcome=done difference=\"no engine\" "
      "observation=\"it serves\"");
}

// Gives one event of a script for each connection, then cuts it.
class cutting_api {
public:
  explicit cutting_api(std::vector<sse_event> script)
      : script_(std::move(script)), server_([this](http_exchange& exchange) { return serve(exchange); }) {}

  [[nodiscard]] host_and_port address() const { return server_.address(); }

  std::vector<std::string> asked() {
    std::scoped_lock const lock(mutex_);
    return asked_;
  }

private:
  task<> serve(http_exchange& exchange) {
    auto const text = next(exchange.head());
    if (text.empty()) {
      co_await exchange.respond_error(400, "no more");
      co_return;
    }
    std::vector<header_view> const headers = {{"Content-Type", "text/event-stream"}};
    co_await exchange.start_stream(200, headers);
    co_await exchange.write_chunk(text);
    co_await exchange.finish_stream();
  }

  std::string next(http_head const& head) {
    std::scoped_lock const lock(mutex_);
    asked_.push_back(std::string(head.query_param("from").value_or("-")) + " " +
                     std::string(head.query_param("kinds").value_or("-")) + " " +
                     std::string(head.header("last-event-id")));
    return asked_.size() <= script_.size() ? sse_format(script_[asked_.size() - 1]) : "";
  }

  std::mutex mutex_;
  std::vector<sse_event> script_;
  std::vector<std::string> asked_;
  test_server server_;
};

TEST(run_events, goes_on_behind_what_it_saw_when_it_is_cut) {
  cutting_api api({{.data = ready, .id = "3-17"}, {.data = joined, .id = "3-18"}});
  test_console console;
  events_command wanted{.management = api.address(), .from = 4, .kinds = "agent,health", .count = 2};
  EXPECT_EQ(run_events(wanted, console.terminal), exit_code::success);
  EXPECT_THAT(console.said(), HasSubstr("agent=a1 status=ready model=qwen\n2026-11-24T11:02:04Z r12 agent.joined"));
  EXPECT_THAT(api.asked(), testing::ElementsAre("4 agent,health ", "4 agent,health 3-17"));
}

TEST(run_events, prints_json_as_it_comes) {
  cutting_api api({{.data = ready, .id = "3-17"}});
  test_console console;
  EXPECT_EQ(run_events({.management = api.address(), .count = 1, .json = true}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), std::string(ready) + "\n");
}

TEST(run_events, ends_with_what_a_server_refuses_and_without_one) {
  cutting_api api({});
  test_console refused;
  EXPECT_EQ(run_events({.management = api.address()}, refused.terminal), exit_code::usage);
  EXPECT_THAT(refused.noted(), HasSubstr("no more"));
  test_console alone;
  EXPECT_EQ(run_events({.management = deserted_address()}, alone.terminal), exit_code::unreachable);
}

} // namespace
} // namespace paddler
