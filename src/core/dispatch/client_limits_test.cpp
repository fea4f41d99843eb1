#include "base/random.hpp"
#include "core/dispatch/client_limits.hpp"
#include "core/dispatch/dispatcher_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr client_key a{1}, b{2}, c{3};

class ClientLimitsTest : public testing::Test {
protected:
  mono_time now{seconds(100)};

  request_failure ask(client_limits& of, client_key client) const { return of.arrived(client, now).refused; }
};

TEST_F(ClientLimitsTest, WithoutLimitsEverybodyIsLetInAndForgottenAgain) {
  client_limits it({});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(it.size(), 1U);
  for (int i = 0; i < 1000; ++i) it.left(a);
  EXPECT_EQ(it.size(), 0U);
  it.left(a);
  EXPECT_EQ(it.size(), 0U);
}

TEST_F(ClientLimitsTest, SEC_14_AMinutesWorthMayComeAtOnceAndThenOneAtATime) {
  client_limits it({.requests_per_minute = 6});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ask(it, a), request_failure::none) << i;
  auto const refused = it.arrived(a, now);
  EXPECT_EQ(refused.refused, request_failure::rate_limited);
  EXPECT_EQ(refused.retry_after, seconds(10));
  EXPECT_EQ(ask(it, b), request_failure::none) << "another client";
  now += milliseconds(9'999);
  EXPECT_EQ(it.arrived(a, now).retry_after, milliseconds(1)) << "what is refused costs nothing";
  now += milliseconds(1);
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, a), request_failure::rate_limited);
}

TEST_F(ClientLimitsTest, SEC_14_SoManyAtOnceAndNoMore) {
  client_limits it({.concurrent_requests = 2});
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, a), request_failure::concurrency_limited);
  EXPECT_EQ(ask(it, b), request_failure::none);
  it.left(a);
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, a), request_failure::concurrency_limited);
}

TEST_F(ClientLimitsTest, WhatTheOneLimitRefusesCostsNothingOfTheOther) {
  client_limits it({.requests_per_minute = 2, .concurrent_requests = 1});
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, a), request_failure::concurrency_limited);
  it.left(a);
  EXPECT_EQ(ask(it, a), request_failure::none);
  it.left(a);
  EXPECT_EQ(ask(it, a), request_failure::rate_limited);
}

TEST_F(ClientLimitsTest, AClientIsForgottenWhenItOwesNothing) {
  client_limits it({.requests_per_minute = 60});
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, b), request_failure::none);
  it.left(a);
  EXPECT_EQ(it.size(), 2U) << "it owes a second";
  now += seconds(1);
  EXPECT_EQ(ask(it, c), request_failure::none);
  EXPECT_EQ(it.size(), 2U) << "b has a request, c one and a debt";
  it.left(b);
  EXPECT_EQ(it.size(), 1U);
}

TEST_F(ClientLimitsTest, ThoseWhoAreTooManyShareOneAllowance) {
  client_limits it({.concurrent_requests = 1, .max_clients = 2});
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, b), request_failure::none);
  EXPECT_EQ(it.arrived(c, now).counted_as, client_key::others);
  EXPECT_EQ(ask(it, client_key{4}), request_failure::concurrency_limited);
  it.left(client_key::others);
  EXPECT_EQ(it.arrived(client_key{4}, now).counted_as, client_key::others);
  it.left(a);
  EXPECT_EQ(it.size(), 2U);
}

TEST_F(ClientLimitsTest, ANewPolicyCountsWhatIsThere) {
  client_limits it({});
  EXPECT_EQ(ask(it, a), request_failure::none);
  EXPECT_EQ(ask(it, a), request_failure::none);
  it.set_policy({.concurrent_requests = 1});
  EXPECT_EQ(ask(it, a), request_failure::concurrency_limited);
  it.left(a);
  it.left(a);
  EXPECT_EQ(ask(it, a), request_failure::none);
}

// The law of the rate: whatever comes when, no client gets more than (time + a minute) pays for, and one that always
// asks gets no less than the time alone.
TEST_F(ClientLimitsTest, SEC_14_NoClientGetsMoreThanItsRateAndAMinuteOfIt) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    random_source random(seed);
    auto const rate = 1 + static_cast<int>(random.below(600));
    client_limits it({.requests_per_minute = rate});
    auto const start = now;
    std::uint64_t let_in = 0;
    for (int i = 0; i < 2000; ++i) {
      now += milliseconds(random.below(200));
      if (ask(it, a) != request_failure::none) continue;
      ++let_in;
      it.left(a);
      double const minutes = std::chrono::duration<double>(now - start).count() / 60;
      ASSERT_LE(static_cast<double>(let_in), (minutes + 1) * static_cast<double>(rate) + 1e-6) << "seed " << seed;
    }
    double const minutes = std::chrono::duration<double>(now - start).count() / 60;
    double const wanted = std::min(2000.0, minutes * static_cast<double>(rate));
    EXPECT_GE(static_cast<double>(let_in) + 1, wanted) << "seed " << seed;
  }
}

// --- where they are kept ---

TEST_F(DispatcherTest, SEC_14_AClientThatHasItsShareIsRefusedBeforeItWaits) {
  it = dispatcher({.limits = {.concurrent_requests = 2}});
  it.set_models({"m"}, now);
  slot("x");
  EXPECT_EQ(text(request("a")), "run a on x;");
  EXPECT_EQ(text(request("b")), "");
  EXPECT_EQ(text(request("c")), failed("c", request_failure::concurrency_limited));
  EXPECT_EQ(text(end("a", attempt_outcome::lost_early)), "") << "it lives on";
  EXPECT_EQ(text(request("d")), failed("d", request_failure::concurrency_limited));
  leave("b");
  EXPECT_EQ(text(request("e", "unknown")), failed("e", request_failure::no_model));
  EXPECT_EQ(text(request("f")), "") << "what failed at once has given its place back";
  EXPECT_EQ(it.count().live, 2U);
}

TEST_F(DispatcherTest, SEC_14_ARefusalByRateSaysWhenToComeAgain) {
  it = dispatcher({.limits = {.requests_per_minute = 2}});
  it.set_models({"m"}, now);
  request("a");
  request("b");
  auto const refused = request("c");
  ASSERT_EQ(text(refused), failed("c", request_failure::rate_limited));
  EXPECT_EQ(std::get<fail_request>(refused.front()).retry_after, std::chrono::seconds(30));
  pass(std::chrono::seconds(30));
  EXPECT_EQ(text(request("d")), "");
}

} // namespace
} // namespace paddler
