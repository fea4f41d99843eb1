// The dispatcher where engines and agents are lost: streams that go on, and whose fault it was.
#include "core/dispatch/dispatcher_test.hpp"

namespace paddler {
namespace {

using std::chrono::seconds;

// --- streams that go on (RES-02, RES-06) ---

TEST_F(DispatcherTest, RES_06_LostAfterTheFirstByteFailsWhereNoEngineIsKnownToGoOn) {
  slot("x");
  slot("y");
  request("a");
  first_byte("a");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "fail a agent_lost (not_capable);");
  EXPECT_EQ(it.count().slots, 1U);
}

TEST_F(DispatcherTest, RES_06_AStreamGoesOnOnAnEqualEngineOnly) {
  equal_slot("x", 7);
  request("a");
  equal_slot("y", 8);
  first_byte("a");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "") << "it waits";
  EXPECT_EQ(record("a").state, request_state::resuming);
  EXPECT_EQ(it.count().resuming, 1U);
  EXPECT_EQ(text(request("b")), "run b on y;") << "others are not kept waiting";
  EXPECT_EQ(text(equal_slot("z", 7)), "resume a on z;");
  EXPECT_EQ(it.count().resuming, 0U);
  EXPECT_EQ(record("a").state, request_state::resuming) << "until the client has more";
  first_byte("a", 2);
  EXPECT_EQ(record("a").state, request_state::streaming);
  end("a", attempt_outcome::completed, 2);
  EXPECT_EQ(record("a").resumes, 1U);
}

// An agent reads the file of its model while the engine serves already.
TEST_F(DispatcherTest, RES_06_AnEngineOfWhichMoreIsKnownByNowIsTheSameEngine) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  equal_slot("x", 9);
  request("b");
  first_byte("b");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "") << "none is idle";
  EXPECT_EQ(text(end("b", attempt_outcome::lost_late)), "");
  gone("x");
  EXPECT_EQ(text(equal_slot("z", 7)), "") << "what it was known by before";
  EXPECT_EQ(text(equal_slot("y", 9)), "resume a on y;");
  EXPECT_EQ(text(equal_slot("y", 9)), "resume b on y;");
}

TEST_F(DispatcherTest, AStreamThatGoesOnComesBeforeAllThatWait) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  request("b");
  end("a", attempt_outcome::lost_late);
  EXPECT_EQ(text(equal_slot("y", 7)), "resume a on y;");
  EXPECT_EQ(record("b").state, request_state::queued);
  EXPECT_EQ(text(end("a", attempt_outcome::completed, 2)), "run b on y;");
}

TEST_F(DispatcherTest, AStreamPrefersAnAgentThatDidNotLoseIt) {
  equal_slot("x", 7);
  equal_slot("x", 7);
  request("a");
  equal_slot("y", 7);
  request("b");
  first_byte("a");
  EXPECT_EQ(record("a").agent, agent_id{"x"});
  EXPECT_EQ(text(end("b", attempt_outcome::completed)), "");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "resume a on y;");
}

TEST_F(DispatcherTest, RES_06_WhatTheCallerCannotContinueFailsWithItsReason) {
  equal_slot("x", 7);
  equal_slot("y", 7);
  request("a");
  first_byte("a");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late, 1, resume_refusal::tool_call)), "fail a agent_lost (tool_call);");
  EXPECT_EQ(record("a").not_resumed, resume_refusal::tool_call);
}

TEST_F(DispatcherTest, RES_02_AStreamIsContinuedOnlySoOften) {
  for (std::uint64_t const limit : {0U, 1U, 3U}) {
    policy.max_resumes = limit;
    it = dispatcher(policy);
    it.set_models({"m"}, now);
    for (std::uint64_t i = 0; i < limit + 2; ++i) equal_slot("x" + std::to_string(i), 7);
    request("a");
    for (std::uint64_t number = 1; number <= limit; ++number) {
      first_byte("a", number);
      EXPECT_TRUE(text(end("a", attempt_outcome::lost_late, number)).starts_with("resume a"));
    }
    first_byte("a", limit + 1);
    EXPECT_EQ(text(end("a", attempt_outcome::lost_late, limit + 1)), "fail a agent_lost (limit);");
  }
}

