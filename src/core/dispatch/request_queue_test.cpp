#include "core/dispatch/request_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace paddler {
namespace {

using enum request_class;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr client_key a{1};
constexpr client_key b{2};
constexpr client_key c{3};
constexpr client_key d{4};
constexpr std::size_t page = request_cost; // of bytes: such a request costs two without

class RequestQueueTest : public ::testing::Test {
protected:
  mono_time now{seconds(1000)};
  request_queue it{{.max_requests = 100, .max_bytes = 1'000'000}};
  std::uint64_t serial = 0;

  void limit(queue_policy const& policy) { it = request_queue(policy); }

  queued_request request(client_key client, request_class level, std::size_t bytes) {
    return {.serial = {++serial},
            .client = client,
            .level = level,
            .bytes = bytes,
            .arrived = now,
            .deadline = now + seconds(60)};
  }

  // What became of it: "in", "refused", or whom it displaced.
  std::string push(client_key client, request_class level = normal, std::size_t bytes = 0) {
    auto const [admitted, displaced] = it.push("m", request(client, level, bytes));
    std::string out = admitted ? "in" : "refused";
    for (auto const each : displaced) out += " for " + std::to_string(each.value);
    return out;
  }

  void push_many(int count, client_key client, request_class level = normal, std::size_t bytes = 0) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(push(client, level, bytes), "in");
  }

  // What is popped, at most so many.
  std::string pop(std::size_t count = 1000) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
      auto const next = it.pop("m", now);
      if (!next) break;
      out += (out.empty() ? "" : " ") + std::to_string(next->value);
    }
    return out;
  }

  void expect_nothing_is_left() {
    EXPECT_EQ(pop(), "");
    auto const left = it.count();
    EXPECT_EQ(left.requests, 0U);
    EXPECT_EQ(left.bytes, 0U);
    EXPECT_EQ(left.resuming, 0U);
    EXPECT_EQ(left.clients, 0U);
    EXPECT_EQ(left.models, 0U);
    EXPECT_EQ(it.next_deadline(), std::nullopt);
  }
};

// --- whose turn it is ---

TEST_F(RequestQueueTest, RequestsOfOneClientGoInTheOrderOfTheirArrival) {
  push_many(3, a);
  EXPECT_EQ(pop(), "1 2 3");
  expect_nothing_is_left();
}

TEST_F(RequestQueueTest, REQ_08_OneRequestOfEachOfManyClientsGoInTheOrderOfTheirArrival) {
  for (auto const client : {d, b, c, a}) push(client);
  EXPECT_EQ(pop(), "1 2 3 4");
}

TEST_F(RequestQueueTest, REQ_15_ClientsTakeTurnsHoweverMuchOneOfThemSends) {
  push_many(5, a);
  push_many(2, b);
  EXPECT_EQ(pop(), "1 6 2 7 3 4 5");
}

TEST_F(RequestQueueTest, WhoSendsMoreBytesGetsFewerTurns) {
  push_many(3, a, normal, page);
  push_many(5, b, normal, 0);
  EXPECT_EQ(pop(), "1 4 5 2 6 7 3 8") << "each of a costs two of b";
}

TEST_F(RequestQueueTest, TwiceTheWeightIsTwiceTheTurns) {
  for (int i = 0; i < 3; ++i) it.push("m", request(a, normal, 0));
  for (int i = 0; i < 5; ++i) {
    auto heavy = request(b, normal, 0);
    heavy.weight = 2;
    it.push("m", heavy);
  }
  EXPECT_EQ(pop(), "1 4 5 2 6 7 3 8");
}

TEST_F(RequestQueueTest, AWeightOfNothingIsOneAndOneTooBigIsTheBiggest) {
  std::vector<std::uint32_t> const weights = {0, std::numeric_limits<std::uint32_t>::max()};
  for (auto const weight : weights)
    for (int i = 0; i < 4; ++i) {
      auto each = request(weight == 0 ? a : b, normal, 0);
      each.weight = weight;
      it.push("m", each);
    }
  EXPECT_EQ(pop(), "1 5 6 7 8 2 3 4") << "b pays a little, a pays the whole";
}

