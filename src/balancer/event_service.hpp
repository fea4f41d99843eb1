// GET /management/v1/events: the event bus for the world, as server-sent events (WHATWG HTML, 9.2) and, where the
// client asks for an upgrade, as a WebSocket whose text messages are the same JSON.
//
// A watcher that reads slowly is held back by its own connection and nothing else: what it missed meanwhile comes from
// the feed, or as a snapshot where the feed has forgotten it.
#pragma once
#include "balancer/core_service.hpp"
#include "balancer/event_watch.hpp"
#include "net/router.hpp"
#include "net/websocket.hpp"
#include "runtime/wakeup.hpp"

#include <cstddef>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_event_watchers = 256;

// Lives on one executor; `core` must outlive it, and it its connections.
class event_service {
public:
  event_service(asio::any_io_executor executor, core_service& core, duration keep_alive = std::chrono::seconds(15))
      : core_(core), keep_alive_(keep_alive), changed_(executor) {}

  std::vector<route> routes();

  // Something was published.
  void notify() { changed_.notify_all(); }

  // Ends every stream: the balancer stops.
  void stop();

  [[nodiscard]] std::size_t watchers() const { return watchers_; }

private:
  task<> serve(http_exchange& exchange);
  task<> serve_stream(http_exchange& exchange, event_watch watch);
  task<> write_events(http_exchange& exchange, event_watch& watch);
  task<> serve_websocket(http_exchange& exchange, event_watch watch);
  task<> send_messages(websocket& socket, event_watch& watch);

  core_service& core_;
  duration const keep_alive_;
  wakeup changed_;
  std::size_t watchers_ = 0;
  bool stopping_ = false;
};

} // namespace paddler
