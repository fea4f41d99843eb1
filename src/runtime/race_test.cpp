#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "runtime/task_group.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

namespace paddler {
namespace {

using namespace std::chrono_literals;

task<int> answer_after(duration time) {
  if (!co_await sleep_for(time)) co_return -1;
  co_return 42;
}

task<> end_after(duration time, bool* cancelled) { *cancelled = !co_await sleep_for(time); }

task<int> throw_now() {
  throw std::runtime_error("on purpose");
  co_return 0;
}

TEST(race, the_deadline_cancels_the_work_and_waits_for_its_end) {
  event_loop loop;
  EXPECT_EQ(loop.run_until_done(with_deadline(1ms, answer_after(1h))), std::nullopt);
  EXPECT_EQ(loop.run_until_done(with_deadline(1h, answer_after(1us))), 42);
}

TEST(race, the_stopper_is_cancelled_when_the_work_is_first) {
  event_loop loop;
  bool cancelled = false;
  EXPECT_EQ(loop.run_until_done(unless(answer_after(1us), end_after(1h, &cancelled))), 42);
  EXPECT_TRUE(cancelled);
}

TEST(race, exceptions_reach_the_caller) {
  event_loop loop;
  EXPECT_THROW(loop.run_until_done(with_deadline(1h, throw_now())), std::runtime_error);
}

task<> race_and_note(bool* inner, bool* ended) {
  co_await with_deadline(1h, end_after(1h, inner));
  *ended = is_cancelled(co_await asio::this_coro::cancellation_state);
}

TEST(race, cancelling_the_race_cancels_both) {
  event_loop loop;
  task_group group(loop.executor(), "test");
  bool inner = false;
  bool ended = false;
  group.spawn("race", race_and_note(&inner, &ended));
  group.cancel();
  loop.run_until_done(group.join());
  EXPECT_TRUE(inner);
  EXPECT_TRUE(ended);
}

} // namespace
} // namespace paddler
