#include "runtime/event_loop.hpp"

#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/co_spawn.hpp>

#include <csignal>

namespace paddler {

event_loop::event_loop() = default;

void event_loop::run() {
  context_.restart();
  context_.run();
}

void event_loop::stop() { context_.stop(); }

void event_loop::run_to_end(task<> work) {
  bool done = false;
  std::exception_ptr escaped;
  asio::co_spawn(context_, std::move(work), [&](std::exception_ptr const& e) {
    escaped = e;
    done = true;
  });
  context_.restart();
  while (!done && context_.run_one() > 0) {
  }
  ensure(done, "the loop ran out of work before the task ended: it waits for something that nobody will do");
  if (escaped) std::rethrow_exception(escaped);
}

task<std::optional<int>> event_loop::next_stop_signal() {
  if (!signals_) signals_.emplace(context_, SIGINT, SIGTERM);
  auto const [ec, signal] = co_await signals_->async_wait(as_result);
  if (ec) co_return std::nullopt;
  co_return signal;
}

namespace {

// Marks the end also when the work ends by an exception.
struct end_mark {
  bool& done;
  wakeup& changed;

  ~end_mark() {
    done = true;
    changed.notify_all();
  }
};

task<> mark_when_done(task<> work, bool* done, wakeup* changed) {
  end_mark const mark{*done, *changed};
  co_await std::move(work);
}

task<> drop_after(duration polite, std::function<void()> drop) {
  if (co_await sleep_for(polite)) drop();
}

} // namespace

task<bool> stop_in_two_phases(duration polite, task<> finish, std::function<void()> drop) {
  auto const executor = co_await asio::this_coro::executor;
  task_group group(executor, "stop");
  wakeup changed(executor);
  bool done = false;
  bool dropped = false;
  group.spawn("finish", mark_when_done(std::move(finish), &done, &changed));
  group.spawn("drop", drop_after(polite, [&dropped, drop = std::move(drop)] {
                dropped = true;
                drop();
              }));
  while (!done) co_await changed.wait_uncancellable();
  group.cancel();
  co_await group.join();
  co_return !dropped;
}

} // namespace paddler
