// The state machine of one request as a table: each thing that can happen in each state.
#include "core/dispatch/dispatcher.hpp"
#include "model/words.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {
namespace {

using std::chrono::seconds;

instant const now{mono_time{seconds(100)}, wall_time{seconds(1)}};
instant const in_ten_seconds{now.mono + seconds(10), now.wall + seconds(10)};
constexpr request_serial serial{1};

slot_offer slot_of_equal_engine(std::uint64_t slot) {
  slot_offer out{{slot}, {"x"}, {1}, {1}, "m"};
  out.resumes.chat = true;
  out.identity = 7;
  return out;
}

// A dispatcher with one request in one of its states, and where it is routed or resuming, on the only slot there is.
dispatcher request_in(std::string_view state) {
  dispatcher it({.max_queued = 4, .max_queued_bytes = 1000, .queue_timeout = seconds(10)});
  it.set_models({"m"}, now);
  if (state != "queued") it.slot_opened(slot_of_equal_engine(1), now);
  it.arrived({serial, {"r"}, "m", "/v1/chat/completions", 7}, now);
  if (state == "processing" || state == "streaming" || state == "resuming") it.sent(serial, {1}, now);
  if (state == "streaming" || state == "resuming") it.first_byte(serial, {1}, now);
  if (state == "resuming") {
    it.ended(serial, {1}, attempt_outcome::lost_late, now);
    it.slot_opened(slot_of_equal_engine(2), now);
  }
  if (state == "completed") it.ended(serial, {1}, attempt_outcome::completed, now);
  if (state == "failed") it.ended(serial, {1}, attempt_outcome::timeout, now);
  return it;
}

// Its state, with the reason where it failed.
std::string state_of(dispatcher const& it) {
  auto const* const record = it.find(serial);
  if (record == nullptr) return "unknown";
  std::string out(to_string(record->state));
  if (record->failure != request_failure::none) out += ": " + std::string(to_string(record->failure));
  return out;
}

using happening = std::function<dispatch_decisions(dispatcher&)>;

attempt newest(dispatcher const& it) { return it.find(serial)->tries; }

happening ends(attempt_outcome outcome) {
  return [=](dispatcher& it) { return it.ended(serial, newest(it), outcome, now); };
}

struct row {
  std::string_view what;
  happening happen;
  std::array<std::string_view, 7> then; // by state
};

constexpr std::array<std::string_view, 7> states{"queued",   "routed",    "processing", "streaming",
                                                 "resuming", "completed", "failed"};
constexpr std::string_view as_before; // nothing happens

// What becomes of an attempt.
std::vector<row> attempts() {
  return {
      {"it is sent",
       [](dispatcher& it) {
         it.sent(serial, newest(it), now);
         return dispatch_decisions{};
       },
       {as_before, "processing", as_before, as_before, as_before, as_before, as_before}},
      {"its first byte comes",
       [](dispatcher& it) {
         it.first_byte(serial, newest(it), now);
         return dispatch_decisions{};
       },
       {as_before, "streaming", "streaming", as_before, "streaming", as_before, as_before}},
      {"it is answered",
       ends(attempt_outcome::completed),
       {as_before, "completed", "completed", "completed", "completed", as_before, as_before}},
      {"it is answered and its connection ends",
       ends(attempt_outcome::completed_last),
       {as_before, "completed", "completed", "completed", "completed", as_before, as_before}},
      // Whatever the shell says: what the client has begun to get is never asked for anew.
      {"its connection breaks early",
       ends(attempt_outcome::lost_early),
       {as_before, "queued", "queued", "resuming", "resuming", as_before, as_before}},
      // Without a byte it is not known what the engine could go on with.
      {"its connection breaks late",
       ends(attempt_outcome::lost_late),
       {as_before, "failed: agent_lost", "failed: agent_lost", "resuming", "resuming", as_before, as_before}},
      {"its connection breaks late, and nobody can go on",
       [](dispatcher& it) {
         return it.ended(serial, newest(it), attempt_outcome::lost_late, now, resume_refusal::logprobs);
       },
       {as_before, "failed: agent_lost", "failed: agent_lost", "failed: agent_lost", "failed: agent_lost", as_before,
        as_before}},
      {"its engine cannot go on with it",
       [](dispatcher& it) {
         return it.ended(serial, newest(it), attempt_outcome::not_continued, now, resume_refusal::not_capable);
       },
       {as_before, "failed: agent_lost", "failed: agent_lost", "failed: agent_lost", "failed: agent_lost", as_before,
        as_before}},
      {"its engine runs another version",
       ends(attempt_outcome::refused),
       {as_before, "routed", "routed", "resuming", "resuming", as_before, as_before}},
      {"its engine is silent",
       ends(attempt_outcome::timeout),
       {as_before, "failed: timeout", "failed: timeout", "failed: timeout", "failed: timeout", as_before, as_before}},
      {"its client does not read",
       ends(attempt_outcome::slow_client),
       {as_before, "failed: slow_client", "failed: slow_client", "failed: slow_client", "failed: slow_client",
        as_before, as_before}},
      {"its engine answers nonsense",
       ends(attempt_outcome::engine_error),
       {as_before, "failed: engine_error", "failed: engine_error", "failed: engine_error", "failed: engine_error",
        as_before, as_before}},
      {"an attempt ends that never was",
       [](dispatcher& it) { return it.ended(serial, {9}, attempt_outcome::completed, now); },
       {as_before, as_before, as_before, as_before, as_before, as_before, as_before}},
  };
}

// What comes from elsewhere.
std::vector<row> circumstances() {
  return {
      {"its client leaves",
       [](dispatcher& it) { return it.left(serial, now); },
       {"failed: client_gone", "failed: client_gone", "failed: client_gone", "failed: client_gone",
        "failed: client_gone", as_before, as_before}},
      {"it has waited for too long",
       [](dispatcher& it) { return it.expire(in_ten_seconds); },
       {"failed: queue_timeout", as_before, as_before, as_before, as_before, as_before, as_before}},
      {"its model is no longer wanted",
       [](dispatcher& it) { return it.set_models({}, now); },
       {"failed: no_model", as_before, as_before, as_before, as_before, as_before, as_before}},
      {"the balancer stops",
       [](dispatcher& it) { return it.shut_down(now); },
       {"failed: shutdown", as_before, as_before, as_before, as_before, as_before, as_before}},
      {"an idle connection of that number ends",
       [](dispatcher& it) { return it.slot_closed({9}, now); },
       {as_before, as_before, as_before, as_before, as_before, as_before, as_before}},
  };
}

std::size_t failures_told(dispatch_decisions const& decisions) {
  std::size_t out = 0;
  for (auto const& each : decisions) out += std::holds_alternative<fail_request>(each) ? 1U : 0U;
  return out;
}

TEST(DispatcherStates, EachThingThatHappensInEachState) {
  auto table = attempts();
  std::ranges::move(circumstances(), std::back_inserter(table));
  for (auto const& [what, happen, then] : table)
    for (std::size_t i = 0; i < states.size(); ++i) {
      SCOPED_TRACE(std::string(states[i]) + ", and " + std::string(what));
      auto it = request_in(states[i]);
      auto const before = state_of(it);
      ASSERT_TRUE(before.starts_with(states[i]));
      auto const decisions = happen(it);
      auto const wanted = then[i].empty() ? before : std::string(then[i]);
      EXPECT_EQ(state_of(it), wanted);
      bool const failed_now = wanted != before && wanted.starts_with("failed");
      bool const is_to_be_told = failed_now && wanted != "failed: client_gone";
      EXPECT_EQ(failures_told(decisions), is_to_be_told ? 1U : 0U);
      auto const count = it.count();
      EXPECT_EQ(count.accepted, count.completed + count.failed + count.live);
      EXPECT_EQ(count.queued, wanted == "queued" ? 1U : 0U);
      EXPECT_EQ(count.queued_bytes, wanted == "queued" ? 7U : 0U);
      EXPECT_EQ(count.slots_busy, it.find(serial)->has_slot ? 1U : 0U);
      if (wanted != "resuming")
        EXPECT_EQ(count.slots_busy, wanted == "routed" || wanted == "processing" || wanted == "streaming" ? 1U : 0U);
      else
        EXPECT_EQ(count.slots_busy + count.resuming, 1U);
    }
}

TEST(DispatcherStates, WhatIsOverCanArriveAgainAndWhatLivesCannot) {
  for (auto const state : states) {
    SCOPED_TRACE(state);
    auto it = request_in(state);
    auto const before = it.count().accepted;
    it.arrived({serial, {"r"}, "m", "/v1/completions", 1}, now);
    EXPECT_EQ(it.count().accepted - before, state == "completed" || state == "failed" ? 1U : 0U);
  }
}

// A model that goes away while a request runs: where its attempt is lost early, there is no place to wait.
TEST(DispatcherStates, ALostAttemptOfAModelThatWentAwayFails) {
  auto it = request_in("processing");
  it.set_models({"another"}, now);
  EXPECT_EQ(failures_told(ends(attempt_outcome::lost_early)(it)), 1U);
  EXPECT_EQ(state_of(it), "failed: no_model");
}

TEST(DispatcherStates, ALostAttemptWhileTheBalancerStopsFails) {
  auto it = request_in("processing");
  it.shut_down(now);
  EXPECT_EQ(failures_told(ends(attempt_outcome::lost_early)(it)), 1U);
  EXPECT_EQ(state_of(it), "failed: shutdown");
}

// --- what people see ---

// A request that is called by its number: 1 is "a".
request_arrival arrival(std::uint64_t number, std::string model = "m") {
  return {{number}, {std::string(1, static_cast<char>('a' + number - 1))}, std::move(model), "/", 1};
}

TEST(DispatcherViews, LiveRequestsComeFirstThenTheNewestThatEnded) {
  dispatcher it({.max_queued = 9, .ended_kept = 2});
  it.set_models({"m"}, now);
  for (std::uint64_t number = 1; number <= 5; ++number) it.arrived(arrival(number), now);
  for (std::uint64_t number : {2U, 1U, 4U}) it.left({number}, in_ten_seconds);
  std::string order;
  for (auto const& each : it.requests()) order += each.id.value;
  EXPECT_EQ(order, "ceda") << "b fell out: two are kept";
  EXPECT_EQ(it.find(request_serial{2}), nullptr);
  EXPECT_EQ(it.find(request_id{"b"}), nullptr);
  auto const* const a = it.find(request_id{"a"});
  ASSERT_EQ(a, it.find(request_serial{1}));
  EXPECT_EQ(a->failure, request_failure::client_gone);
  EXPECT_EQ(a->created_at, now.wall);
  EXPECT_EQ(a->completed_at, in_ten_seconds.wall);
  EXPECT_EQ(it.find(request_id{"c"})->state, request_state::queued);
  EXPECT_EQ(it.find(request_id{"never"}), nullptr);
}

TEST(DispatcherViews, SlotsAreCountedByAgentOverItsModels) {
  dispatcher it({});
  it.set_models({"m", "n"}, now);
  for (std::uint64_t slot = 1; slot <= 3; ++slot) it.slot_opened({{slot}, {"x"}, {1}, {1}, slot == 3 ? "n" : "m"}, now);
  it.slot_opened({{4}, {"y"}, {1}, {1}, "n"}, now);
  EXPECT_EQ(it.slots_of({"x"}, false), 3U);
  it.arrived(arrival(1), now);
  EXPECT_EQ(it.slots_of({"x"}, false), 2U);
  EXPECT_EQ(it.slots_of({"x"}, true), 1U);
  EXPECT_EQ(it.slots_of({"y"}, false), 1U);
  EXPECT_EQ(it.slots_of({"nobody"}, true), 0U);
  EXPECT_EQ(it.idle_slots().size(), 3U);
  EXPECT_EQ(it.count().slots, 4U);
  EXPECT_EQ(it.count().slots_busy, 1U);
  it.slot_opened({{4}, {"y"}, {1}, {1}, "n"}, now);
  EXPECT_EQ(it.idle_slots().size(), 3U) << "a connection counts once, however often it is told";
}

TEST(DispatcherViews, TheEarliestDeadlineIsTheOldestWaiter) {
  dispatcher it({.queue_timeout = seconds(10)});
  it.set_models({"m", "n"}, now);
  auto const in = [](int later) { return instant{now.mono + seconds(later), now.wall}; };
  it.arrived(arrival(1), in(3));
  it.arrived(arrival(2, "n"), now);
  it.arrived(arrival(3, "n"), in(5));
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(10));
  it.expire(in_ten_seconds);
  EXPECT_EQ(it.next_deadline(), now.mono + seconds(13));
}

} // namespace
} // namespace paddler
