#include "runtime/timer.hpp"

#include "base/random.hpp"
#include "runtime/clock.hpp"
#include "runtime/stand_in.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace paddler {
namespace {

task<> simulated_sleep(world* simulated, duration time) {
  auto const over = std::make_shared<wakeup>(co_await asio::this_coro::executor);
  auto const call = simulated->call_after(time, [over] { over->notify_all(); });
  co_await over->wait();
  simulated->forget(call);
}

} // namespace

task<bool> sleep_for(duration time) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return false;
  if (auto* const simulated = stand_in_world()) {
    co_await simulated_sleep(simulated, time);
    co_return !is_cancelled(co_await asio::this_coro::cancellation_state);
  }
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(as_result);
  co_return !is_cancelled(co_await asio::this_coro::cancellation_state);
}

task<> sleep_until_cancelled_or(duration time) { co_await sleep_for(time); }

task<> periodic(duration period, double jitter, std::function<task<>()> work) {
  random_source random(random_seed());
  for (;;) {
    double const factor = 1.0 + jitter * (2.0 * random.unit() - 1.0);
    auto const pause = duration{static_cast<duration::rep>(static_cast<double>(period.count()) * factor)};
    if (!co_await sleep_for(pause)) co_return;
    co_await work();
  }
}

} // namespace paddler
