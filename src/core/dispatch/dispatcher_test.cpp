#include "core/dispatch/dispatcher.hpp"
#include "model/words.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace paddler {
namespace {

using std::chrono::seconds;

class DispatcherTest : public ::testing::Test {
protected:
  instant now{mono_time{seconds(100)}, wall_time{seconds(1)}};
  dispatch_policy policy{.max_queued = 3, .max_queued_bytes = 1000, .queue_timeout = seconds(10)};
  dispatcher it{policy};
  std::uint64_t serial = 0;

  void SetUp() override { it.set_models({"m"}, now); }

  // A request is called by a letter.
  static request_serial named(std::string_view id) { return {static_cast<std::uint64_t>(id.front() - 'a') + 1}; }

  dispatch_decisions request(std::string id, std::string model = "m", std::size_t bytes = 1) {
    auto const number = named(id);
    return it.arrived({number, {std::move(id)}, std::move(model), "/v1/chat/completions", bytes}, now);
  }

  dispatch_decisions slot(std::string agent, std::string model = "m") {
    return it.slot_opened({{++serial}, {std::move(agent)}, {1}, {1}, std::move(model)}, now);
  }

  // Of an engine that can go on where another one of its identity was lost.
  dispatch_decisions equal_slot(std::string agent, std::uint64_t identity) {
    slot_offer made{{++serial}, {std::move(agent)}, {1}, {1}, "m"};
    made.resumes.chat = true;
    made.identity = identity;
    return it.slot_opened(made, now);
  }

  dispatch_decisions end(std::string_view id, attempt_outcome outcome, std::uint64_t number = 1,
                         std::optional<resume_refusal> refusal = {}) {
    return it.ended(named(id), {number}, outcome, now, refusal);
  }

  void first_byte(std::string_view id, std::uint64_t number = 1) {
    it.sent(named(id), {number}, now);
    it.first_byte(named(id), {number}, now);
  }

  dispatch_decisions gone(std::string agent) { return it.agent_gone({{std::move(agent)}, {1}}, now); }

  dispatch_decisions died(std::string agent) { return it.engine_died({{std::move(agent)}, {1}}, now); }

  dispatch_decisions leave(std::string_view id) { return it.client_gone(named(id), now); }

  request_record const& record(std::string_view id) { return *it.find(named(id)); }

  void pass(duration time) { now = {now.mono + time, now.wall + time}; }
};

std::string name_of(request_serial serial) { return std::string(1, static_cast<char>('a' + serial.value - 1)); }

std::string text(dispatch_decisions const& decisions) {
  std::string out;
  for (auto const& decision : decisions) {
    if (auto const* run = std::get_if<run_request>(&decision))
      out += (run->resumes ? "resume " : "run ") + name_of(run->serial) + " on " + run->slot->agent.value + ";";
    if (auto const* failed = std::get_if<fail_request>(&decision)) {
      out += "fail " + name_of(failed->serial) + " " + std::string(to_string(failed->reason));
      if (failed->not_resumed) out += " (" + std::string(to_string(*failed->not_resumed)) + ")";
      out += ";";
    }
  }
  return out;
}

std::string failed(std::string const& id, request_failure reason) {
  return "fail " + id + " " + std::string(to_string(reason)) + ";";
}

TEST_F(DispatcherTest, WaitsForASlotAndTakesItInOrderOfArrival) {
  EXPECT_EQ(text(request("a")), "");
  EXPECT_EQ(text(request("b")), "");
  EXPECT_EQ(text(slot("x")), "run a on x;");
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "run b on x;");
  EXPECT_EQ(text(end("b", attempt_outcome::completed)), "");
  EXPECT_EQ(it.count().completed, 2U);
  EXPECT_EQ(it.count().slots_busy, 0U);
}

TEST_F(DispatcherTest, SpreadsByRelativeLoad) {
  slot("big");
  slot("big");
  slot("big");
  slot("big");
  slot("small");
  std::string where;
  for (auto id : {"a", "b", "c", "d", "e"}) where += text(request(id));
  EXPECT_EQ(where, "run a on big;run b on small;run c on big;run d on big;run e on big;");
}

TEST_F(DispatcherTest, RefusesWhatDoesNotFitTheQueueAndCountsBytesToo) {
  request("a");
  request("b");
  request("c");
  EXPECT_EQ(text(request("d")), failed("d", request_failure::queue_full));
  leave("a");
  EXPECT_EQ(text(request("e", "m", 1001)), failed("e", request_failure::queue_full));
  EXPECT_EQ(text(request("f")), "");
  EXPECT_EQ(it.count().queued, 3U);
}

