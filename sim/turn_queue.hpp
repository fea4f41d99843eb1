// What is ready to run in one simulated process, in order. Its executor stands where that of an io_context stands in a
// real process: the same coroutines in the same order, without a reactor, system calls or locks, for nothing there
// waits for a kernel.
//
// The context behind it holds the services of asio that Beast asks for, a timer of the real clock, and is never run: in
// virtual time that timer must not fire.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <deque>
#include <functional>
#include <utility>

namespace paddler_sim {

namespace asio = boost::asio;

class turn_queue {
public:
  // As that of an io_context: within a turn of the queue, what may run at once does.
  class executor_type {
  public:
    explicit executor_type(turn_queue& queue) : queue_(&queue) {}

    template <class Turn> void execute(Turn&& turn) const {
      if (at_once_ && queue_->running_)
        std::forward<Turn>(turn)();
      else
        queue_->turns_.emplace_back(std::forward<Turn>(turn));
    }

    [[nodiscard]] asio::io_context& query(asio::execution::context_t /*what*/) const noexcept {
      return queue_->services_;
    }

    [[nodiscard]] asio::execution::blocking_t query(asio::execution::blocking_t /*what*/) const noexcept {
      return at_once_ ? asio::execution::blocking_t(asio::execution::blocking.possibly)
                      : asio::execution::blocking_t(asio::execution::blocking.never);
    }

    [[nodiscard]] executor_type require(asio::execution::blocking_t::never_t /*what*/) const {
      return executor_type(*queue_, false);
    }

    [[nodiscard]] executor_type require(asio::execution::blocking_t::possibly_t /*what*/) const {
      return executor_type(*queue_, true);
    }

    bool operator==(executor_type const&) const = default;

  private:
    executor_type(turn_queue& queue, bool at_once) : queue_(&queue), at_once_(at_once) {}

    turn_queue* queue_;
    bool at_once_ = true;
  };

  turn_queue() = default;
  turn_queue(turn_queue const&) = delete;
  turn_queue& operator=(turn_queue const&) = delete;

  // What is dropped here may still add turns, which are dropped, too.
  ~turn_queue() {
    while (!turns_.empty()) drop_first();
  }

  asio::any_io_executor executor() { return executor_type(*this); }

  // Runs the oldest turn; false where none is ready.
  bool run_one() {
    if (turns_.empty()) return false;
    auto turn = std::move(turns_.front());
    turns_.pop_front();
    bool const outer = std::exchange(running_, true);
    turn();
    running_ = outer;
    return true;
  }

private:
  void drop_first() {
    auto const dropped = std::move(turns_.front());
    turns_.pop_front();
  }

  asio::io_context services_{1};
  std::deque<std::move_only_function<void()>> turns_;
  bool running_ = false;
};

} // namespace paddler_sim