// Otherwise whoever keeps one request in the queue at any time would have every second turn among any number of others.
TEST_F(RequestQueueTest, AClientThatComesBackOwesWhatItWasServedBefore) {
  push_many(3, a);
  push(b, normal, 3 * page);
  EXPECT_EQ(pop(2), "1 4");
  push(b);
  EXPECT_EQ(pop(), "2 3 5");
}

TEST_F(RequestQueueTest, AClientThatWasAwaySavesNothingUp) {
  push(b);
  push_many(4, a);
  EXPECT_EQ(pop(3), "1 2 3");
  push_many(3, b);
  EXPECT_EQ(pop(), "6 4 7 5 8");
}

TEST_F(RequestQueueTest, WhereNothingWaitsAllBeginAnew) {
  push(a, normal, 100 * page);
  EXPECT_EQ(pop(), "1");
  push(a);
  push(b);
  EXPECT_EQ(pop(), "2 3");
}

TEST_F(RequestQueueTest, ModelsDoNotWaitForEachOther) {
  push(a);
  it.push("n", request(a, normal, 0));
  it.push("n", request(b, normal, 0));
  EXPECT_EQ(it.count().models, 2U);
  EXPECT_EQ(it.pop("n", now), request_serial{2});
  EXPECT_EQ(pop(), "1");
  EXPECT_EQ(it.pop("never", now), std::nullopt);
  EXPECT_EQ(it.count().models, 1U);
}

// --- classes ---

TEST_F(RequestQueueTest, TheHigherClassGoesFirst) {
  push(a, bulk);
  push(a, normal);
  push(a, interactive);
  push(b, interactive);
  EXPECT_EQ(pop(), "3 4 2 1");
}

TEST_F(RequestQueueTest, EachClassHasItsOwnTurns) {
  push(a, interactive, 5 * page);
  push(a, normal);
  push(b, normal);
  EXPECT_EQ(pop(), "1 2 3") << "what it cost above is not asked for below";
}

TEST_F(RequestQueueTest, AStarvingClassHasOneTurnOfFour) {
  push_many(3, a, normal);
  now += seconds(30) - milliseconds(1);
  push_many(12, b, interactive);
  EXPECT_EQ(pop(1), "4") << "it does not starve yet";
  now += milliseconds(1);
  EXPECT_EQ(pop(), "1 5 6 7 2 8 9 10 3 11 12 13 14 15");
}

TEST_F(RequestQueueTest, OfTwoThatStarveTheOneThatHasForLongerGoesFirst) {
  push_many(2, a, bulk);
  now += seconds(91);
  push_many(2, a, normal); // starves one second after the other does
  now += seconds(30);
  push_many(12, b, interactive);
  EXPECT_EQ(pop(), "1 5 6 7 2 8 9 10 3 11 12 13 4 14 15 16");
}

TEST_F(RequestQueueTest, WhereBothStarveSinceTheSameMomentTheHigherOneGoesFirst) {
  push(a, bulk);
  now += seconds(90);
  push(a, normal);
  now += seconds(30);
  push_many(4, b, interactive);
  EXPECT_EQ(pop(5), "2 3 4 5 1");
}

// The turn of a class that is the highest anyway is not one past the others.
TEST_F(RequestQueueTest, ATurnInOrderIsNoTurnOfAStarvingClass) {
  push_many(2, a, normal);
  now += seconds(40);
  EXPECT_EQ(pop(1), "1");
  push_many(2, b, interactive);
  EXPECT_EQ(pop(), "2 3 4");
}

// --- what comes back ---

TEST_F(RequestQueueTest, WhatIsPutBackGoesFirstInItsClassAndPaysNothing) {
  push_many(2, a);
  push_many(3, b);
  EXPECT_EQ(pop(1), "1");
  it.put_back("m", {.serial = {1}, .client = a, .level = normal, .bytes = page, .arrived = now});
  push(c, interactive);
  EXPECT_EQ(pop(), "6 1 3 2 4 5") << "b is as far behind a as it was";
}

