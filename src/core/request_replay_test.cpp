// The requests of a dump, decided again: what a dispatcher did is done so again, and whatever was changed is found.
#include "core/dispatch/dispatcher_test.hpp"
#include "core/replay.hpp"
#include "core/request_dump.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

cluster_dump dump_of(dumped_ledger ledger) {
  cluster_dump out;
  out.ledger = std::move(ledger);
  return out;
}

std::string differences_of(dumped_request request) {
  std::string out;
  auto const report = replay(dump_of({0, {std::move(request)}})).value();
  for (auto const& each : report.differences) out += each.request.value().value + ": " + each.what + "\n";
  return out;
}

TEST_F(DispatcherTest, WhatItDidIsDecidedSoAgain) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  request("b"); // waits
  end("a", attempt_outcome::lost_late);
  equal_slot("y", 7);
  first_byte("a", 2);
  end("a", attempt_outcome::completed, 2);
  end("b", attempt_outcome::refused);
  leave("b");
  auto const report = replay(dump_of(dump_ledger(it))).value();
  EXPECT_EQ(report.differences, std::vector<replay_difference>());
  EXPECT_EQ(report.requests_compared, 2U);
  EXPECT_EQ(report.routes_compared, 4U);
  EXPECT_EQ(report.steps_compared, record("a").steps.size() + record("b").steps.size());
}

// Its newest decision is in the notes before the request could make a step of it.
TEST_F(DispatcherTest, AStreamThatIsBeingResumedIsOneAttemptAheadOfItsSteps) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  end("a", attempt_outcome::lost_late);
  equal_slot("y", 7);
  EXPECT_EQ(record("a").state, request_state::resuming);
  auto ledger = dump_ledger(it);
  EXPECT_EQ(differences_of(ledger.requests[0]), "");
  ledger.requests[0].steps.back().attempt = 3;
  EXPECT_THAT(differences_of(ledger.requests[0]), HasSubstr("its last step is resuming of attempt 3, and it is"));
}

// More steps than are kept: those between the first and the newest are forgotten.
TEST_F(DispatcherTest, StepsThatAreForgottenAreNotMissed) {
  slot("x");
  request("a");
  for (std::uint64_t number = 1; number < 40; ++number) end("a", attempt_outcome::refused, number);
  auto request = dump_ledger(it).requests.at(0);
  EXPECT_EQ(request.steps.size(), max_request_steps);
  EXPECT_EQ(differences_of(request), "");
  request.steps[early_request_steps - 1].state = request_state::failed;
  EXPECT_THAT(differences_of(request), HasSubstr("it had ended"));
  request.steps.insert(request.steps.begin(), request.steps.front());
  EXPECT_THAT(differences_of(request), HasSubstr("33 steps: from one to 32 are kept"));
}

// A decision in which every term counts: "warm" has read most and is ahead, "cool" is where the session was, "full" is
// so busy that what it has read does not count, "lost" lost it, and "open" fails.
dumped_route route_by(routing_strategy strategy) {
  auto const engine = [](std::uint16_t number) { return engine_ordinal{number}; };
  route_note note{.number = {1}, .by = {.strategy = strategy}, .turn = engine(2), .prompt_blocks = 100};
  note.rows = {
      {.agent = {"warm"},
       .candidate = {.engine = engine(1),
                     .busy = 1,
                     .total = 4,
                     .cached_blocks = 90,
                     .prefill_speed = 4'000,
                     .decode_speed = 30,
                     .ahead = milliseconds(700)}},
      {.agent = {"cool"},
       .candidate = {.engine = engine(2),
                     .total = 4,
                     .has_session = true,
                     .cached_blocks = 10,
                     .prefill_speed = 5'000,
                     .decode_speed = 40,
                     .ahead = milliseconds(300)}},
      {.agent = {"full"}, .candidate = {.engine = engine(3), .busy = 7, .total = 8, .cached_blocks = 100}},
      {.agent = {"lost"}, .candidate = {.engine = engine(4), .total = 4, .lost_it = true}},
      {.agent = {"open"}, .candidate = {.engine = engine(5), .total = 4, .filter = route_filter::breaker_open}}};
  auto const choice = choose_again(note);
  note.engine = choice.engine.value();
  note.reason = choice.reason;
  for (std::size_t i = 0; i < note.rows.size(); ++i) {
    note.rows[i].score = choice.scores[i];
    if (choice.scores[i].engine == note.engine) note.chosen = note.rows[i].agent;
  }
  return to_dump(note);
}

