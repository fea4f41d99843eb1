#include "harness/system_test.hpp"

#include "runtime/clock.hpp"
#include "runtime/timer.hpp"

namespace paddler_test {
namespace {

constexpr auto between_looks = std::chrono::milliseconds(5);

std::size_t repetition_now = 0;

class repetition_counter : public testing::EmptyTestEventListener {
  void OnTestIterationStart(testing::UnitTest const& /*all*/, int iteration) override {
    repetition_now = static_cast<std::size_t>(iteration);
  }
};

task<> run_limited(task<> body) {
  bool const in_time = co_await with_deadline(test_limit, std::move(body));
  if (!in_time) ADD_FAILURE() << "the test took longer than its limit";
}

} // namespace

void give_up_test(std::string const& what, std::source_location where) {
  throw test_failure(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " + what);
}

void require(bool condition, std::string_view what, std::source_location where) {
  if (!condition) give_up_test("required: " + std::string(what), where);
}

task<> pause_between_looks() {
  bool const waited = co_await sleep_for(between_looks); // lint: allow(test-wait) the one place that waits, polled
  if (!waited) throw test_failure("the test was ended while it waited");
}

task<bool> eventually(duration limit, std::function<bool()> condition) {
  auto const deadline = mono_now() + limit;
  while (!condition()) {
    if (mono_now() >= deadline) co_return false;
    co_await pause_between_looks();
  }
  co_return true;
}

std::size_t repetition() { return repetition_now; }

void count_repetitions() {
  testing::UnitTest::GetInstance()->listeners().Append(new repetition_counter); // gtest's from then on
}

void detail::run_on(event_loop& loop, task<> body) {
  try {
    loop.run_until_done(run_limited(std::move(body)));
  } catch (std::exception const& e) {
    ADD_FAILURE() << e.what();
  }
}

} // namespace paddler_test