TEST_F(RequestQueueTest, WhatIsPutBackKeepsItsPlaceInTheOrderOfArrival) {
  push_many(4, a);
  EXPECT_EQ(pop(3), "1 2 3");
  for (std::uint64_t const each : {3U, 1U, 2U}) it.put_back("m", {.serial = {each}, .client = a});
  EXPECT_EQ(pop(), "1 2 3 4");
}

TEST_F(RequestQueueTest, WhatResumesGoesBeforeAllAndDoesNotTakeTheTurnOfWhatStarves) {
  push(a, bulk);
  now += seconds(500);
  push_many(2, b, interactive);
  it.resume("m", {.serial = {90}, .client = a, .level = bulk});
  it.resume("m", {.serial = {80}, .client = c, .level = interactive});
  EXPECT_EQ(pop(), "80 90 1 2 3");
  expect_nothing_is_left();
}

TEST_F(RequestQueueTest, WhatWaitsAlreadyStaysAsItIs) {
  push(a);
  push(b);
  EXPECT_TRUE(it.push("m", {.serial = {2}, .client = b, .level = interactive, .bytes = 5}).admitted);
  it.put_back("m", {.serial = {2}, .client = b});
  it.resume("m", {.serial = {2}, .client = b});
  EXPECT_EQ(it.count().requests, 2U);
  EXPECT_EQ(it.count().bytes, 0U);
  EXPECT_EQ(pop(), "1 2");
}

// --- limits ---

TEST_F(RequestQueueTest, REQ_07_OneClientAloneHasTheWholeLimitAndNoMore) {
  limit({.max_requests = 3});
  push_many(3, a);
  EXPECT_EQ(push(a), "refused");
  EXPECT_EQ(it.count().requests, 3U);
  EXPECT_EQ(pop(), "1 2 3");
}

TEST_F(RequestQueueTest, AQueueOfNothingRefusesAllThatIsNew) {
  limit({.max_requests = 0});
  EXPECT_EQ(push(a), "refused");
  it.put_back("m", {.serial = {7}, .client = a});
  EXPECT_EQ(pop(), "7");
}

TEST_F(RequestQueueTest, BytesAreFullExactlyAtTheirLimit) {
  limit({.max_bytes = 1000});
  EXPECT_EQ(push(a, normal, 1001), "refused");
  EXPECT_EQ(push(a, normal, 999), "in");
  EXPECT_EQ(push(a, normal, 2), "refused");
  EXPECT_EQ(push(a, normal, 1), "in");
  EXPECT_EQ(push(a, normal, 0), "in");
  EXPECT_EQ(it.count().bytes, 1000U);
  EXPECT_EQ(push(b, normal, std::numeric_limits<std::size_t>::max()), "refused");
}

TEST_F(RequestQueueTest, WhoHoldsLessThanItsShareDisplacesTheNewestOfWhoHoldsMost) {
  limit({.max_requests = 6});
  push_many(5, a);
  push_many(1, b);
  EXPECT_EQ(push(b), "in for 5");
  EXPECT_EQ(push(b), "in for 4");
  EXPECT_EQ(push(b), "refused") << "it has its half";
  EXPECT_EQ(push(a), "refused");
  EXPECT_EQ(push(c), "in for 8") << "of two that hold as much, the one that came last";
  EXPECT_EQ(pop(), "1 6 11 2 7 3");
}

TEST_F(RequestQueueTest, WhereAllHoldOneNobodyIsDisplaced) {
  limit({.max_requests = 3});
  for (auto const client : {a, b, c}) push(client);
  EXPECT_EQ(push(d), "refused");
}

