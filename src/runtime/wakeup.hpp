// Waiting for something that another task of the same thread does.
#pragma once
#include "runtime/task.hpp"

#include <memory>

namespace paddler {

// An event without memory: notify_all() ends the waits that are under way. On one thread nothing can happen between
// looking and waiting, so this loses no wake-up:
//
//   while (!ready) if (!co_await changed.wait()) co_return; // cancelled
//
// Lives on one executor; must outlive its waits.
class wakeup {
public:
  explicit wakeup(asio::any_io_executor executor);
  ~wakeup();
  wakeup(wakeup&&) noexcept = default;
  wakeup& operator=(wakeup&&) = delete;

  // True after notify_all(); false when the waiting task is (or was already) cancelled.
  task<bool> wait();

  // Goes on waiting through cancellation: for those who must see another task end before they may leave.
  task<> wait_uncancellable();

  // The waits go on through the executor, in the order in which they began, and never inside this call.
  void notify_all();

private:
  struct state;
  std::shared_ptr<state> state_; // a cancellation may look for its wait when both are gone
};

} // namespace paddler
