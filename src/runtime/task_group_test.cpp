#include "runtime/event_loop.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

namespace paddler {
namespace {

using namespace std::chrono_literals;

task<> wait_long(bool* cancelled) { *cancelled = !co_await sleep_for(1h); }

task<> wait_twice(int* ended) {
  co_await sleep_for(1h);
  co_await sleep_for(1h);
  ++*ended;
}

task<> throw_something() {
  co_await sleep_for(1us);
  throw std::runtime_error("on purpose");
}

task<> spawn_into(task_group* group, int* ended) {
  group->spawn("child", wait_twice(ended));
  co_await sleep_for(1h);
  group->spawn("late", wait_twice(ended));
}

TEST(task_group, cancel_ends_every_wait_of_every_task) {
  event_loop loop;
  task_group group(loop.executor(), "test");
  bool cancelled = false;
  int ended = 0;
  group.spawn("long", wait_long(&cancelled));
  group.spawn("twice", wait_twice(&ended));
  EXPECT_EQ(group.size(), 2U);
  group.cancel();
  loop.run_until_done(group.join());
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(group.size(), 0U);
}

TEST(task_group, tasks_spawned_after_cancel_start_cancelled) {
  event_loop loop;
  task_group group(loop.executor(), "test");
  int ended = 0;
  group.spawn("parent", spawn_into(&group, &ended));
  group.cancel();
  loop.run_until_done(group.join());
  EXPECT_EQ(ended, 2);
}

TEST(task_group, an_escaped_exception_is_logged_and_the_others_go_on) {
  log_configure({.to_stderr = false});
  auto const errors_before = log_count_from(log_level::error);
  event_loop loop;
  task_group group(loop.executor(), "test");
  group.spawn("bad", throw_something());
  loop.run_until_done(group.join());
  EXPECT_EQ(log_count_from(log_level::error), errors_before + 1);
  EXPECT_NE(log_recent().back().find("on purpose"), std::string::npos);
  log_configure({});
}

TEST(task_group_death, an_escaped_exception_fails_the_process_where_the_policy_says_so) {
  EXPECT_DEATH(
      {
        event_loop loop;
        task_group group(loop.executor(), "test", on_escape::fail_process);
        group.spawn("bad", throw_something());
        loop.run_until_done(group.join());
      },
      "on purpose");
}

TEST(task_group_death, a_group_must_be_joined) {
  EXPECT_DEATH(
      {
        event_loop loop;
        task_group group(loop.executor(), "test");
        bool cancelled = false;
        group.spawn("long", wait_long(&cancelled));
      },
      "before it was joined");
}

TEST(task_group, ten_thousand_tasks_come_and_go) {
  event_loop loop;
  task_group group(loop.executor(), "test");
  int ended = 0;
  for (int i = 0; i < 10'000; ++i) group.spawn("one", wait_twice(&ended));
  group.cancel();
  loop.run_until_done(group.join());
  EXPECT_EQ(ended, 10'000);
}

} // namespace
} // namespace paddler