TEST_F(RequestQueueTest, BytesAreSharedAsRequestsAre) {
  limit({.max_bytes = 1000});
  for (std::size_t const bytes : {100U, 400U, 0U, 400U}) push(a, normal, bytes);
  push(b, normal, 100);
  EXPECT_EQ(push(b, normal, 401), "refused") << "its half is 500";
  EXPECT_EQ(push(b, normal, 400), "in for 4");
  EXPECT_EQ(push(c, normal, 334), "refused");
  EXPECT_EQ(push(c, normal, 333), "in for 7") << "a and b hold 500 each, and b came last";
  EXPECT_EQ(it.count().bytes, 933U);
}

TEST_F(RequestQueueTest, AsManyAreDisplacedAsNeeded) {
  limit({.max_bytes = 1000});
  for (int i = 0; i < 10; ++i) push(a, normal, 100);
  EXPECT_EQ(push(b, normal, 450), "in for 10 for 9 for 8 for 7 for 6");
  EXPECT_EQ(it.count().requests, 6U);
}

TEST_F(RequestQueueTest, TheLowestClassIsDisplacedFirstAndAHigherOneNever) {
  limit({.max_requests = 4});
  push(a, interactive);
  push(b, normal);
  push(c, bulk);
  push(d, bulk);
  EXPECT_EQ(push(a, interactive), "refused") << "a fourth is its share";
  EXPECT_EQ(push(c, interactive), "in for 4") << "its first: the classes below make room";
  EXPECT_EQ(push(d, bulk), "refused") << "one place is left to bulk, and taken";
  EXPECT_EQ(push(d, interactive), "in for 3");
  EXPECT_EQ(push(b, interactive), "in for 2");
  EXPECT_EQ(push(d, normal), "refused") << "nothing is left below interactive";
  EXPECT_EQ(push(client_key{5}, interactive), "refused") << "nor anything to displace";
  EXPECT_EQ(pop(), "1 6 8 9");
}

TEST_F(RequestQueueTest, AFirstRequestThatNeedsMoreThanTheClassesBelowHoldIsHeldToItsShare) {
  limit({.max_bytes = 1000});
  push(a, bulk, 300);
  push(b, normal, 600);
  EXPECT_EQ(push(c, normal, 401), "refused") << "its third is 333, and all of bulk would not do";
  EXPECT_EQ(push(c, normal, 400), "in for 1");
  EXPECT_EQ(push(d, interactive, 1000), "in for 2 for 4");
}

TEST_F(RequestQueueTest, OnlyWhoHoldsBytesIsDisplacedForBytes) {
  limit({.max_bytes = 1000});
  push(a, bulk, 0);
  push_many(4, b, normal, 250);
  EXPECT_EQ(push(c, interactive, 200), "in for 5");
  EXPECT_EQ(pop(), "6 2 3 4 1");
}

TEST_F(RequestQueueTest, WhereBothLimitsAreReachedBothAreKept) {
  limit({.max_requests = 3, .max_bytes = 1000});
  push(a, normal, 10);
  push(a, normal, 890);
  push(b, bulk, 100);
  EXPECT_EQ(push(c, normal, 330), "in for 3 for 2");
  EXPECT_EQ(it.count().bytes, 340U);
}

TEST_F(RequestQueueTest, LimitsAreOverAllModels) {
  limit({.max_requests = 2});
  push_many(2, a);
  auto const other = it.push("n", request(b, normal, 0));
  EXPECT_EQ(other.displaced, std::vector<request_serial>{{2}});
  EXPECT_EQ(it.count().models, 2U);
  EXPECT_EQ(push(a), "refused");
}

TEST_F(RequestQueueTest, TheLastOfAModelCanBeDisplaced) {
  limit({.max_requests = 1});
  push(a, bulk);
  EXPECT_TRUE(it.push("n", request(b, normal, 0)).admitted);
  EXPECT_EQ(it.count().models, 1U);
  EXPECT_EQ(it.pop("n", now), request_serial{2});
  expect_nothing_is_left();
}