// What is lost early comes back into a queue that was full; whoever finds a free slot of another model does not care.
TEST_F(DispatcherTest, WhatRunsAtOnceNeedsNoPlaceInAnOverfullQueue) {
  it.set_models({"m", "n"}, now);
  slot("x");
  for (auto const* id : {"a", "b", "c", "d"}) request(id);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), "");
  EXPECT_EQ(it.count().queued, 4U) << "one more than the limit";
  slot("y", "n");
  EXPECT_EQ(text(request("e", "n")), "run e on y;");
  EXPECT_EQ(text(request("f", "n")),
            failed("d", request_failure::queue_full) + failed("c", request_failure::queue_full))
      << "who waits elsewhere has more than its share";
  EXPECT_EQ(text(end("e", attempt_outcome::completed)), "run f on y;");
}

TEST_F(DispatcherTest, AnUnknownModelFailsAtOnceAndAnEmptyNameMeansTheOnlyModel) {
  EXPECT_EQ(text(request("a", "other")), failed("a", request_failure::no_model));
  slot("x");
  EXPECT_EQ(text(request("b", "")), "run b on x;");
  it.set_models({"m", "n"}, now);
  EXPECT_EQ(text(request("c", "")), failed("c", request_failure::no_model));
}

TEST_F(DispatcherTest, NamesThatNobodyServesLeaveNothingBehind) {
  for (int i = 0; i < 100; ++i) request("b", "made up " + std::to_string(i));
  EXPECT_EQ(it.count().engines, 0U);
  slot("x", "old");
  EXPECT_EQ(it.count().engines, 1U);
  it.slot_closed({serial});
  EXPECT_EQ(it.count().engines, 0U) << "nothing is offered";
  it.set_models({"n"}, now);
  slot("x", "n");
  request("a", "n");
  it.set_models({}, now);
  EXPECT_EQ(it.count().engines, 1U) << "it is still being answered";
  end("a", attempt_outcome::completed_last);
  EXPECT_EQ(it.count().engines, 0U);
}

TEST_F(DispatcherTest, WaitingRequestsFailWhenTheirModelIsNoLongerWanted) {
  request("a");
  EXPECT_EQ(text(it.set_models({"n"}, now)), failed("a", request_failure::no_model));
}

TEST_F(DispatcherTest, WaitingEndsAtTheDeadlineOnly) {
  request("a");
  ASSERT_EQ(it.next_deadline(), now.mono + seconds(10));
  pass(seconds(9));
  EXPECT_EQ(text(it.expire(now)), "");
  pass(seconds(1));
  EXPECT_EQ(text(it.expire(now)), failed("a", request_failure::queue_timeout));
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  EXPECT_EQ(it.count().queued, 0U);
}

TEST_F(DispatcherTest, LostBeforeTheFirstByteGoesToAnotherAgentAndFailsAfterThreeTries) {
  slot("x");
  EXPECT_EQ(text(request("a")), "run a on x;");
  slot("x");
  slot("y");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 1)), "run a on y;");
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 2)), "") << "did they die of it?";
  EXPECT_EQ(it.count().queued, 1U);
  pass(seconds(1));
  EXPECT_EQ(text(it.expire(now)), "run a on x;") << "nobody says so";
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early, 3)), failed("a", request_failure::attempts_exhausted));
}

TEST_F(DispatcherTest, OnlyTheTimeInTheQueueCountsAsWaiting) {
  request("a");
  pass(seconds(2));
  slot("x");
  EXPECT_EQ(record("a").queue_milliseconds, 2000U);
  EXPECT_EQ(record("a").slot, slot_serial{1});
  EXPECT_EQ(record("a").routed_at, now.mono);
  pass(seconds(5));
  end("a", attempt_outcome::lost_early);
  pass(seconds(1));
  auto const decisions = slot("x");
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(std::get<run_request>(decisions[0]).queue_milliseconds, 3000U);
  EXPECT_EQ(record("a").slot, slot_serial{2});
}

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
  policy.max_resumes = 2;
  it = dispatcher(policy);
  it.set_models({"m"}, now);
  for (int i = 0; i < 5; ++i) equal_slot("x" + std::to_string(i), 7);
  request("a");
  for (std::uint64_t number = 1; number <= 2; ++number) {
    first_byte("a", number);
    EXPECT_TRUE(text(end("a", attempt_outcome::lost_late, number)).starts_with("resume a"));
  }
  first_byte("a", 3);
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late, 3)), "fail a agent_lost (limit);");
}

