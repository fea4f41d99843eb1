// How a system test runs: a coroutine on an event loop, with a cluster that is always cleaned up.
//
//   SYSTEM_TEST(queue, is_served_in_order, local_cluster) {
//     co_await cluster.start();
//     ...
//   }
//
// Assertions inside are EXPECT_* (go on) and require() (ends the test). A test that needs longer than `test_limit`
// fails. What the cluster logged is printed where a test failed.
#pragma once
#include "base/time.hpp"
#include "harness/names.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace paddler_test {

// Sanitizers slow everything down; bounds that users are promised are stated for programs without them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PADDLER_SANITIZED 1
#endif
#endif
#ifdef PADDLER_SANITIZED
inline constexpr int slowness = 4;
#else
inline constexpr int slowness = 1;
#endif

inline constexpr duration test_limit = std::chrono::seconds(120) * slowness;

// For whatever is to happen soon, where no bound is promised: long enough for a machine that is busy with other things.
inline constexpr duration patience = std::chrono::seconds(20) * slowness;

// Ends a test.
class test_failure : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void give_up_test(std::string const& what, std::source_location where = std::source_location::current());
void require(bool condition, std::string_view what, std::source_location where = std::source_location::current());

// The only waiting in the system tests: a moment between two looks at a condition. Throws when the test is being ended.
task<> pause_between_looks();

// Whether the condition becomes true within `limit`. For the state of this process and of the machine; what a balancer
// says is polled by cluster_api.
task<bool> eventually(duration limit, std::function<bool()> condition);

// Which of the runs of a program this is, from 0: `--gtest_repeat` (scripts/soak). What a test draws or chooses goes on
// from run to run where it left off.
std::size_t repetition();
void count_repetitions(); // for main

namespace detail {

void run_on(event_loop& loop, task<> body);

template <class Cluster> void run_system_test(task<> (*body)(Cluster&)) {
  event_loop loop;
  Cluster cluster(loop.executor());
  run_on(loop, body(cluster));
  run_on(loop, cluster.stop());
  if (testing::Test::HasFailure()) cluster.print_logs();
}

} // namespace detail

// A type as a parameter of a function cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses)
#define SYSTEM_TEST(suite, name, cluster_type)                                                                         \
  static ::paddler::task<> suite##_##name([[maybe_unused]] cluster_type& cluster);                                     \
  TEST(suite, name) { ::paddler_test::detail::run_system_test<cluster_type>(&suite##_##name); }                        \
  static ::paddler::task<> suite##_##name([[maybe_unused]] cluster_type& cluster)
// NOLINTEND(bugprone-macro-parentheses)

} // namespace paddler_test
