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
