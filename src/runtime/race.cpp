#include "runtime/race.hpp"

#include "runtime/wakeup.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <exception>

namespace paddler {
namespace {

struct runner {
  asio::cancellation_signal signal;
  std::exception_ptr escaped;
};

struct race_state {
  explicit race_state(asio::any_io_executor const& executor) : changed(executor) {}

  void cancel_both() {
    for (auto& each : runners) each.signal.emit(asio::cancellation_type::all);
  }

  void ended(std::size_t which, std::exception_ptr const& escaped) {
    runners[which].escaped = escaped;
    if (running-- == 2) {
      first = which;
      runners[1 - which].signal.emit(asio::cancellation_type::all);
    }
    changed.notify_all();
  }

  std::array<runner, 2> runners;
  int running = 2;
  std::size_t first = 0;
  wakeup changed;
};

task<> enter(task<> work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation{});
  co_await std::move(work);
}

void start(asio::any_io_executor const& executor, race_state& race, std::size_t which, task<> work) {
  auto slot = race.runners[which].signal.slot();
  asio::co_spawn(executor, enter(std::move(work)),
                 asio::bind_cancellation_slot(
                     slot, [&race, which](std::exception_ptr const& escaped) { race.ended(which, escaped); }));
}

// The race lives in the frame that waits here until both runners ended, so their handlers may point into it.
task<> wait_for_both(race_state& race) {
  bool cancelled = false;
  while (race.running > 0) {
    if (cancelled) {
      co_await race.changed.wait_uncancellable();
    } else if (!co_await race.changed.wait()) {
      cancelled = true;
      race.cancel_both();
    }
  }
}

} // namespace

task<bool> run_unless(task<> work, task<> stopper) {
  auto const executor = co_await asio::this_coro::executor;
  race_state race(executor);
  start(executor, race, 0, std::move(work));
  start(executor, race, 1, std::move(stopper));
  co_await wait_for_both(race);
  for (auto const& each : race.runners) {
    if (each.escaped) std::rethrow_exception(each.escaped);
  }
  co_return race.first == 0;
}

namespace {

// While the task waits for another one that has a signal of its own, its own cancellation goes there.
class forwarded_cancellation {
public:
  forwarded_cancellation(asio::cancellation_slot from, asio::cancellation_signal& to) : from_(from) {
    if (from_.is_connected()) from_.assign([&to](asio::cancellation_type type) { to.emit(type); });
  }

  forwarded_cancellation(forwarded_cancellation const&) = delete;
  forwarded_cancellation& operator=(forwarded_cancellation const&) = delete;

  ~forwarded_cancellation() {
    if (from_.is_connected()) from_.clear();
  }

private:
  asio::cancellation_slot from_;
};

// Stopped before it began, it runs with its cancellation pending, as every task of a cancelled group does.
task<> enter_stoppable(bool stopped, asio::cancellation_signal& signal, task<> work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation{});
  if (stopped) signal.emit(asio::cancellation_type::all);
  co_await std::move(work);
}

} // namespace

task<bool> run_unless(task<> work, stop_switch& stopper) {
  auto const executor = co_await asio::this_coro::executor;
  auto const own = co_await asio::this_coro::cancellation_state;
  bool const stopped = stopper.stopped_ || is_cancelled(own);
  forwarded_cancellation const forwarded(own.slot(), stopper.signal_);
  auto as_child = asio::bind_cancellation_slot(stopper.signal_.slot(), asio::use_awaitable);
  co_await asio::co_spawn(executor, enter_stoppable(stopped, stopper.signal_, std::move(work)), std::move(as_child));
  co_return !stopper.stopped_ && !is_cancelled(co_await asio::this_coro::cancellation_state);
}

} // namespace paddler
