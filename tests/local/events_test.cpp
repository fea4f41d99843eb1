// The event bus as watchers see it: server-sent events and WebSocket messages, resumed, filtered, and ended.
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "net/sse.hpp"
#include "net/transport.hpp"
#include "net/websocket.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>

namespace paddler_test {
namespace {

constexpr auto events_path = "/management/v1/events";

// One watcher's stream.
class event_stream {
public:
  static task<event_stream> open(cluster_api api, std::string query = {}, http_headers headers = {}) {
    event_stream out(co_await connection::open(api.management()));
    co_await out.line_.send_request("GET", events_path + query, headers);
    auto const head = co_await out.line_.read_head();
    require(head && head->status == 200, "the stream is opened");
    EXPECT_EQ(head->header("content-type"), "text/event-stream");
    co_return out;
  }

  // The next event; an empty one at the end of the stream.
  task<sse_event> next() {
    while (events_.empty()) {
      auto const piece = co_await line_.read_piece();
      if (piece.empty()) co_return sse_event{};
      auto const fed = splitter_.feed(piece, [this](sse_event const& event) { events_.push_back(event); });
      require(fed.has_value(), "it is a stream of events");
    }
    auto out = std::move(events_.front());
    events_.erase(events_.begin());
    co_return out;
  }

  // Reads until one of this type whose data has the words; gives it.
  task<sse_event> until(std::string type, std::string part = {}) {
    for (;;) {
      auto event = co_await next();
      require(!event.event.empty(), "the stream goes on until " + type);
      if (event.event == type && event.data.find(part) != std::string::npos) co_return event;
    }
  }

  connection& line() { return line_; }

private:
  explicit event_stream(connection line) : line_(std::move(line)) {}

  connection line_;
  sse_splitter splitter_;
  std::vector<sse_event> events_;
};

SYSTEM_TEST(events, tell_a_change_from_its_revision_to_the_engine_that_serves_it, local_cluster) {
  co_await cluster.start();
  auto watcher = co_await event_stream::open(cluster.api());
  auto const first = co_await watcher.next();
  EXPECT_EQ(first.event, "snapshot");
  co_await cluster.api().apply(want_agents(1, 2));
  auto const changed = co_await watcher.until("config.changed");
  expect_words(changed.data, {R"("revision":1)", "agents/a1.slots", "anonymous"});
  cluster.add_agent("a1");
  co_await watcher.until("agent.joined", R"("agent":"a1")");
  co_await watcher.until("config.accepted", R"("version":1)");
  co_await watcher.until("reconcile.changed", R"("action":"load")");
  co_await watcher.until("health.changed", R"("status":"ready")");
  co_await cluster.stop_agent("a1", duration::zero());
  co_await watcher.until("agent.left", R"("agent":"a1")");
}

SYSTEM_TEST(events, what_was_done_to_an_agent_stays_readable, local_cluster) {
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  auto const is_served = [](boost::json::array const& rows) {
    bool delivered = false;
    bool loaded = false;
    for (auto const& each : rows) {
      auto const& row = each.as_object();
      bool const whole = text_of(row, "agent") == "a1" && text_of(row, "outcome") == "done" &&
                         !text_of(row, "difference").empty() && !text_of(row, "observation").empty() &&
                         !text_of(row, "started_at").empty() && !text_of(row, "ended_at").empty();
      delivered |= whole && text_of(row, "action") == "deliver";
      loaded |= whole && text_of(row, "action") == "load" && text_of(row, "model") == "sim";
    }
    return delivered && loaded;
  };
  co_await cluster.api().until("reconciliations", "a delivery and a load, each closed and explained", is_served);
}

SYSTEM_TEST(events, a_watcher_resumes_behind_what_it_saw_last, local_cluster) {
  co_await cluster.start(want_agents(1, 2));
  auto first = co_await event_stream::open(cluster.api(), "?from=0&kinds=config");
  auto const seen = co_await first.until("config.changed");
  first.line().close();
  co_await cluster.api().apply(want_agents(1, 3));
  co_await cluster.api().apply(want_agents(1, 4));
  http_headers const resume = {{"Last-Event-ID", seen.id}};
  auto again = co_await event_stream::open(cluster.api(), "?from=0&kinds=config", resume);
  for (int revision : {2, 3}) {
    auto const event = co_await again.next();
    EXPECT_EQ(event.event, "config.changed");
    EXPECT_EQ(boost::json::parse(event.data).at("revision").to_number<int>(), revision);
  }
  auto other = co_await event_stream::open(cluster.api(), "?from=2&kinds=config");
  auto const behind = co_await other.next();
  EXPECT_EQ(boost::json::parse(behind.data).at("revision").to_number<int>(), 3);
}

SYSTEM_TEST(events, end_when_the_balancer_stops, local_cluster) {
  co_await cluster.start();
  auto watcher = co_await event_stream::open(cluster.api());
  co_await watcher.next();
  co_await cluster.stop_balancer();
  auto const end = co_await watcher.next();
  EXPECT_EQ(end.event, "");
  EXPECT_EQ(watcher.line().how_body_ended(), body_end::complete);
}

SYSTEM_TEST(events, come_over_a_websocket_too, local_cluster) {
  co_await cluster.start();
  auto const where = parse_host_and_port(cluster.api().management(), 0);
  auto stream = co_await connect_tcp(where->host, where->port, patience);
  require(stream.has_value(), "it is dialled");
  auto socket = co_await websocket::connect(std::move(*stream), cluster.api().management(), events_path);
  require(socket.has_value(), "the socket is open");
  auto const first = co_await socket->read();
  require(first.has_value(), "a message comes");
  expect_words(*first, {R"("type":"snapshot")"});
  co_await cluster.api().apply(want_agents(1, 2));
  auto const changed = co_await socket->read();
  require(changed.has_value(), "a message comes");
  expect_words(*changed, {R"("type":"config.changed")", R"("revision":1)"});
  co_await cluster.stop_balancer();
  auto const after = co_await socket->read();
  EXPECT_FALSE(after);
  EXPECT_TRUE(socket->ended() && socket->ended()->code == websocket_code::going_away);
}

SYSTEM_TEST(events, bad_words_are_refused_with_what_to_do, local_cluster) {
  co_await cluster.start();
  auto const unknown = co_await ask(cluster.api().management(), "GET", std::string(events_path) + "?kinds=agents");
  EXPECT_EQ(unknown.status, 400);
  expect_words(unknown.body, {"'agents'", "agent, config, health and reconcile"});
  auto const future = co_await ask(cluster.api().management(), "GET", std::string(events_path) + "?from=9");
  EXPECT_EQ(future.status, 400);
  expect_words(future.body, {"revision 9", "newest is 0"});
}

} // namespace
} // namespace paddler_test