TEST_F(DispatcherTest, RES_02_AttemptsThatBringNothingAreCountedApart) {
  for (int i = 0; i < 9; ++i) equal_slot("x" + std::to_string(i), 7);
  request("a");
  first_byte("a");
  std::uint64_t number = 1;
  EXPECT_TRUE(text(end("a", attempt_outcome::lost_late, number)).starts_with("resume a"));
  auto const nobody_says_a_word = [this] {
    pass(seconds(1));
    it.expire(now);
  };
  for (auto const outcome : {attempt_outcome::lost_late, attempt_outcome::lost_early}) {
    nobody_says_a_word();
    EXPECT_TRUE(text(end("a", outcome, ++number)).starts_with("resume a"));
  }
  nobody_says_a_word();
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late, ++number)), "fail a agent_lost (limit);");
  EXPECT_EQ(record("a").resumes, 1U);
}

TEST_F(DispatcherTest, AnEngineOfAnotherVersionMayRefuseToGoOn) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  equal_slot("y", 7);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "resume a on y;");
  EXPECT_EQ(text(end("a", attempt_outcome::refused, 2)), "resume a on y;");
}

TEST_F(DispatcherTest, RES_11_AStreamWaitsForAnEngineAndNotForEver) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  end("a", attempt_outcome::lost_late);
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(1)) << "until then its agent may say what became of the engine";
  pass(seconds(1));
  EXPECT_EQ(text(it.expire(now)), "");
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(29));
  pass(seconds(28));
  EXPECT_EQ(text(it.expire(now)), "");
  pass(seconds(1));
  EXPECT_EQ(text(equal_slot("y", 7)), "fail a agent_lost (no_equal_engine);") << "whether or not time was told before";
  EXPECT_EQ(it.count().slots_busy, 0U);
}

TEST_F(DispatcherTest, AStreamWhoseModelOrBalancerGoesFails) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  end("a", attempt_outcome::lost_late);
  equal_slot("y", 6);
  EXPECT_EQ(text(it.set_models({"n"}, now)), failed("a", request_failure::no_model));
  it.set_models({"m"}, now);
  request("b");
  first_byte("b");
  it.slot_closed({2}, now);
  EXPECT_EQ(text(end("b", attempt_outcome::lost_late)), "");
  EXPECT_EQ(text(it.shut_down(now)), failed("b", request_failure::shutdown));
}

TEST_F(DispatcherTest, AClientThatLeavesWhileItsStreamWaits) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  end("a", attempt_outcome::lost_late);
  leave("a");
  EXPECT_EQ(it.count().resuming, 0U);
  EXPECT_EQ(text(equal_slot("y", 7)), "");
  EXPECT_EQ(record("a").failure, request_failure::client_gone);
}

// --- connections that are over while their requests still read (P5) ---

TEST_F(DispatcherTest, P5_WhoStillReadsWhatCameTakesNoSlot) {
  slot("x");
  request("a");
  first_byte("a");
  EXPECT_EQ(text(it.slot_closed({1}, now, named("b"))), "");
  EXPECT_EQ(it.count().slots_busy, 1U) << "b does not run on it";
  EXPECT_EQ(text(it.slot_closed({1}, now, named("a"))), "");
  EXPECT_EQ(it.count().slots, 0U);
  EXPECT_EQ(it.count().engines, 0U);
  EXPECT_EQ(it.slots_of({"x"}, true), 0U);
  EXPECT_FALSE(record("a").has_slot);
  EXPECT_EQ(record("a").state, request_state::streaming);
  EXPECT_EQ(text(it.slot_closed({1}, now, named("a"))), "") << "once is enough";
  slot("y"); // it has the place of the engine that went
  EXPECT_EQ(text(request("b")), "run b on y;");
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "");
  EXPECT_EQ(record("a").state, request_state::completed);
  EXPECT_EQ(it.count().slots, 1U) << "it does not come back";
  EXPECT_EQ(it.slots_of({"y"}, true), 1U);
  EXPECT_EQ(it.time_of({{"y"}, "m"}), std::nullopt) << "which did not answer it";
}

