// A dispatcher whose policy is exchanged while requests wait and run.
#include "core/dispatch/dispatcher_test.hpp"

namespace paddler {
namespace {

using std::chrono::seconds;

TEST_F(DispatcherTest, AStrategyIsInForceFromTheNextDecisionOn) {
  slot("x");
  slot("y");
  request("a");
  EXPECT_EQ(it.routes_of(named("a"))->front().policies, generation{});
  request("b");
  request("c");
  policy.routing.strategy = routing_strategy::round_robin;
  it.set_policy(policy, {7});
  EXPECT_EQ(record("c").state, request_state::queued) << "it waits as before";
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "run c on x;");
  auto const& route = it.routes_of(named("c"))->front();
  EXPECT_EQ(route.policies, generation{7});
  EXPECT_EQ(route.by.strategy, routing_strategy::round_robin);
  EXPECT_EQ(it.routes_of(named("b"))->front().by.strategy, routing_strategy::prefix) << "by what it was decided then";
}

TEST_F(DispatcherTest, ASmallerQueueRefusesWhoComesAndKeepsWhoWaits) {
  for (auto const* id : {"a", "b", "c"}) request(id);
  policy.max_queued = 1;
  it.set_policy(policy, {1});
  EXPECT_EQ(text(request("d")), failed("d", request_failure::queue_full));
  EXPECT_EQ(text(slot("x")), "run a on x;");
  leave("b");
  EXPECT_EQ(text(request("e")), failed("e", request_failure::queue_full)) << "c still fills it";
  leave("c");
  EXPECT_EQ(text(request("f")), "");
  EXPECT_EQ(text(end("a", attempt_outcome::completed)), "run f on x;");
}

TEST_F(DispatcherTest, ABiggerQueueTakesMoreAtOnce) {
  for (auto const* id : {"a", "b", "c"}) request(id);
  policy.max_queued = 4;
  it.set_policy(policy, {1});
  EXPECT_EQ(text(request("d")), "");
  EXPECT_EQ(text(request("e")), failed("e", request_failure::queue_full));
}

TEST_F(DispatcherTest, WhoWaitsMayWaitAsLongAsItWasTold) {
  request("a");
  policy.queue_timeout = seconds(2);
  it.set_policy(policy, {1});
  request("b");
  pass(seconds(2));
  EXPECT_EQ(text(it.expire(now)), failed("b", request_failure::queue_timeout));
  pass(seconds(8));
  EXPECT_EQ(text(it.expire(now)), failed("a", request_failure::queue_timeout));
}

TEST_F(DispatcherTest, SEC_14_LimitsOfClientsAreInForceFromTheNextRequestOn) {
  request("a");
  policy.limits.concurrent_requests = 1;
  it.set_policy(policy, {1});
  EXPECT_EQ(text(request("b")), failed("b", request_failure::concurrency_limited)) << "the one that waits counts";
  policy.limits = {.requests_per_minute = 1};
  it.set_policy(policy, {2});
  EXPECT_EQ(text(request("c")), "");
  EXPECT_EQ(text(request("d")), failed("d", request_failure::rate_limited));
  policy.limits = {};
  it.set_policy(policy, {3});
  EXPECT_EQ(text(request("e")), "");
}

TEST_F(DispatcherTest, FewerAttemptsAreInForceAtTheNextLoss) {
  slot("x");
  request("a");
  policy.max_attempts = 1;
  it.set_policy(policy, {1});
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), failed("a", request_failure::attempts_exhausted));
}

TEST_F(DispatcherTest, AnEmptiedRetryBudgetIsInForceAtTheNextLoss) {
  slot("x");
  request("a");
  policy.retry_percent = 0;
  policy.retry_burst = 0;
  it.set_policy(policy, {1});
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), failed("a", request_failure::retry_budget));
}

TEST_F(DispatcherTest, StreamsThatMayNotGoOnFailAtTheNextLoss) {
  equal_slot("x", 7);
  request("a");
  first_byte("a");
  policy.max_resumes = 0;
  it.set_policy(policy, {1});
  EXPECT_EQ(text(end("a", attempt_outcome::lost_late)), "fail a agent_lost (limit);");
}

} // namespace
} // namespace paddler