TEST_F(RequestQueueTest, WhatComesBackIsNeverRefusedAndNeverDisplaced) {
  limit({.max_requests = 2, .max_bytes = 100});
  for (std::uint64_t each = 50; each < 53; ++each)
    it.put_back("m", {.serial = {each}, .client = a, .level = bulk, .bytes = 60});
  EXPECT_EQ(it.count().requests, 3U);
  EXPECT_EQ(it.count().bytes, 180U);
  EXPECT_EQ(push(b, interactive), "refused");
  EXPECT_EQ(pop(2), "50 51");
  EXPECT_EQ(push(b, interactive, 41), "refused");
  EXPECT_EQ(push(b, interactive, 40), "in");
  EXPECT_EQ(push(b, interactive), "refused");
}

TEST_F(RequestQueueTest, WhatResumesTakesNobodysPlace) {
  limit({.max_requests = 2, .max_bytes = 100});
  for (std::uint64_t each = 50; each < 60; ++each) it.resume("m", {.serial = {each}, .client = a, .bytes = 100});
  EXPECT_EQ(it.count().resuming, 10U);
  EXPECT_EQ(it.count().requests, 0U);
  EXPECT_EQ(it.count().bytes, 0U);
  push_many(2, b, normal, 50);
  EXPECT_EQ(push(b, normal, 0), "refused");
}

// --- clients ---

TEST_F(RequestQueueTest, ClientsBeyondTheLimitAreOne) {
  limit({.max_clients = 2});
  push_many(2, a);
  push_many(2, b);
  push_many(2, c);
  push_many(2, d);
  EXPECT_EQ(it.count().clients, 3U);
  EXPECT_EQ(pop(), "1 3 5 2 4 6 7 8") << "c and d share their turns";
  expect_nothing_is_left();
}

TEST_F(RequestQueueTest, TheShareOfTheOthersIsThatOfOne) {
  limit({.max_requests = 4, .max_clients = 1});
  push_many(2, a);
  push(b);
  push(c);
  EXPECT_EQ(push(d), "refused");
  EXPECT_EQ(pop(), "1 3 2 4");
}

TEST_F(RequestQueueTest, WhoIsKnownKeepsItsTurnsWhereNoneIsLeft) {
  limit({.max_clients = 2});
  push_many(3, a);
  push(b, normal, page);
  EXPECT_EQ(pop(2), "1 4") << "b is remembered: it is ahead";
  push(c);
  push(b);
  EXPECT_EQ(it.count().clients, 3U);
  EXPECT_EQ(pop(), "5 2 3 6") << "b has paid for two";
}

TEST_F(RequestQueueTest, AClientIsForgottenAsSoonAsItsTagIsNotAhead) {
  push_many(4, a);
  push(b);
  EXPECT_EQ(pop(2), "1 5");
  EXPECT_EQ(it.count().clients, 2U);
  EXPECT_EQ(pop(1), "2");
  EXPECT_EQ(it.count().clients, 1U);
}

// --- leaving ---

TEST_F(RequestQueueTest, ARequestCanLeaveFromAnywhere) {
  push_many(3, a);
  push_many(2, b);
  EXPECT_TRUE(it.erase({1}));
  EXPECT_TRUE(it.erase({5}));
  EXPECT_FALSE(it.erase({5}));
  EXPECT_FALSE(it.erase({99}));
  EXPECT_EQ(pop(1), "2");
  EXPECT_TRUE(it.erase({4}));
  it.put_back("m", {.serial = {2}, .client = a});
  it.resume("m", {.serial = {1}, .client = a});
  EXPECT_TRUE(it.erase({1}));
  EXPECT_TRUE(it.erase({2}));
  EXPECT_TRUE(it.erase({3}));
  expect_nothing_is_left();
}

TEST_F(RequestQueueTest, WhoLeavesHasNotPaid) {
  push(a, normal, 50 * page);
  push_many(2, a);
  push_many(2, b);
  it.erase({1});
  EXPECT_EQ(pop(), "2 4 3 5");
}

