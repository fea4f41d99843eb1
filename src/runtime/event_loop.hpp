// One thread's loop, and how a process ends.
#pragma once
#include "base/time.hpp"
#include "runtime/check.hpp"
#include "runtime/task.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace paddler {

// Owns an io_context that exactly one thread runs. Everything that lives on its executor is destroyed before it.
class event_loop {
public:
  event_loop();
  event_loop(event_loop const&) = delete;
  event_loop& operator=(event_loop const&) = delete;

  asio::any_io_executor executor() { return context_.get_executor(); }

  // Runs until stop(), or until nothing is left to do.
  void run();

  // From any thread.
  void stop();

  // Runs the loop until `work` ended and gives its result; throws what it throws. Other tasks run meanwhile.
  template <class T> T run_until_done(task<T> work) {
    std::optional<T> out;
    run_to_end(keep_result(std::move(work), &out));
    return std::move(*out);
  }

  void run_until_done(task<> work) { run_to_end(std::move(work)); }

  // The next SIGINT or SIGTERM of the process; nothing when the waiting task is cancelled. From the first call on these
  // signals no longer end the process by themselves.
  task<std::optional<int>> next_stop_signal();

private:
  template <class T> static task<> keep_result(task<T> work, std::optional<T>* out) {
    out->emplace(co_await std::move(work));
  }

  void run_to_end(task<> work);

  asio::io_context context_{1};
  std::optional<asio::signal_set> signals_;
};

// Two-phase stop: `finish` ends politely, or, after `polite`, `drop` is called once, upon which `finish` must end soon.
// True when it was polite.
task<bool> stop_in_two_phases(duration polite, task<> finish, std::function<void()> drop);

} // namespace paddler
