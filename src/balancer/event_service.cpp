#include "balancer/event_service.hpp"

#include "net/problem.hpp"
#include "net/sse.hpp"
#include "runtime/race.hpp"
#include "runtime/timer.hpp"

namespace paddler {
namespace {

constexpr std::size_t messages_a_write = 64;
constexpr std::size_t unsent_limit = 256 * 1024; // of a WebSocket; then it is written to no more until it is read
constexpr auto unsent_look = std::chrono::milliseconds(50);
constexpr std::string_view reconnect_after = "retry: 2000\n\n"; // milliseconds

class counted {
public:
  explicit counted(std::size_t& count) : count_(count) { ++count_; }

  ~counted() { --count_; }

  counted(counted const&) = delete;
  counted& operator=(counted const&) = delete;

private:
  std::size_t& count_;
};

watch_request request_of(http_head const& head) {
  watch_request out;
  out.last_event_id = head.header("last-event-id");
  out.from = head.query_param("from").value_or("");
  out.kinds = head.query_param("kinds").value_or("");
  return out;
}

task<> refuse(http_exchange& exchange, error why) {
  auto const status = http_status_of(why.code);
  auto const body = problem_json(status, reason_phrase(status), why.message, exchange.request_id(), {}, why.hint);
  std::vector<header_view> const headers = {{"Content-Type", problem_content_type}};
  co_await exchange.respond(status, headers, body);
}

task<> wait_for_end(websocket& socket) {
  while (co_await socket.read()) {
  } // what a watcher says has no meaning
}

} // namespace

std::vector<route> event_service::routes() {
  return {
      {"GET", "/management/v1/events", "watch_events", 0, [this](http_exchange& exchange) { return serve(exchange); }}};
}

void event_service::stop() {
  stopping_ = true;
  changed_.notify_all();
}

task<> event_service::serve(http_exchange& exchange) {
  if (stopping_ || watchers_ >= max_event_watchers) {
    error const full{error_code::unavailable,
                     stopping_ ? "The balancer is stopping."
                               : std::to_string(max_event_watchers) + " watchers are connected already, the limit.",
                     "Try again later, or end one of the others.",
                     {}};
    co_await refuse(exchange, full);
    co_return;
  }
  auto watch = event_watch::start(request_of(exchange.head()), core_.core());
  if (!watch) {
    co_await refuse(exchange, watch.error());
    co_return;
  }
  counted const one(watchers_);
  if (is_websocket_upgrade(exchange.head()))
    co_await serve_websocket(exchange, std::move(*watch));
  else
    co_await serve_stream(exchange, std::move(*watch));
}

task<> event_service::serve_stream(http_exchange& exchange, event_watch watch) {
  std::vector<header_view> const headers = {
      {"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  if (!co_await exchange.start_stream(200, headers)) co_return;
  co_await exchange.run_unless_client_leaves(write_events(exchange, watch));
  if (stopping_) co_await exchange.finish_stream();
}

task<> event_service::write_events(http_exchange& exchange, event_watch& watch) {
  if (!co_await exchange.write_chunk(reconnect_after)) co_return;
  while (!stopping_) {
    std::string text;
    for (auto& message : watch.next(core_.core(), messages_a_write))
      text += sse_format({.event = std::move(message.type), .data = std::move(message.json), .id = message.id});
    if (text.empty()) {
      auto const news = co_await with_deadline(keep_alive_, changed_.wait());
      if (news && !*news) co_return;
      if (!news) text = sse_comment("still here");
    }
    if (!text.empty() && !co_await exchange.write_chunk(text)) co_return;
  }
}

task<> event_service::serve_websocket(http_exchange& exchange, event_watch watch) {
  auto socket = co_await websocket::accept(exchange.upgrade(), exchange.head());
  if (!socket) co_return;
  co_await run_unless(send_messages(*socket, watch), wait_for_end(*socket));
  co_await socket->close(websocket_code::going_away, stopping_ ? "the balancer is stopping" : "");
}

task<> event_service::send_messages(websocket& socket, event_watch& watch) {
  while (!stopping_) {
    if (socket.unsent_bytes() > unsent_limit) {
      if (!co_await sleep_for(unsent_look)) co_return;
      continue;
    }
    auto messages = watch.next(core_.core(), messages_a_write);
    for (auto& message : messages)
      if (!socket.send(std::move(message.json))) co_return;
    if (messages.empty() && !co_await changed_.wait()) co_return;
  }
}

} // namespace paddler
