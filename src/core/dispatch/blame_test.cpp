#include "core/dispatch/blame.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class BlameTest : public testing::Test {
protected:
  blame it{seconds(1)};
  mono_time now{seconds(100)};
  agent_process const x{{"x"}, {1}}, y{{"y"}, {1}}, x_again{{"x"}, {2}};
  request_serial const a{1}, b{2};
};

using serials = std::vector<request_serial>;

TEST_F(BlameTest, AChargeIsADeathOnceItsAgentSaysSo) {
  it.lost(a, x, now);
  it.lost(b, x, now);
  EXPECT_TRUE(it.is_suspect(a));
  EXPECT_EQ(it.charges(a), 1U);
  EXPECT_EQ(it.engine_died(y, now), serials{});
  EXPECT_EQ(it.engine_died(x_again, now), serials{}) << "another process";
  EXPECT_EQ(it.engine_died(x, now), (serials{a, b}));
  EXPECT_EQ(it.deaths(a), 1U);
  EXPECT_EQ(it.charges(a), 0U);
  EXPECT_EQ(it.next_deadline(), std::nullopt);
}

TEST_F(BlameTest, TheWordMayComeFirst) {
  it.engine_died(x, now);
  it.lost(a, x, now + milliseconds(1000));
  it.lost(b, x, now + milliseconds(1001));
  EXPECT_EQ(it.deaths(a), 1U);
  EXPECT_EQ(it.deaths(b), 0U) << "that was another engine";
  EXPECT_EQ(it.charges(b), 1U);
}

TEST_F(BlameTest, WhoseAgentIsGoneOrSaysNothingIsNotSuspected) {
  it.lost(a, x, now);
  it.lost(b, x, now);
  it.lost(b, y, now + milliseconds(300));
  EXPECT_EQ(it.agent_gone(x), (serials{a, b}));
  EXPECT_FALSE(it.is_suspect(a));
  EXPECT_EQ(it.charges(b), 1U);
  EXPECT_EQ(it.next_deadline(), now + milliseconds(1300));
  EXPECT_EQ(it.expire(now + milliseconds(1299)), serials{});
  EXPECT_EQ(it.expire(now + milliseconds(1300)), serials{b});
  EXPECT_FALSE(it.has_suspects());
  it.engine_died(x, now);
  it.agent_gone(x);
  it.lost(a, x, now);
  EXPECT_EQ(it.deaths(a), 0U) << "the agent went with its engine";
}

TEST_F(BlameTest, TwoChargesThatRunOutAtOnceAreToldOnce) {
  it.lost(a, x, now);
  it.lost(a, y, now);
  EXPECT_EQ(it.expire(now + seconds(1)), serials{a});
}

TEST_F(BlameTest, WhoBroughtSomethingIsAcquittedOfEverything) {
  it.lost(a, x, now);
  it.engine_died(x, now);
  it.lost(a, y, now);
  it.acquit(a);
  EXPECT_FALSE(it.is_suspect(a));
  EXPECT_EQ(it.engine_died(y, now), serials{});
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  it.acquit(b);
}

TEST(AttemptBudget, SavesAPartOfEachRequestUpToItsBurst) {
  attempt_budget it(0.25, 2);
  EXPECT_TRUE(it.take());
  EXPECT_TRUE(it.take());
  EXPECT_FALSE(it.take());
  for (int i = 0; i < 3; ++i) it.accepted();
  EXPECT_FALSE(it.take());
  it.accepted();
  EXPECT_TRUE(it.take());
  it.give_back();
  EXPECT_TRUE(it.take());
  for (int i = 0; i < 100; ++i) it.accepted();
  it.give_back();
  EXPECT_TRUE(it.take());
  EXPECT_TRUE(it.take());
  EXPECT_FALSE(it.take()) << "no more than the burst";
}

} // namespace
} // namespace paddler
