#include "balancer/idempotent_answers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace paddler {
namespace {

using enum idempotent_answers::standing;
using std::chrono::hours;
using std::chrono::seconds;

class IdempotentAnswersTest : public testing::Test {
protected:
  idempotent_answers it{{.max_keys = 3, .max_bytes = 20, .max_answer = 10}};
  mono_time now{seconds(100)};

  static idempotency_key key(std::string text, client_key client = client_key{1}) { return {client, std::move(text)}; }

  static kept_answer answer(std::string body) { return {.status = 200, .content_type = "", .body = std::move(body)}; }

  auto ask(std::string text, std::uint64_t request = 1) { return it.ask(key(std::move(text)), request, now).what; }
};

TEST_F(IdempotentAnswersTest, REQ_10_OneRunsAndTheOthersGetItsAnswer) {
  EXPECT_EQ(ask("k"), begins);
  EXPECT_EQ(ask("k"), runs);
  EXPECT_EQ(ask("k"), runs);
  it.answered(key("k"), answer("yes"));
  auto const again = it.ask(key("k"), 1, now);
  EXPECT_EQ(again.what, answered);
  ASSERT_TRUE(again.answer);
  EXPECT_EQ(again.answer->body, "yes");
}

TEST_F(IdempotentAnswersTest, REQ_10_AKeyIsOfOneRequestAndOneClient) {
  EXPECT_EQ(ask("k", 1), begins);
  EXPECT_EQ(ask("k", 2), other_request);
  EXPECT_EQ(it.ask(key("k", client_key{2}), 2, now).what, begins) << "another client's";
  it.answered(key("k"), answer("yes"));
  EXPECT_EQ(ask("k", 2), other_request);
}

TEST_F(IdempotentAnswersTest, WhatFailedRunsAgain) {
  EXPECT_EQ(ask("k", 1), begins);
  it.failed(key("k"));
  EXPECT_EQ(it.size(), 0U);
  EXPECT_EQ(ask("k", 2), begins);
}

TEST_F(IdempotentAnswersTest, WhatIsTooLargeIsNotKeptAndNotRunAgainEither) {
  ask("k");
  it.answered(key("k"), answer("01234567890"));
  EXPECT_EQ(ask("k"), not_kept);
  ask("l");
  it.answered_at_length(key("l"));
  EXPECT_EQ(ask("l"), not_kept);
  EXPECT_EQ(it.bytes(), 0U);
}

TEST_F(IdempotentAnswersTest, ADayLaterItIsForgottenUnlessItRuns) {
  ask("k");
  ask("l");
  it.answered(key("k"), answer("yes"));
  now += hours(24) - seconds(1);
  EXPECT_EQ(ask("k"), answered);
  now += seconds(1);
  EXPECT_EQ(ask("k", 2), begins);
  EXPECT_EQ(ask("l"), runs);
  EXPECT_EQ(it.bytes(), 0U);
}

TEST_F(IdempotentAnswersTest, TheOldestAnswersMakeRoom) {
  for (auto const* each : {"a", "b", "c"}) {
    ask(each);
    it.answered(key(each), answer("0123456789"));
  }
  EXPECT_EQ(it.bytes(), 20U) << "two of them fit";
  EXPECT_EQ(it.size(), 2U);
  EXPECT_EQ(ask("b"), answered);
  EXPECT_EQ(ask("d"), begins);
  EXPECT_EQ(ask("e"), begins) << "b was forgotten for it";
  EXPECT_EQ(ask("c"), answered);
  EXPECT_EQ(ask("f"), begins) << "c was forgotten for it";
  EXPECT_EQ(ask("g"), no_room) << "three run";
  it.failed(key("d"));
  EXPECT_EQ(ask("g"), begins);
  EXPECT_EQ(it.bytes(), 0U);
}

TEST_F(IdempotentAnswersTest, WordsAboutAnUnknownKeyMeanNothing) {
  it.answered(key("k"), answer("yes"));
  it.answered_at_length(key("k"));
  it.failed(key("k"));
  EXPECT_EQ(it.size(), 0U);
}

} // namespace
} // namespace paddler
