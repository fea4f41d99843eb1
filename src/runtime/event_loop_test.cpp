#include "runtime/event_loop.hpp"
#include "runtime/process.hpp"
#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"
#include "runtime/wakeup.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

namespace paddler {
namespace {

using namespace std::chrono_literals;

task<int> raise_and_wait(event_loop* loop) {
  auto waiting = loop->next_stop_signal();
  task_group group(loop->executor(), "test");
  group.spawn("raise", []() -> task<> {
    co_await sleep_for(1us);
    std::raise(SIGTERM);
  }());
  auto const signal = co_await std::move(waiting);
  co_await group.join();
  co_return signal.value_or(0);
}

TEST(event_loop, a_stop_signal_wakes_the_waiting_task) {
  event_loop loop;
  EXPECT_EQ(loop.run_until_done(raise_and_wait(&loop)), SIGTERM);
}

task<> end_when(bool* may_end, wakeup* changed) {
  while (!*may_end) co_await changed->wait_uncancellable();
}

TEST(event_loop, stopping_is_polite_first_and_drops_later) {
  event_loop loop;
  wakeup changed(loop.executor());
  bool may_end = true;
  EXPECT_TRUE(loop.run_until_done(stop_in_two_phases(1h, end_when(&may_end, &changed), [] {})));
  may_end = false;
  auto const drop = [&] {
    may_end = true;
    changed.notify_all();
  };
  EXPECT_FALSE(loop.run_until_done(stop_in_two_phases(1ms, end_when(&may_end, &changed), drop)));
}

task<> count(int* runs) {
  ++*runs;
  co_return;
}

task<> stop_after(task_group* group, int* runs, int limit) {
  while (*runs < limit) co_await sleep_for(100us);
  group->cancel();
}

TEST(event_loop, periodic_runs_until_cancelled) {
  event_loop loop;
  task_group group(loop.executor(), "test");
  int runs = 0;
  group.spawn("periodic", periodic(1ms, 0.5, [&runs] { return count(&runs); }));
  group.spawn("stopper", stop_after(&group, &runs, 3));
  loop.run_until_done(group.join());
  EXPECT_GE(runs, 3);
}

TEST(process, the_open_file_limit_is_raised) { EXPECT_GE(raise_open_file_limit(), 256U); }

} // namespace
} // namespace paddler