TEST_F(RequestQueueTest, WaitingEndsAtTheDeadlineAndTheEarliestFirst) {
  it.push("m", {.serial = {1}, .client = a, .deadline = now + seconds(5)});
  it.push("n", {.serial = {2}, .client = b, .deadline = now + seconds(3)});
  it.resume("m", {.serial = {3}, .client = c, .deadline = now + seconds(9)});
  EXPECT_EQ(it.next_deadline(), now + seconds(3));
  EXPECT_TRUE(it.expire(now + seconds(3) - milliseconds(1)).empty());
  EXPECT_EQ(it.expire(now + seconds(5)), (std::vector<request_serial>{{2}, {1}}));
  EXPECT_EQ(it.next_deadline(), now + seconds(9));
  EXPECT_EQ(pop(), "3");
  expect_nothing_is_left();
}

TEST_F(RequestQueueTest, OnlyWhatWaitsForAModelThatIsWantedStays) {
  it.push("x", request(a, bulk, 0));
  push(a);
  it.push("y", request(a, normal, 0));
  it.push("x", request(b, interactive, 0));
  it.resume("x", {.serial = {9}, .client = c});
  auto const named = [](std::string const& model) { return model == "m" || model == "another"; };
  EXPECT_EQ(it.keep_only(named), (std::vector<request_serial>{{1}, {3}, {4}, {9}}));
  EXPECT_EQ(it.count().models, 1U);
  EXPECT_EQ(it.keep_only([](std::string const&) { return false; }), (std::vector<request_serial>{{2}}));
  expect_nothing_is_left();
}

// --- how long ---

TEST_F(RequestQueueTest, BeforeANewRequestGoTheClassesAboveAndTheTurnsOfOthers) {
  EXPECT_EQ(it.waiting_before("m", a, normal), 0U);
  push_many(10, b);
  push_many(2, c);
  EXPECT_EQ(it.waiting_before("m", a, normal), 2U) << "one of each";
  EXPECT_EQ(it.waiting_before("m", c, normal), 2U + 3U) << "its own, and three of b";
  EXPECT_EQ(it.waiting_before("m", b, normal), 12U) << "never more than there are";
  EXPECT_EQ(it.waiting_before("m", a, interactive), 0U);
  push_many(3, d, interactive);
  EXPECT_EQ(it.waiting_before("m", a, normal), 5U);
  EXPECT_EQ(it.waiting_before("m", a, bulk), 15U);
  EXPECT_EQ(it.waiting_before("another", b, normal), 0U);
}

TEST_F(RequestQueueTest, WhoWasJustServedWaitsOneTurnMore) {
  push(a);
  push_many(4, b);
  EXPECT_EQ(pop(1), "1");
  EXPECT_EQ(it.waiting_before("m", a, normal), 2U);
  EXPECT_EQ(it.waiting_before("m", c, normal), 1U);
  push(a);
  EXPECT_EQ(pop(), "2 3 6 4 5");
}

TEST(EstimatedWait, IsUnknownUntilSomethingIsKnown) {
  slot_time of_one;
  EXPECT_EQ(estimated_wait(3, of_one, 4), std::nullopt);
  of_one.learn(seconds(8));
  EXPECT_EQ(estimated_wait(3, of_one, 0), std::nullopt);
  EXPECT_EQ(estimated_wait(3, of_one, 4), seconds(6));
  EXPECT_EQ(estimated_wait(0, of_one, 4), seconds(0));
}

TEST(EstimatedWait, EachNewSlotTimeCountsAnEighth) {
  slot_time of_one;
  of_one.learn(seconds(8));
  of_one.learn(seconds(16));
  EXPECT_EQ(of_one.average(), seconds(9));
  of_one.learn(seconds(1));
  EXPECT_EQ(of_one.average(), seconds(8));
  for (int i = 0; i < 100; ++i) of_one.learn(seconds(2));
  EXPECT_LT(*of_one.average(), seconds(2) + milliseconds(1));
}

} // namespace
} // namespace paddler
