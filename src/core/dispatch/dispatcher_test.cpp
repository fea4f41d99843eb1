#include "core/dispatch/dispatcher_test.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace paddler {
namespace {

using std::chrono::seconds;

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
  it.slot_closed({serial}, now);
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
  pass(seconds(2));
  end("a", attempt_outcome::completed);
  for (auto const* id : {"b", "c", "d", "e"}) request(id);
  auto const refused = request("f");
  ASSERT_EQ(text(refused), failed("f", request_failure::queue_full));
  EXPECT_EQ(std::get<fail_request>(refused[0]).retry_after, seconds(6)) << "three wait, each takes two";
}

TEST_F(DispatcherTest, OVR_13_WhoWouldBeAnsweredTooLateIsToldAtOnce) {
  slot("x");
  request("a");
  pass(seconds(2));
  end("a", attempt_outcome::completed);
  auto const patient = [&](std::string id, duration patience) {
    auto const number = named(id);
    return it.arrived({.serial = number, .id = {std::move(id)}, .model = "m", .endpoint = "/", .patience = patience},
                      now);
  };
  EXPECT_EQ(text(patient("b", seconds(1))), "run b on x;") << "a slot is idle: it may be a short one";
  EXPECT_EQ(text(patient("c", seconds(5))), "");
  EXPECT_EQ(text(patient("d", seconds(7))), "");
  auto const refused = patient("e", seconds(8));
  ASSERT_EQ(text(refused), failed("e", request_failure::overloaded))
      << "one runs and two wait, each takes two, and so does it";
  EXPECT_EQ(std::get<fail_request>(refused[0]).retry_after, seconds(4));
  EXPECT_EQ(text(patient("f", seconds(9))), "");
  pass(seconds(3));
  EXPECT_EQ(text(it.expire(now)), failed("c", request_failure::deadline)) << "it would be answered too late by now";
}

TEST_F(DispatcherTest, OVR_13_NorDoesAnybodyWaitInVain) {
  policy.max_queued = 100;
  policy.queue_timeout = seconds(10);
  it = dispatcher(policy);
  it.set_models({"m"}, now);
  slot("x");
  request("a");
  pass(seconds(4));
  end("a", attempt_outcome::completed);
  for (auto const* id : {"b", "c", "d"}) EXPECT_NE(text(request(id)), failed(id, request_failure::overloaded));
  EXPECT_EQ(text(request("e")), failed("e", request_failure::overloaded)) << "three are before it, twelve seconds";
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
  for (std::uint64_t slot : {1U, 2U}) it.slot_closed({slot}, now); // the engine of x ends
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