TEST_F(DispatcherTest, P5_WhatItReadMayTurnOutToBeCutOff) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  it.slot_closed({1}, now, named("a"));
  equal_slot("y", 7);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "resume a on y;");
  EXPECT_TRUE(record("a").has_slot);
  leave("a");
  EXPECT_EQ(it.count().slots, 0U);
}

TEST_F(DispatcherTest, P5_WhoseSlotIsGoneIsNotMovedFromADrainedAgent) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  it.slot_closed({1}, now, named("a"));
  drain("x", seconds(0));
  EXPECT_EQ(text(equal_slot("y", 7)), "");
}

TEST_F(DispatcherTest, P5_ASuspectWhoseSlotIsGoneKeepsNoOtherAway) {
  slot("x");
  slot("y");
  request("a");
  request("b");
  end("a", attempt_outcome::lost_early);
  EXPECT_EQ(text(slot("z")), "run a on z;");
  slot("z");
  EXPECT_EQ(text(end("b", attempt_outcome::lost_early)), "") << "one suspect on z is enough";
  EXPECT_EQ(text(it.slot_closed({3}, now, named("a"))), "run b on z;");
}

// --- whose fault it was (REQ-12) ---

TEST_F(DispatcherTest, REQ_12_ARequestThatKilledTwoEnginesIsNotTriedAThirdTime) {
  for (auto const* agent : {"x", "y", "z"}) slot(agent);
  request_arrival made{{1}, {"a"}, "m", "/", 1};
  made.fingerprint = 5;
  it.arrived(made, now);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 1)), "run a on y;");
  died("x");
  died("y"); // told before the connection ends
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 2)), failed("a", request_failure::poison));
  made.serial = {2};
  EXPECT_EQ(text(it.arrived(made, now)), failed("b", request_failure::quarantined));
  pass(std::chrono::minutes(10));
  made.serial = {3};
  EXPECT_EQ(text(it.arrived(made, now)), "run c on z;") << "machines are mended";
}

TEST_F(DispatcherTest, REQ_12_TheWordOfTheAgentsIsWaitedFor) {
  for (auto const* agent : {"x", "y", "z"}) slot(agent);
  request("a");
  end("a", attempt_outcome::lost_early, 1);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 2)), "");
  EXPECT_EQ(text(died("x")), "") << "one of the two";
  EXPECT_EQ(text(died("y")), failed("a", request_failure::poison));
  EXPECT_EQ(it.count().live, 0U);
}

TEST_F(DispatcherTest, REQ_12_WhoseMachineWentIsNotToBlame) {
  for (auto const* agent : {"x", "y", "z"}) slot(agent);
  request("a");
  end("a", attempt_outcome::lost_early, 1);
  end("a", attempt_outcome::lost_early, 2);
  EXPECT_EQ(text(gone("x")), "run a on z;");
  EXPECT_EQ(text(died("y")), "") << "it runs; this was one";
  EXPECT_EQ(text(end("a", attempt_outcome::completed, 3)), "");
}

// The slots of a dead agent end one after the other, and each of them could still be given to the same request.
TEST_F(DispatcherTest, REQ_01_WhileOthersServeNoAttemptIsSpentOnWhatIsLeftOfADeadAgent) {
  for (int i = 0; i < 3; ++i) slot("x");
  request("a");
  slot("y");
  request("b");
  ASSERT_EQ(record("b").agent, agent_id{"y"});
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), "") << "the other one is busy";
  for (std::uint64_t left = 2; left <= 3; ++left) it.slot_closed({left}, now);
  EXPECT_EQ(text(gone("x")), "");
  EXPECT_EQ(text(end("b", attempt_outcome::completed)), "run a on y;");
}

TEST_F(DispatcherTest, REQ_01_WhatLostItsConnectionToALivingAgentGoesBackInASecond) {
  for (int i = 0; i < 2; ++i) slot("x");
  request("a");
  slot("y");
  request("b");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), "");
  EXPECT_EQ(it.count().queued, 1U);
  pass(seconds(1));
  EXPECT_EQ(text(it.expire(now)), "run a on x;") << "nobody says that it is gone";
}