TEST_F(DispatcherTest, RES_02_AttemptsThatBringNothingAreCountedApart) {
  for (int i = 0; i < 9; ++i) equal_slot("x" + std::to_string(i), 7);
  request("a");
  first_byte("a");
  std::uint64_t number = 1;
  EXPECT_TRUE(text(end("a", attempt_outcome::lost_late, number)).starts_with("resume a"));
  for (auto const outcome : {attempt_outcome::lost_late, attempt_outcome::lost_early}) {
    gone(record("a").attempts.at(number - 1).agent.value); // the one before
    EXPECT_TRUE(text(end("a", outcome, ++number)).starts_with("resume a"));
  }
  gone(record("a").attempts.at(number - 1).agent.value);
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
  it.slot_closed({2});
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
    pass(seconds(2));
    take(it.expire(now));
    while (it.find(request_serial{i})->has_slot)
      take(it.ended({i}, it.find(request_serial{i})->tries, attempt_outcome::lost_early, now));
  }
  EXPECT_LE(attempts, requests * 12 / 10 + 10) << "and the burst";
  EXPECT_GT(attempts, requests * 11 / 10);
  EXPECT_EQ(failures, requests / 2);
  EXPECT_GT(refused, requests / 4);
}

// --- whose turn it is ---

TEST_F(DispatcherTest, AnUrgentRequestComesFirstAndDisplacesWhatIsNot) {
  auto const ask = [&](std::string const& id, request_class level) {
    return it.arrived({.serial = named(id), .id = {id}, .model = "m", .endpoint = "/", .level = level}, now);
  };
  ask("a", request_class::bulk);
  ask("b", request_class::normal);
  ask("c", request_class::bulk);
  EXPECT_EQ(text(ask("d", request_class::interactive)), failed("c", request_failure::queue_full)) << "three have room";
  std::string order;
  for (auto const* agent : {"x", "y", "z"}) order += text(slot(agent));
  EXPECT_EQ(order, "run d on x;run b on y;run a on z;");
}

TEST_F(DispatcherTest, ARequestIsNotRunOnceItsClientHasGivenUp) {
  it.arrived({.serial = named("a"), .id = {"a"}, .model = "m", .endpoint = "/", .patience = seconds(4)}, now);
  request("b");
  pass(seconds(4));
  EXPECT_EQ(text(slot("x")), failed("a", request_failure::deadline) + "run b on x;");
}

TEST_F(DispatcherTest, WhoIsRefusedIsToldWhenASlotMayBeFree) {
  slot("x");
  request("a");
  pass(seconds(8));
  end("a", attempt_outcome::completed);
  for (auto const* id : {"b", "c", "d", "e"}) request(id);
  auto const refused = request("f");
  ASSERT_EQ(text(refused), failed("f", request_failure::queue_full));
  EXPECT_EQ(std::get<fail_request>(refused[0]).retry_after, seconds(24)) << "three wait, each takes eight";
}

TEST_F(DispatcherTest, AnIdThatIsKnownGetsTheNumberOfItsRequest) {
  it.arrived({{1}, {"same"}, "m", "/", 1}, now);
  it.arrived({{2}, {"same"}, "m", "/", 1}, now);
  EXPECT_EQ(it.find(request_id{"same"})->serial, request_serial{1});
  EXPECT_EQ(it.find(request_id{"same.2"})->serial, request_serial{2});
}

TEST_F(DispatcherTest, TheWayOfARequestIsKept) {
  equal_slot("x", 7);
  request("a");
  pass(seconds(1));
  first_byte("a");
  equal_slot("y", 7);
  pass(seconds(1));
  end("a", attempt_outcome::lost_late);
  first_byte("a", 2);
  end("a", attempt_outcome::completed, 2);
  std::string way;
  for (auto const& step : record("a").steps)
    way += std::to_string(step.at.time_since_epoch() / seconds(1)) + " " + std::string(to_string(step.state)) + " " +
           std::to_string(step.number.value) + ";";
  EXPECT_EQ(way, "1 queued 0;1 routed 1;2 processing 1;2 streaming 1;3 resuming 1;3 streaming 2;3 completed 2;");
  std::string tries;
  for (auto const& each : record("a").attempts)
    tries += each.agent.value + " " + std::string(to_string(*each.outcome)) + ";";
  EXPECT_EQ(tries, "x lost_late;y completed;");
}

TEST_F(DispatcherTest, WhyAnAttemptWentWhereItWentIsKept) {
  slot("x");
  slot("y");
  slot("y");
  request("a");
  request("b");
  auto const& routes = *it.routes_of(named("b"));
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].number, attempt{1});
  EXPECT_EQ(routes[0].reason, route_reason::load);
  EXPECT_EQ(routes[0].chosen, record("b").agent);
  EXPECT_EQ(routes[0].others, 1U) << "x has no idle slot";
  ASSERT_EQ(routes[0].rows.size(), 1U);
  EXPECT_EQ(routes[0].rows[0].agent, agent_id{"y"});
  end("b", attempt_outcome::completed);
  EXPECT_EQ(it.routes_of(named("b"))->size(), 1U) << "also when it is over";
  EXPECT_EQ(it.routes_of(named("c")), nullptr);
}

