#include "runtime/wakeup.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace paddler {

using io_error = boost::system::error_code;

struct wakeup::state {
  struct wait {
    std::uint64_t number = 0;
    std::move_only_function<void(io_error)> resume;
    asio::cancellation_slot cancellation; // not connected: the wait cannot be cancelled
  };

  explicit state(asio::any_io_executor executor_in) : executor(std::move(executor_in)) {}

  void resume(wait one, io_error why) const {
    asio::post(executor, [go_on = std::move(one.resume), why]() mutable { go_on(why); });
  }

  void end_all(io_error why) {
    for (auto& each : std::exchange(waits, {})) {
      if (each.cancellation.is_connected()) each.cancellation.clear();
      resume(std::move(each), why);
    }
  }

  // Called out of the cancellation slot, which must not be cleared meanwhile.
  void cancel(std::uint64_t number) {
    auto const at = std::ranges::find(waits, number, &wait::number);
    if (at == waits.end()) return;
    auto one = std::move(*at);
    waits.erase(at);
    resume(std::move(one), asio::error::operation_aborted);
  }

  asio::any_io_executor executor;
  std::vector<wait> waits; // in the order in which they began
  std::uint64_t begun = 0;
};

namespace {

// Starts one wait for Asio's initiation.
template <class State> struct wait_starter {
  std::shared_ptr<State> state;

  template <class Handler> void operator()(Handler handler) const {
    auto cancellation = asio::get_associated_cancellation_slot(handler);
    auto const number = ++state->begun;
    state->waits.push_back({number, std::move(handler), cancellation});
    if (!cancellation.is_connected()) return;
    cancellation.assign([of = std::weak_ptr<State>(state), number](asio::cancellation_type) {
      if (auto const alive = of.lock()) alive->cancel(number);
    });
  }
};

} // namespace

wakeup::wakeup(asio::any_io_executor executor) : state_(std::make_shared<state>(std::move(executor))) {}

wakeup::~wakeup() {
  if (state_) state_->end_all(asio::error::operation_aborted);
}

task<bool> wakeup::wait() {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return false;
  wait_starter<state> start{state_};
  co_await asio::async_initiate<decltype(as_result), void(io_error)>(std::move(start), as_result);
  co_return !is_cancelled(co_await asio::this_coro::cancellation_state);
}

task<> wakeup::wait_uncancellable() {
  wait_starter<state> start{state_};
  auto deaf = asio::bind_cancellation_slot(asio::cancellation_slot{}, as_result);
  co_await asio::async_initiate<decltype(deaf), void(io_error)>(std::move(start), deaf);
}

void wakeup::notify_all() { state_->end_all({}); }

} // namespace paddler