dumped_request request_by(routing_strategy strategy) {
  using enum request_state;
  auto const route = route_by(strategy);
  return {.id = {"r"},
          .state = completed,
          .tries = 1,
          .steps = {{{}, queued, 0}, {{}, routed, 1}, {{}, processing, 1}, {{}, streaming, 1}, {{}, completed, 1}},
          .attempts = {{1, route.agent, {}, attempt_outcome::completed}},
          .routes = {route}};
}

struct doctored {
  char const* what;
  std::function<void(dumped_request&)> change;
  std::string said;
};

void find_all(routing_strategy strategy, std::vector<doctored> const& rows) {
  ASSERT_EQ(differences_of(request_by(strategy)), "");
  for (auto const& [what, change, said] : rows) {
    auto request = request_by(strategy);
    change(request);
    EXPECT_THAT(differences_of(request), HasSubstr("r: " + said)) << what;
  }
}

dumped_route& route_of(dumped_request& request) { return request.routes.at(0); }

dumped_candidate& warm(dumped_request& request) { return route_of(request).candidates.at(0); }

dumped_candidate& cool(dumped_request& request) { return route_of(request).candidates.at(1); }

TEST(RequestReplay, FindsWhatWasChangedOfAWay) {
  using enum request_state;
  find_all(
      routing_strategy::prefix,
      {{"its state", [](auto& r) { r.state = failed; }, "its last step is completed of attempt 1, and it is failed"},
       {"how often it was tried", [](auto& r) { r.tries = 2; }, "its last step is completed of attempt 1, and it is"},
       {"no steps", [](auto& r) { r.steps.clear(); }, "0 steps"},
       {"the first step", [](auto& r) { r.steps.erase(r.steps.begin()); }, "its first step is routed of attempt 1"},
       {"a step left out", [](auto& r) { r.steps.erase(r.steps.begin() + 1); },
        "processing of attempt 1 behind queued of attempt 0: no way leads there"},
       {"a step that cannot be", [](auto& r) { r.steps[3].state = resuming; },
        "resuming of attempt 1 behind processing of attempt 1: no way leads there"},
       {"two ends", [](auto& r) { r.steps.push_back({{}, completed, 1}); },
        "completed of attempt 1 behind completed of attempt 1: it had ended"},
       {"one failed behind its end", [](auto& r) { r.steps.push_back({{}, failed, 1}); },
        "failed of attempt 1 behind completed of attempt 1: it had ended"},
       {"an attempt that was skipped", [](auto& r) { r.steps[1].attempt = 2; },
        "routed of attempt 2 behind queued of attempt 0: attempts are counted one by one"},
       {"an attempt out of nothing", [](auto& r) { r.steps[2].attempt = 2; },
        "processing of attempt 2 behind routed of attempt 1: attempts are counted one by one"},
       {"an attempt that resumes without being one",
        [](auto& r) { r.steps.insert(r.steps.begin() + 4, {{{}, resuming, 1}, {{}, streaming, 1}}); },
        "streaming of attempt 1 behind resuming of attempt 1: attempts are counted one by one"},
       {"no attempts", [](auto& r) { r.attempts.clear(); }, "0 attempts and 1 routes: of 1 tries 1 are kept"},
       {"no routes", [](auto& r) { r.routes.clear(); }, "1 attempts and 0 routes: of 1 tries 1 are kept"},
       {"an attempt's number", [](auto& r) { r.attempts[0].number = 2; },
        "attempt 2 and the route of attempt 1 stand where attempt 1 was"},
       {"a route's number", [](auto& r) { r.routes[0].attempt = 2; },
        "attempt 1 and the route of attempt 2 stand where attempt 1 was"},
       {"an attempt's agent", [](auto& r) { r.attempts[0].agent = {"cool"}; },
        "attempt 1 ran at cool, and went to warm"}});
}

