#include "runtime/wakeup.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

namespace paddler {

wakeup::wakeup(asio::any_io_executor const& executor) : timer_(executor, asio::steady_timer::time_point::max()) {}

task<bool> wakeup::wait() {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return false;
  co_await timer_.async_wait(as_result);
  co_return !is_cancelled(co_await asio::this_coro::cancellation_state);
}

task<> wakeup::wait_uncancellable() {
  co_await timer_.async_wait(asio::bind_cancellation_slot(asio::cancellation_slot{}, as_result));
}

void wakeup::notify_all() { timer_.cancel(); }

} // namespace paddler
