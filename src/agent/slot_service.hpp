// The slot connections: one for each slot of a ready engine, kept open in reserve, dialled again when they end.
#pragma once
#include "agent/agent_config.hpp"
#include "agent/engine_relay.hpp"
#include "agent/slot_target.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "net/http_server.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>

namespace paddler {

// Lives on one executor. Join it before it is destroyed.
class slot_service {
public:
  struct listeners {
    std::function<void()> busy_changed;                     // the number of requests being answered
    std::function<void(ready_engine const&)> engine_failed; // a request found it dead or unreachable
  };

  slot_service(asio::any_io_executor const& executor, slot_limits const& limits, listeners tell);

  // What to serve from now on; null: nothing. Idle connections to anything else close at once, busy ones after their
  // answer. The same pointer again changes nothing.
  void serve(std::shared_ptr<slot_target const> target);

  // Requests that are being answered.
  [[nodiscard]] int busy() const { return busy_; }

  // Breaks every connection.
  void drop();

  // Ends when no request is being answered; false when cancelled.
  task<bool> wait_idle();

  // After serve(nullptr): ends the tasks.
  task<> join();

private:
  class busy_mark; // counts one request while it lives

  task<> keep(std::size_t index);
  task<bool> serve_once(std::shared_ptr<slot_target const> target, int failures);
  task<> answer(http_exchange& exchange, slot_target const& target, engine_line& line);
  task<> another_target(std::shared_ptr<slot_target const> than);
  void count(int change);
  void note_failure(error const& why, slot_target const& target);

  slot_limits const limits_;
  listeners const tell_;
  std::shared_ptr<slot_target const> target_;
  std::size_t keepers_ = 0; // tasks, one for each slot of the largest target so far
  int busy_ = 0;
  std::list<session_control> sessions_; // open connections
  random_source random_;
  log_limiter dial_failures_{std::chrono::seconds(10)};
  wakeup target_changed_;
  wakeup idle_;
  task_group tasks_;
};

} // namespace paddler