TEST(RequestReplay, FindsWhatWasChangedOfWhatWasDecided) {
  find_all(
      routing_strategy::prefix,
      {{"the engine", [](auto& r) { route_of(r).engine = 2; },
        "attempt 1 went to warm (engine 2, prefix); decided: warm (engine 1, prefix)"},
       {"the agent", [](auto& r) { route_of(r).agent = {"cool"}; },
        "attempt 1 went to cool (engine 1, prefix); decided"},
       {"the reason", [](auto& r) { route_of(r).reason = route_reason::load; },
        "attempt 1 went to warm (engine 1, load); decided: warm (engine 1, prefix)"},
       {"a filter", [](auto& r) { warm(r).score.filter = route_filter::drained; },
        "attempt 1 at warm: left out for told: drained; decided: none"},
       {"avoided", [](auto& r) { warm(r).score.avoided = true; }, "attempt 1 at warm: avoided told: yes; decided: no"},
       {"saturated", [](auto& r) { warm(r).score.saturated = true; }, "attempt 1 at warm: saturated told: yes"},
       {"cached", [](auto& r) { --warm(r).score.cached_blocks; }, "attempt 1 at warm: cached blocks told: 89"},
       {"prefill", [](auto& r) { ++warm(r).score.prefill_nanoseconds; },
        "attempt 1 at warm: prefill told: 160000001 ns"},
       {"load", [](auto& r) { ++warm(r).score.load_nanoseconds; },
        "attempt 1 at warm: load told: 250000001 ns; decided: 250000000 ns"},
       {"token", [](auto& r) { ++warm(r).score.token_nanoseconds; }, "attempt 1 at warm: token told: 33333334 ns"},
       {"away", [](auto& r) { ++warm(r).score.away_nanoseconds; }, "attempt 1 at warm: away told: 1 ns"},
       {"pace", [](auto& r) { ++warm(r).score.pace_nanoseconds; }, "attempt 1 at warm: pace told: 100000001 ns"}});
}