TEST_F(DispatcherTest, APromptGoesToWhereItsBeginningWasRead) {
  for (auto const* agent : {"x", "x", "y", "y"}) slot(agent);
  auto const ask = [&](std::uint64_t number, std::vector<block_hash> blocks) {
    request_arrival made{{number}, {"r"}, "m", "/", 1};
    made.prompt_bytes = blocks.size() * prompt_block_bytes;
    made.blocks = std::move(blocks);
    return text(it.arrived(std::move(made), now));
  };
  block_hash const first{1}, second{2}, third{3}, other{9};
  EXPECT_EQ(ask(1, {first, second}), "run a on x;");
  EXPECT_EQ(ask(2, {other}), "run b on y;");
  EXPECT_EQ(ask(3, {first, second, third}), "run c on x;") << "though both are as busy";
  EXPECT_EQ(it.routes_of({3})->at(0).reason, route_reason::prefix);
  for (std::uint64_t number : {1U, 2U, 3U}) it.ended({number}, {1}, attempt_outcome::completed, now);
  for (std::uint64_t slot : {1U, 2U}) it.slot_closed({slot}); // the engine of x ends
  slot("x");
  EXPECT_EQ(ask(4, {other, third}), "run d on y;");
  EXPECT_EQ(ask(5, {first, second}), "run e on x;") << "by load: it knows nothing any more";
  EXPECT_EQ(it.routes_of({5})->at(0).reason, route_reason::load);
}

TEST_F(DispatcherTest, ASessionStaysWhereItWasUnlessThatIsTooBusy) {
  policy.routing.strategy = routing_strategy::session;
  it = dispatcher(policy);
  it.set_models({"m"}, now);
  for (auto const* agent : {"x", "x", "x", "x", "y", "y", "y", "y"}) slot(agent);
  auto const ask = [&](std::uint64_t number) {
    request_arrival made{{number}, {"r"}, "m", "/", 1};
    made.session = 77;
    return text(it.arrived(std::move(made), now));
  };
  EXPECT_EQ(ask(1), "run a on x;");
  EXPECT_EQ(ask(2), "run b on x;");
  EXPECT_EQ(ask(3), "run c on y;") << "two slots of four are more than one and a quarter of them";
}

TEST_F(DispatcherTest, OfALongWayTheStartAndTheEndAreKept) {
  slot("x");
  request("a");
  for (std::uint64_t number = 1; number <= 99; ++number) end("a", attempt_outcome::refused, number);
  EXPECT_EQ(text(end("a", attempt_outcome::refused, 100)), failed("a", request_failure::attempts_exhausted));
  auto const& steps = record("a").steps;
  ASSERT_EQ(steps.size(), max_request_steps);
  EXPECT_EQ(steps[early_request_steps - 1].number, attempt{4});
  EXPECT_EQ(steps.back().state, request_state::failed);
  EXPECT_EQ(record("a").attempts.size(), max_request_attempts);
  EXPECT_EQ(record("a").attempts.back().number, attempt{100});
}

TEST_F(DispatcherTest, WordsAboutAnOldAttemptAreIgnored) {
  slot("x");
  slot("y");
  request("a");
  end("a", attempt_outcome::lost_early, 1);
  EXPECT_EQ(text(end("a", attempt_outcome::completed, 1)), "");
  EXPECT_EQ(it.count().live, 1U);
  end("a", attempt_outcome::completed, 2);
  EXPECT_EQ(it.count().completed, 1U);
}

TEST_F(DispatcherTest, ARefusedAttemptDoesNotCountAsATry) {
  slot("x");
  request("a");
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(text(end("a", attempt_outcome::refused, i)), "run a on x;");
}

TEST_F(DispatcherTest, AClientThatLeavesTakesItsSlotConnectionWithIt) {
  slot("x");
  request("a");
  leave("a");
  EXPECT_EQ(it.count().slots, 0U);
  EXPECT_EQ(it.count().live, 0U);
  EXPECT_EQ(text(request("b")), "");
  EXPECT_EQ(text(slot("x")), "run b on x;");
}

TEST_F(DispatcherTest, ShutdownFailsWhatWaitsAndWhatComes) {
  request("a");
  EXPECT_EQ(text(it.shut_down(now)), failed("a", request_failure::shutdown));
  slot("x");
  EXPECT_EQ(text(request("b")), failed("b", request_failure::shutdown));
}

} // namespace
} // namespace paddler
