#include "core/engine/engine_simulation.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

TEST(EngineSimulation, RoundTrips) {
  std::string const text = "load-time=500ms,prefill-time=20us,token-time=1s,answer-tokens=7,crash-at=5,hang-at=6,"
                           "stall-at=7,drip-at=8,drip-time=3s,fail-load,refuse-health,fail-model=bad";
  auto const parsed = parse_simulation(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(to_text(*parsed), text);
  EXPECT_EQ(parse_simulation(""), engine_simulation{});
  EXPECT_EQ(to_text({}), "");
}

TEST(EngineSimulation, TakesTimesAndCountsUpToTheirLimits) {
  EXPECT_EQ(parse_simulation("load-time=86400s")->load_time, std::chrono::hours(24));
  EXPECT_EQ(parse_simulation("load-time=86400000ms")->load_time, std::chrono::hours(24));
  EXPECT_EQ(parse_simulation("load-time=86400000000us")->load_time, std::chrono::hours(24));
  EXPECT_EQ(parse_simulation("crash-at=1000000")->crash_at, 1'000'000U);
  for (auto const* bad : {"load-time=86401s", "load-time=86400001ms", "load-time=86400000001us",
                          "load-time=99999999999999999999s", "crash-at=1000001", "crash-at=5x", "crash-at="})
    EXPECT_FALSE(parse_simulation(bad)) << bad;
}

TEST(EngineSimulation, NamesEverythingThatIsWrong) {
  auto const wrong = parse_simulation("token-time=5,quite-unlike-any=1,crash-at=x,answer-tokens=4");
  ASSERT_FALSE(wrong);
  ASSERT_EQ(wrong.error().fields.size(), 3U);
  EXPECT_TRUE(wrong.error().fields[1].hint.starts_with("there are: ")) << wrong.error().fields[1].hint;
}

TEST(EngineSimulation, ExplainsWhatIsWrong) {
  for (auto bad : {"token-time=5", "token-time=ms", "token-time=-1ms", "token-time=2days", "crash-at=x", "crash-at=-1",
                   "fail-load=yes", "speed=3", "token-time", "load-time=99999999s", "fail-model="}) {
    auto const wrong = parse_simulation(bad);
    ASSERT_FALSE(wrong) << bad;
    EXPECT_NE(wrong.error().fields.at(0).hint, "");
  }
  EXPECT_EQ(parse_simulation("tokentime=5ms").error().fields[0].hint, "did you mean 'token-time'?");
}

} // namespace
} // namespace paddler
