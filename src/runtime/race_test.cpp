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

task<> stop_after(duration time, stop_switch* stopper) {
  if (co_await sleep_for(time)) stopper->stop();
}

// What became of the work, and of the race.
struct stopped_race {
  bool cancelled = false;
  bool whole = false;
  bool went_on = false;
};

task<> run_stoppable(stop_switch* stopper, duration work, stopped_race* out) {
  out->whole = co_await run_unless(end_after(work, &out->cancelled), *stopper);
  out->went_on = co_await sleep_for(0s);
}

TEST(race, a_stop_cancels_the_work_alone) {
  event_loop loop;
  task_group group(loop.executor(), "test");
  stop_switch stopper;
  stopped_race seen;
  group.spawn("race", run_stoppable(&stopper, 1h, &seen));
  group.spawn("stop", stop_after(1us, &stopper));
  loop.run_until_done(group.join());
  EXPECT_TRUE(seen.cancelled);
  EXPECT_FALSE(seen.whole);
  EXPECT_TRUE(seen.went_on) << "the stop went beyond the work";
}

TEST(race, a_stop_before_the_work_begins_and_behind_its_end) {
  event_loop loop;
  stop_switch stopper;
  stopped_race seen;
  loop.run_until_done(run_stoppable(&stopper, 1us, &seen));
  EXPECT_TRUE(seen.whole);
  stopper.stop();
  loop.run_until_done(run_stoppable(&stopper, 1h, &seen));
  EXPECT_TRUE(seen.cancelled);
  EXPECT_FALSE(seen.whole);
}

TEST(race, cancelling_a_stoppable_race_cancels_the_work) {
  for (bool const from_the_beginning : {false, true}) {
    event_loop loop;
    task_group group(loop.executor(), "test");
    stop_switch stopper;
    stopped_race seen;
    if (from_the_beginning) {
      group.cancel();
      loop.run_until_done(sleep_until_cancelled_or(0s));
    }
    group.spawn("race", run_stoppable(&stopper, 1h, &seen));
    group.cancel();
    loop.run_until_done(group.join());
    EXPECT_TRUE(seen.cancelled);
    EXPECT_FALSE(seen.whole);
    EXPECT_FALSE(seen.went_on);
  }
}

TEST(race, exceptions_of_stoppable_work_reach_the_caller) {
  event_loop loop;
  stop_switch stopper;
  auto const work = [](stop_switch* stop) -> task<> {
    co_await run_unless([]() -> task<> { co_await throw_now(); }(), *stop);
  };
  EXPECT_THROW(loop.run_until_done(work(&stopper)), std::runtime_error);
}

} // namespace
} // namespace paddler