TEST_F(DispatcherTest, REQ_01_NoMoreThanTwoAttemptsAreSpentOnTheOnlyAgentBeforeItsWord) {
  for (int i = 0; i < 3; ++i) slot("x");
  request("a");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 1)), "run a on x;");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 2)), "");
  it.slot_closed({3}, now);
  EXPECT_EQ(text(gone("x")), "");
  EXPECT_EQ(text(slot("x")), "run a on x;") << "it is back";
}

TEST_F(DispatcherTest, REQ_01_WhatIsLostWithAnAgentCountsAsNoAttempt) {
  slot("x");
  request("a");
  for (std::uint64_t number = 1; number <= 5; ++number) {
    EXPECT_EQ(text(end("a", attempt_outcome::lost_early, number)), "");
    gone("x");
    EXPECT_EQ(text(slot("x")), "run a on x;");
  }
}

TEST_F(DispatcherTest, REQ_12_SuspectsRunApartUntilTheyBringSomething) {
  slot("x");
  slot("x");
  request("a");
  request("b");
  for (auto const* id : {"a", "b"}) end(id, attempt_outcome::lost_early);
  died("x");
  slot("y");
  EXPECT_EQ(record("a").agent, agent_id{"y"});
  EXPECT_EQ(text(slot("y")), "") << "the other one of them does not come beside it";
  EXPECT_EQ(text(request("c")), "run c on y;") << "who lost nothing may";
  EXPECT_EQ(text(slot("y")), "");
  it.sent(named("a"), {2}, now);
  EXPECT_EQ(text(it.first_byte(named("a"), {2}, now)), "run b on y;") << "it was not the one";
}

TEST_F(DispatcherTest, REQ_12_SuspectsGoOnTogetherWhereTheirAgentIsGone) {
  equal_slot("x", 7);
  equal_slot("x", 7);
  for (auto const* id : {"a", "b"}) {
    request(id);
    first_byte(id);
  }
  equal_slot("y", 7);
  equal_slot("y", 7);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "resume a on y;");
  EXPECT_EQ(text(end("b", attempt_outcome::lost_late)), "");
  EXPECT_EQ(text(gone("x")), "resume b on y;");
}

TEST_F(DispatcherTest, OVR_11_WhatIsTriedAgainIsAPartOfWhatComes) {
  policy.retry_burst = 10;
  policy.max_queued = 10'000;
  it = dispatcher(policy);
  it.set_models({"m"}, now);
  std::uint64_t attempts = 0, refused = 0, failures = 0;
  auto const take = [&](dispatch_decisions const& decisions) {
    for (auto const& each : decisions) {
      attempts += std::holds_alternative<run_request>(each) ? 1 : 0;
      auto const* const gave_up = std::get_if<fail_request>(&each);
      failures += gave_up ? 1 : 0;
      refused += gave_up && gave_up->reason == request_failure::retry_budget ? 1 : 0;
    }
  };
  constexpr std::uint64_t requests = 2'000;
  for (std::uint64_t i = 1; i <= requests; ++i) {
    slot("bad");
    slot("good");
    take(it.arrived({{i}, {"r"}, "m", "/", 1}, now));
    for (int tries = 0; tries < 4; ++tries) {
      auto const& now_at = *it.find(request_serial{i});
      if (!now_at.has_slot) break;
      bool const is_bad = i % 2 == 0; // half of them are lost wherever they run
      take(it.ended({i}, now_at.tries, is_bad ? attempt_outcome::lost_early : attempt_outcome::completed, now));
    }
    for (int waits = 0; waits == 0 || (waits < 3 && !is_terminal(it.find(request_serial{i})->state)); ++waits) {
      pass(seconds(2));
      take(it.expire(now));
      while (it.find(request_serial{i})->has_slot)
        take(it.ended({i}, it.find(request_serial{i})->tries, attempt_outcome::lost_early, now));
    }
  }
  EXPECT_LE(attempts, requests * 12 / 10 + 10) << "and the burst";
  EXPECT_GT(attempts, requests * 11 / 10);
  EXPECT_EQ(failures, requests / 2);
  EXPECT_GT(refused, requests / 4);
}

} // namespace
} // namespace paddler
