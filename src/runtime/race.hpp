// One task against another, or against time. The loser is cancelled and awaited: nothing outlives the race.
#pragma once
#include "base/time.hpp"
#include "runtime/task.hpp"
#include "runtime/timer.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <optional>
#include <utility>

namespace paddler {

// Runs both until the first ends, cancels the other, waits for it too. True when `work` was first. Cancelling the race
// cancels both. An exception of either is thrown here once both ended.
task<bool> run_unless(task<> work, task<> stopper);

// Ends a task from outside. Lives on one executor; serves one run_unless, which it must outlive.
class stop_switch {
public:
  stop_switch() = default;
  stop_switch(stop_switch const&) = delete;
  stop_switch& operator=(stop_switch const&) = delete;

  void stop() {
    stopped_ = true;
    signal_.emit(asio::cancellation_type::all);
  }

private:
  friend task<bool> run_unless(task<> work, stop_switch& stopper);
  asio::cancellation_signal signal_;
  bool stopped_ = false;
};

// A race against something that is no task, which costs much less: the work runs to its end, is cancelled by a stop,
// and awaited in any case. True when nothing stopped it.
task<bool> run_unless(task<> work, stop_switch& stopper);

namespace detail {

template <class T> task<> store_result(task<T> work, std::optional<T>* out) { out->emplace(co_await std::move(work)); }

} // namespace detail

// The work's result; nothing when the stopper was first (a late result is thrown away).
template <class T> task<std::optional<T>> unless(task<T> work, task<> stopper) {
  std::optional<T> out;
  bool const first = co_await run_unless(detail::store_result(std::move(work), &out), std::move(stopper));
  if (!first) out.reset();
  co_return out;
}

// The work's result; nothing when it took longer than `limit`.
template <class T> task<std::optional<T>> with_deadline(duration limit, task<T> work) {
  return unless(std::move(work), sleep_until_cancelled_or(limit));
}

// Whether the work ended within `limit`.
inline task<bool> with_deadline(duration limit, task<> work) {
  return run_unless(std::move(work), sleep_until_cancelled_or(limit));
}

} // namespace paddler
