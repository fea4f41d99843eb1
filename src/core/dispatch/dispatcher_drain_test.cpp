// Agents that somebody wants empty (REC-16, RES-10).
#include "core/dispatch/dispatcher_test.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::seconds;

TEST_F(DispatcherTest, REC_16_ADrainedAgentGetsNothingNewAndWhatRunsThereEnds) {
  slot("x");
  request("a");
  slot("x");
  EXPECT_EQ(text(drain("x", std::chrono::hours(1))), "");
  EXPECT_TRUE(it.is_drained({"x"}));
  EXPECT_EQ(text(request("b")), "") << "it waits for another one";
  EXPECT_EQ(text(slot("x")), "") << "a new slot of it is none";
  pass(seconds(9));
  EXPECT_EQ(text(it.expire(now)), "");
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "");
  EXPECT_EQ(record("a").state, request_state::completed);
  EXPECT_EQ(text(slot("y")), "run b on y;");
  EXPECT_EQ(text(request("c")), "");
  EXPECT_EQ(text(drain("x", std::nullopt)), "run c on x;") << "it is wanted again";
  EXPECT_FALSE(it.is_drained({"x"}));
}

TEST_F(DispatcherTest, REC_16_ARoutesNoteTellsDrainedEnginesFromThoseThatFail) {
  for (auto const* agent : {"x", "y", "z"}) slot(agent);
  drain("y", std::chrono::hours(1));
  EXPECT_EQ(text(request("a")), "run a on x;");
  auto const& note = it.routes_of(named("a"))->back();
  EXPECT_EQ(note.others_drained, 1U);
  EXPECT_EQ(note.others_open, 0U);
  EXPECT_EQ(note.others, 0U) << "z was looked at";
  EXPECT_EQ(text(request("b")), "run b on z;");
  EXPECT_EQ(it.routes_of(named("b"))->back().others, 1U) << "x is busy";
}

TEST_F(DispatcherTest, RES_10_StreamsMoveOneAfterTheOtherOnceTheTimeIsOver) {
  for (int i = 0; i < 2; ++i) equal_slot("x", 7);
  for (auto const* each : {"a", "b"}) {
    request(each);
    first_byte(each);
  }
  drain("x", seconds(5));
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(5));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text(equal_slot("y", 7)), "") << "they may stay yet";
  pass(seconds(5));
  EXPECT_EQ(text(it.expire(now)), "interrupt a;");
  EXPECT_EQ(text(it.expire(now)), "");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "resume a on y;interrupt b;");
  EXPECT_EQ(text(end("b", attempt_outcome::lost_late)), "resume b on y;");
  EXPECT_EQ(record("a").attempts.front().outcome, attempt_outcome::moved);
  EXPECT_EQ(record("a").resumes, 1U);
  EXPECT_EQ(it.slots_of({"x"}, true), 0U) << "it is empty";
  EXPECT_EQ(it.next_deadline(), std::nullopt);
}

TEST_F(DispatcherTest, RES_10_NothingMovesBeforeASlotIsIdleForIt) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  equal_slot("y", 7);
  EXPECT_EQ(text(request("b")), "run b on y;");
  drain("x", seconds(0));
  EXPECT_EQ(text(it.expire(now)), "");
  EXPECT_EQ(text(equal_slot("z", 8)), "") << "that would make another answer";
  EXPECT_EQ(text(end("b", attempt_outcome::completed)), "interrupt a;");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "resume a on y;");
}

TEST_F(DispatcherTest, RES_10_WhatHasNotBegunBeginsElsewhereAndIsNoSuspect) {
  slot("x");
  request("a");
  slot("y");
  EXPECT_EQ(text(drain("x", seconds(0))), "interrupt a;");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), "run a on y;");
  EXPECT_EQ(text(died("x")), "");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 2)), "");
  EXPECT_EQ(text(died("y")), "") << "one death only";
  EXPECT_EQ(record("a").state, request_state::queued);
}

TEST_F(DispatcherTest, RES_10_WhatCannotGoOnElsewhereStays) {
  for (int i = 0; i < 3; ++i) equal_slot("x", 7);
  request("a"); // nobody knows its engine
  first_byte("a");
  request("b");
  first_byte("b");
  for (int i = 0; i < 2; ++i) equal_slot("y", 7);
  EXPECT_EQ(text(drain("x", seconds(0))), "interrupt a;");
  EXPECT_EQ(text(it.stays(named("a"), {2})), "") << "that is another attempt";
  EXPECT_EQ(text(it.stays(named("a"), {1})), "interrupt b;");
  EXPECT_EQ(text(it.stays(named("a"), {1})), "") << "that was said";
  EXPECT_EQ(text(end("b", attempt_outcome::lost_late)), "resume b on y;");
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "");
  EXPECT_EQ(record("a").resumes, 0U);
}

TEST_F(DispatcherTest, RES_10_WhatEndsInTheMeantimeOrLeavesMakesWayForTheNext) {
  for (int i = 0; i < 3; ++i) equal_slot("x", 7);
  for (auto const* each : {"a", "b", "c"}) {
    request(each);
    first_byte(each);
  }
  equal_slot("y", 7);
  EXPECT_EQ(text(drain("x", seconds(0))), "interrupt a;");
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "interrupt b;");
  EXPECT_EQ(text(leave("b")), "interrupt c;");
  EXPECT_EQ(text(end("c", attempt_outcome::lost_late)), "resume c on y;");
}

TEST_F(DispatcherTest, ADeadlineThatChangesCountsFromWhenTheDrainBegan) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  equal_slot("y", 7);
  drain("x", seconds(60));
  pass(seconds(3));
  EXPECT_EQ(text(drain("x", seconds(4))), "");
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(1));
  pass(seconds(1));
  EXPECT_EQ(text(it.expire(now)), "interrupt a;");
}

} // namespace
} // namespace paddler