TEST(RequestReplay, FindsWhatWasChangedOfWhatWasKnown) {
  find_all(
      routing_strategy::prefix,
      {{"busy", [](auto& r) { warm(r).busy = 2; }, "attempt 1 at warm: load told: 250000000 ns; decided: 500000000 ns"},
       {"total", [](auto& r) { warm(r).total = 5; }, "attempt 1 at warm: load told"},
       {"full", [](auto& r) { warm(r).busy = 4; },
        "attempt 1 went to warm (engine 1, prefix); decided: cool (engine 2"},
       {"no slots at all", [](auto& r) { warm(r).total = 0; },
        "attempt 1 at warm: left out for told: none; decided: no_idle_slot"},
       {"a filter", [](auto& r) { warm(r).filter = route_filter::stale_link; },
        "attempt 1 at warm: left out for told: none"},
       {"one that lost it", [](auto& r) { warm(r).lost_it = true; },
        "attempt 1 at warm: avoided told: no; decided: yes"},
       {"one that is kept", [](auto& r) { warm(r).kept = true; },
        "attempt 1 went to warm (engine 1, prefix); decided: warm (engine 1, kept)"},
       {"cached", [](auto& r) { --warm(r).cached_blocks; }, "attempt 1 at warm: cached blocks told: 90; decided: 89"},
       {"prefill", [](auto& r) { warm(r).prefill_speed = 2'000; }, "attempt 1 at warm: prefill told"},
       {"prefill of the fastest", [](auto& r) { cool(r).prefill_speed = 6'000; }, "attempt 1 at full: prefill told"},
       {"decode", [](auto& r) { warm(r).decode_speed = 1; }, "attempt 1 at warm: token told"},
       {"ahead", [](auto& r) { warm(r).ahead_nanoseconds = 0; },
        "attempt 1 at warm: pace told: 100000000 ns; decided: 0 ns"},
       {"who was looked at", [](auto& r) { route_of(r).candidates.erase(route_of(r).candidates.begin()); },
        "attempt 1 went to warm (engine 1, prefix); decided: cool (engine 2"},
       {"nobody", [](auto& r) { route_of(r).candidates.clear(); },
        "attempt 1 went to warm (engine 1, prefix); decided: nowhere"},
       {"the strategy", [](auto& r) { route_of(r).strategy = routing_strategy::least_loaded; },
        "attempt 1 went to warm"},
       {"saturation", [](auto& r) { route_of(r).saturation_percent = 99; }, "attempt 1 at full: saturated told: yes"},
       {"full load", [](auto& r) { route_of(r).full_load_nanoseconds *= 2; }, "attempt 1 at warm: load told"},
       {"pace", [](auto& r) { route_of(r).pace_percent = 5; }, "attempt 1 at warm: pace told"},
       {"the prompt", [](auto& r) { route_of(r).prompt_blocks = 200; }, "attempt 1 at warm: prefill told"}});
  find_all(routing_strategy::session,
           {{"the session", [](auto& r) { cool(r).has_session = false; }, "attempt 1 went to cool (engine 2, session)"},
            {"another's session", [](auto& r) { warm(r).has_session = true; }, "attempt 1 at warm: away told"}});
  find_all(routing_strategy::round_robin, {{"the turn", [](auto& r) { route_of(r).turn = 3; },
                                            "attempt 1 went to cool (engine 2, turn); decided: full"}});
}

// No terms too large for their numbers: those of a dump are anybody's.
TEST(RequestReplay, RefusesPoliciesThatCannotBe) {
  constexpr auto said = "attempt 1: no policy has a saturation, full load or pace like that";
  find_all(routing_strategy::prefix,
           {{"full load", [](auto& r) { route_of(r).full_load_nanoseconds = INT64_MAX; }, said},
            {"negative", [](auto& r) { route_of(r).full_load_nanoseconds = -1; }, said},
            {"saturation", [](auto& r) { route_of(r).saturation_percent = UINT32_MAX; }, said},
            {"pace", [](auto& r) { route_of(r).pace_percent = UINT32_MAX; }, said},
            {"as large as they may be",
             [](auto& r) {
               route_of(r).prompt_blocks = UINT64_MAX;
               route_of(r).full_load_nanoseconds = std::chrono::nanoseconds(std::chrono::hours(1)).count();
               warm(r) = {.agent = {"warm"}, .busy = UINT16_MAX - 1, .total = UINT16_MAX, .prefill_speed = 1};
               cool(r).ahead_nanoseconds = INT64_MAX;
             },
             "attempt 1 went to warm"}});
}

TEST(RequestReplay, SaysOfWhichRequestAndHowManyThereWere) {
  auto const one = request_by(routing_strategy::prefix);
  auto other = one;
  other.id = {"q"};
  other.state = request_state::failed;
  auto const report = replay(dump_of({4, {one, other, one}})).value();
  EXPECT_EQ(report.requests_compared, 3U);
  EXPECT_EQ(report.steps_compared, 15U);
  EXPECT_EQ(report.routes_compared, 3U);
  EXPECT_EQ(report.requests_left_out, 4U);
  ASSERT_EQ(report.differences.size(), 2U);
  EXPECT_EQ(report.differences[0].request, request_id{"q"});
  EXPECT_EQ(report.differences[1], (replay_difference{{}, "stands there twice", request_id{"r"}}));
}

} // namespace
} // namespace paddler
