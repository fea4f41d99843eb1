#include "runtime/blocking.hpp"
#include "runtime/event_loop.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <stdexcept>

namespace paddler {
namespace {

task<bool> runs_elsewhere(blocking_executor* pool) {
  auto const here = std::this_thread::get_id();
  auto const there = co_await run_blocking(*pool, [] { return std::this_thread::get_id(); });
  co_return there.has_value() && *there != here&& std::this_thread::get_id() == here;
}

TEST(blocking, runs_on_a_thread_and_resumes_on_the_callers_loop) {
  event_loop loop;
  blocking_executor pool("test", 2, 8);
  EXPECT_TRUE(loop.run_until_done(runs_elsewhere(&pool)));
}

task<result<int>> failing(blocking_executor* pool) {
  co_return co_await run_blocking(*pool, []() -> result<int> { return fail(error_code::storage, "the disk is full"); });
}

task<result<void>> throwing(blocking_executor* pool) {
  co_return co_await run_blocking(*pool, [] { throw std::runtime_error("on purpose"); });
}

TEST(blocking, errors_and_exceptions_come_back) {
  event_loop loop;
  blocking_executor pool("test", 1, 8);
  auto const failed = loop.run_until_done(failing(&pool));
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message, "the disk is full");
  EXPECT_THROW(static_cast<void>(loop.run_until_done(throwing(&pool))), std::runtime_error);
}

task<result<int>> one(blocking_executor* pool) {
  co_return co_await run_blocking(*pool, [] { return 1; });
}

TEST(blocking, a_full_queue_is_an_answer) {
  event_loop loop;
  std::latch running(1);
  std::latch release(1);
  blocking_executor pool("test", 1, 1);
  ASSERT_TRUE(pool.submit([&] {
    running.count_down();
    release.wait();
  }));
  running.wait();
  ASSERT_TRUE(pool.submit([] {}));
  auto const refused = loop.run_until_done(one(&pool));
  release.count_down();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, error_code::unavailable);
}

} // namespace
} // namespace paddler
