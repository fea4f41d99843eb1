// What a dump holds of the ledger, and of how much of it.
#include "core/dispatch/dispatcher_test.hpp"
#include "core/request_dump.hpp"

namespace paddler {
namespace {

std::size_t candidates_of(dumped_request const& request) {
  std::size_t out = 0;
  for (auto const& route : request.routes) out += route.candidates.size();
  return out;
}

TEST_F(DispatcherTest, ADumpHasTheWayOfEachRequestTheNewestFirst) {
  slot("x");
  slot("y");
  request("a");
  first_byte("a");
  end("a", attempt_outcome::completed);
  request("b");
  request("c", "unknown");
  auto const ledger = dump_ledger(it);
  EXPECT_EQ(ledger.left_out, 0U);
  ASSERT_EQ(ledger.requests.size(), 3U);
  EXPECT_EQ(ledger.requests[0].id, request_id{"c"});
  EXPECT_EQ(ledger.requests[0].state, request_state::failed);
  EXPECT_EQ(ledger.requests[0].tries, 0U);
  EXPECT_TRUE(ledger.requests[0].attempts.empty() && ledger.requests[0].routes.empty());
  EXPECT_EQ(ledger.requests[1].id, request_id{"b"});
  EXPECT_EQ(ledger.requests[1].steps.size(), 2U) << "it lives";
  auto const& ended = ledger.requests[2];
  EXPECT_EQ(ended.id, request_id{"a"});
  EXPECT_EQ(ended.state, request_state::completed);
  EXPECT_EQ(ended.steps.size(), 5U);
  ASSERT_EQ(ended.attempts.size(), 1U);
  EXPECT_EQ(ended.attempts[0].outcome, attempt_outcome::completed);
  ASSERT_EQ(ended.routes.size(), 1U);
  EXPECT_EQ(ended.routes[0].agent, agent_id{"x"});
  EXPECT_EQ(candidates_of(ended), 2U);
}

// Each field that a decision is made of, and each that it made, goes into a dump and comes back.
TEST(RequestDump, ARouteComesBackAsItWas) {
  route_note note{.number = {3},
                  .policies = {7},
                  .by = {routing_strategy::session, 11, std::chrono::milliseconds(12), 13},
                  .turn = engine_ordinal{14},
                  .reason = route_reason::kept,
                  .chosen = {"x"},
                  .engine = engine_ordinal{15},
                  .prompt_blocks = 16};
  using std::chrono::nanoseconds;
  note.rows = {
      {.agent = {"x"},
       .candidate = {engine_ordinal{15}, 1, 2, route_filter::drained, true, false, true, 17, 18, 19, nanoseconds(20)},
       .score = {engine_ordinal{15}, route_filter::small_context, true, false, 21, nanoseconds(22), nanoseconds(23),
                 nanoseconds(24), nanoseconds(25), nanoseconds(26)}},
      {.agent = {"y"}, .candidate = {.kept = true}, .score = {.saturated = true}}};
  auto const back = from_dump(to_dump(note));
  EXPECT_EQ(back.number, note.number);
  EXPECT_EQ(back.policies, note.policies);
  EXPECT_EQ(back.by, note.by);
  EXPECT_EQ(back.turn, note.turn);
  EXPECT_EQ(back.reason, note.reason);
  EXPECT_EQ(back.chosen, note.chosen);
  EXPECT_EQ(back.engine, note.engine);
  EXPECT_EQ(back.prompt_blocks, note.prompt_blocks);
  ASSERT_EQ(back.rows.size(), note.rows.size());
  for (std::size_t i = 0; i < note.rows.size(); ++i) {
    EXPECT_EQ(back.rows[i].agent, note.rows[i].agent);
    EXPECT_EQ(back.rows[i].candidate, note.rows[i].candidate);
    EXPECT_EQ(back.rows[i].score, note.rows[i].score);
  }
}

TEST(RequestDump, HoldsABoundedNumberOfRequests) {
  constexpr std::uint64_t more = 5;
  dispatcher it({.ended_kept = max_dumped_requests + more});
  for (std::uint64_t serial = 1; serial <= max_dumped_requests + more; ++serial)
    it.arrived({{serial}, {"r" + std::to_string(serial)}, "unknown", "/", 1}, {});
  auto const ledger = dump_ledger(it);
  EXPECT_EQ(ledger.requests.size(), max_dumped_requests);
  EXPECT_EQ(ledger.left_out, more);
  EXPECT_EQ(ledger.requests.front().id, request_id{"r" + std::to_string(max_dumped_requests + more)});
  EXPECT_EQ(ledger.requests.back().id, request_id{"r" + std::to_string(more + 1)});
}

// Requests that were routed as often as is kept, each time between so many engines as are looked at.
TEST(RequestDump, HoldsABoundedNumberOfCandidates) {
  constexpr auto of_each = max_request_attempts * least_busy_asked;
  constexpr auto requests = max_dumped_candidates / of_each + 20;
  static_assert(requests < max_dumped_requests);
  dispatcher it({.ended_kept = requests});
  it.set_models({"m"}, {});
  for (std::uint64_t engine = 1; engine <= least_busy_asked; ++engine)
    it.slot_opened({{engine}, {"a" + std::to_string(engine)}, {1}, {1}, "m"}, {});
  for (std::uint64_t serial = 1; serial <= requests; ++serial) {
    it.arrived({{serial}, {"r" + std::to_string(serial)}, "m", "/", 1}, {});
    for (std::uint64_t number = 1; number < max_request_attempts; ++number)
      it.ended({serial}, {number}, attempt_outcome::refused, {});
    it.ended({serial}, {max_request_attempts}, attempt_outcome::completed, {});
  }
  auto const ledger = dump_ledger(it);
  EXPECT_EQ(ledger.requests.size(), max_dumped_candidates / of_each);
  EXPECT_EQ(ledger.left_out, requests - ledger.requests.size());
  for (auto const& each : ledger.requests) ASSERT_EQ(candidates_of(each), of_each);
}

} // namespace
} // namespace paddler
