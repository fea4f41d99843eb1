#include "runtime/async_queue.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"
#include "runtime/wakeup.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace paddler {
namespace {

using namespace std::chrono_literals;

task<> count_to(int* value, int goal, wakeup* changed, bool* seen) {
  while (*value < goal) {
    if (!co_await changed->wait()) co_return;
  }
  *seen = true;
}

task<> count_up(int* value, int goal, wakeup* changed) {
  while (*value < goal) {
    ++*value;
    changed->notify_all();
    co_await sleep_for(0s);
  }
}

TEST(wakeup, arm_then_look_loses_no_wake_up) {
  event_loop loop;
  wakeup changed(loop.executor());
  task_group group(loop.executor(), "test");
  int value = 0;
  bool first = false;
  bool second = false;
  group.spawn("first", count_to(&value, 100, &changed, &first));
  group.spawn("second", count_to(&value, 50, &changed, &second));
  group.spawn("up", count_up(&value, 100, &changed));
  loop.run_until_done(group.join());
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
}

TEST(wakeup, a_cancelled_wait_says_so) {
  event_loop loop;
  wakeup changed(loop.executor());
  task_group group(loop.executor(), "test");
  int value = 0;
  bool seen = false;
  group.spawn("waiter", count_to(&value, 1, &changed, &seen));
  group.cancel();
  loop.run_until_done(group.join());
  EXPECT_FALSE(seen);
}

task<> collect(async_queue<int>* queue, std::vector<int>* out) {
  while (auto item = co_await queue->pop()) out->push_back(*item);
}

task<> produce_then_close(async_queue<int>* queue, int count) {
  for (int i = 0; i < count; ++i) {
    queue->push(i);
    if (i % 3 == 0) co_await sleep_for(0s);
  }
  queue->close();
}

TEST(async_queue, items_arrive_in_order_and_those_queued_survive_close) {
  event_loop loop;
  async_queue<int> queue(loop.executor(), 100, on_overflow::reject_new);
  task_group group(loop.executor(), "test");
  std::vector<int> got;
  group.spawn("consumer", collect(&queue, &got));
  group.spawn("producer", produce_then_close(&queue, 50));
  loop.run_until_done(group.join());
  ASSERT_EQ(got.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
}

TEST(async_queue, overflow_policies) {
  event_loop loop;
  async_queue<int> rejecting(loop.executor(), 2, on_overflow::reject_new);
  EXPECT_TRUE(rejecting.push(1));
  EXPECT_TRUE(rejecting.push(2));
  EXPECT_FALSE(rejecting.push(3));
  EXPECT_EQ(rejecting.lost(), 1U);
  EXPECT_EQ(rejecting.try_pop(), 1);

  async_queue<int> dropping(loop.executor(), 2, on_overflow::drop_oldest);
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(dropping.push(i));
  EXPECT_EQ(dropping.lost(), 1U);
  EXPECT_EQ(dropping.try_pop(), 2);

  dropping.close();
  EXPECT_FALSE(dropping.push(4));
  EXPECT_EQ(dropping.try_pop(), 3);
  EXPECT_EQ(dropping.try_pop(), std::nullopt);
}

} // namespace
} // namespace paddler
