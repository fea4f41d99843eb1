// A request queue whose limits are changed while requests wait.
#include "base/random.hpp"
#include "core/dispatch/request_queue.hpp"

#include <gtest/gtest.h>

#include <string>

namespace paddler {
namespace {

using std::chrono::seconds;

// Where limits become less than what waits, whoever waits stays, and who comes is refused until there is room.
TEST(RequestQueueLaws, ASmallerLimitThrowsNothingOut) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_source random(seed);
    request_queue it({.max_requests = 20, .max_bytes = 2'000});
    mono_time const now{seconds(1)};
    std::size_t limit = 20;
    std::size_t bytes = 2'000;
    for (std::uint64_t serial = 1; serial <= 300; ++serial) {
      auto const before = it.count();
      if (random.below(10) == 0) {
        limit = random.below(30);
        bytes = 100 * random.below(30);
        it.set_limits(limit, bytes);
        ASSERT_EQ(it.count().requests, before.requests);
        ASSERT_EQ(it.count().bytes, before.bytes);
      } else if (random.below(4) == 0) {
        it.pop("m", now);
      } else {
        queued_request const request{.serial = {serial},
                                     .client = static_cast<client_key>(1 + random.below(4)),
                                     .level = static_cast<request_class>(random.below(3)),
                                     .bytes = random.below(200),
                                     .arrived = now,
                                     .deadline = now + seconds(60)};
        auto const [admitted, displaced] = it.push("m", request);
        bool const is_over = before.requests > limit || before.bytes > bytes;
        if (is_over) ASSERT_TRUE(displaced.empty());
        if (admitted) ASSERT_LE(it.count().requests, limit);
        if (admitted) ASSERT_LE(it.count().bytes, bytes);
        refused += is_over && !admitted ? 1 : 0;
      }
    }
  }
  EXPECT_GT(refused, 1'000U);
}

} // namespace
} // namespace paddler
