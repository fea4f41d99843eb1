#include "core/session/state_delivery.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::seconds;

mono_time at(int second) { return mono_time(seconds(second)); }

held_state version(std::uint64_t number) { return {{number}, "content " + std::to_string(number)}; }

delivery_policy const policy{
    .answer_within = seconds(10), .backoff_first = seconds(2), .backoff_limit = seconds(60), .stuck_after = 3};

struct StateDeliveryTest : ::testing::Test {
  state_delivery it{policy, version(1)};
};

TEST_F(StateDeliveryTest, WhatIsHeldIsNotSent) {
  it.want(version(1));
  EXPECT_EQ(it.phase(at(0)), delivery_phase::delivered);
  EXPECT_EQ(it.next_due(), std::nullopt);
}

TEST_F(StateDeliveryTest, NobodyWhoSaysNothingIsSentAnything) {
  it.want({{0}, "none"});
  EXPECT_EQ(it.phase(at(0)), delivery_phase::delivered);
}

TEST_F(StateDeliveryTest, TheSameNumberWithOtherContentIsSent) {
  it.want({{1}, "another content"});
  EXPECT_EQ(it.phase(at(0)), delivery_phase::due);
}

TEST_F(StateDeliveryTest, AnAcknowledgementEndsIt) {
  it.want(version(2));
  EXPECT_EQ(it.phase(at(0)), delivery_phase::due);
  it.note_sent(at(0), 0);
  EXPECT_EQ(it.phase(at(0)), delivery_phase::sent);
  it.acknowledge({1});
  EXPECT_EQ(it.phase(at(0)), delivery_phase::sent) << "of another version";
  it.acknowledge({2});
  EXPECT_EQ(it.phase(at(0)), delivery_phase::delivered);
  EXPECT_EQ(it.held(), generation{2});
}

TEST_F(StateDeliveryTest, ARefusalParksItUntilSomethingChanges) {
  it.want(version(2));
  it.note_sent(at(0), 0);
  it.refuse({2}, {{"model", "no", "", 0}});
  EXPECT_EQ(it.phase(at(1000)), delivery_phase::refused);
  EXPECT_EQ(it.next_due(), std::nullopt);
  it.want(version(2));
  EXPECT_EQ(it.phase(at(1000)), delivery_phase::refused) << "the same again";
  it.want(version(3));
  EXPECT_EQ(it.phase(at(1000)), delivery_phase::due);
  EXPECT_TRUE(it.refusal().empty());
  it.refuse({2}, {});
  EXPECT_EQ(it.phase(at(1000)), delivery_phase::due) << "of an older version";
}

TEST_F(StateDeliveryTest, WhatTheAgentAcceptsLaterIsNoLongerRefused) {
  it.want(version(2));
  it.note_sent(at(0), 0);
  it.refuse({2}, {{"model", "no", "", 0}});
  it.acknowledge({2});
  EXPECT_EQ(it.phase(at(0)), delivery_phase::delivered);
  it.refuse({2}, {});
  EXPECT_EQ(it.phase(at(0)), delivery_phase::delivered) << "a refusal from before";
}

TEST_F(StateDeliveryTest, SilenceIsAnsweredLaterAndLaterAndCalledStuck) {
  it.want(version(2));
  auto now = at(0);
  duration before{};
  for (int sent = 1; sent <= 8; ++sent) {
    EXPECT_EQ(it.phase(now), delivery_phase::due);
    it.note_sent(now, 0.99);
    EXPECT_EQ(it.unanswered(), sent);
    EXPECT_EQ(it.phase(now), sent < 3 ? delivery_phase::sent : delivery_phase::stuck);
    auto const pause = it.next_due().value() - now;
    EXPECT_GE(pause, before);
    EXPECT_LE(pause, seconds(70));
    before = pause;
    now += pause;
  }
  it.report(version(2));
  EXPECT_EQ(it.phase(now), delivery_phase::delivered) << "its acknowledgement was lost";
  EXPECT_EQ(it.unanswered(), 0);
}

TEST_F(StateDeliveryTest, OtherContentDoesNotWaitForTheAnswer) {
  it.want(version(2));
  it.note_sent(at(0), 0);
  it.want(version(3));
  EXPECT_EQ(it.phase(at(0)), delivery_phase::due);
}

TEST_F(StateDeliveryTest, WhatTheAgentLostIsSentAgain) {
  it.want(version(2));
  it.note_sent(at(0), 0);
  it.acknowledge({2});
  it.report(version(1));
  EXPECT_EQ(it.phase(at(5)), delivery_phase::due);
}

} // namespace
} // namespace paddler
