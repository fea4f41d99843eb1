#include "balancer/request_wishes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RequestWishes : public testing::Test {
protected:
  std::vector<header_view> headers;
  priority_trust trust = priority_trust::accept;

  result<request_wishes> read(std::string_view peer = "10.0.0.1:5000") {
    http_head head;
    head.headers = headers;
    return read_wishes(head, peer, trust);
  }
};

TEST_F(RequestWishes, AClientIsItsKeyAndElseItsAddressWithoutThePort) {
  auto const nobody = read()->client;
  EXPECT_EQ(read("10.0.0.1:6000")->client, nobody);
  EXPECT_NE(read("10.0.0.2:5000")->client, nobody);
  EXPECT_NE(read("[::1]:5000")->client, read("[::2]:5000")->client);
  headers = {{"Authorization", "Bearer a"}};
  auto const one = read()->client;
  EXPECT_NE(one, nobody);
  EXPECT_EQ(read("10.0.0.2:5000")->client, one);
  headers = {{"x-api-key", "b"}};
  EXPECT_NE(read()->client, one);
}

TEST_F(RequestWishes, HowUrgentItIs) {
  EXPECT_EQ(read()->level, request_class::normal);
  for (auto const& [said, meant] :
       {std::pair{"interactive", request_class::interactive}, std::pair{"Default", request_class::normal},
        std::pair{"BULK", request_class::bulk}}) {
    headers = {{"X-Paddler-Priority", said}};
    EXPECT_EQ(read()->level, meant);
  }
  headers = {{"X-Paddler-Priority", "urgent"}};
  ASSERT_FALSE(read());
  EXPECT_EQ(read().error().code, error_code::invalid_input);
  EXPECT_NE(read().error().message.find("`urgent`; there is interactive, default and bulk"), std::string::npos);
}

TEST_F(RequestWishes, WhoIsNotTrustedMayOnlyAskForLess) {
  trust = priority_trust::lower_only;
  for (auto const& [said, meant] :
       {std::pair{"interactive", request_class::normal}, std::pair{"default", request_class::normal},
        std::pair{"bulk", request_class::bulk}}) {
    headers = {{"X-Paddler-Priority", said}};
    EXPECT_EQ(read()->level, meant) << said;
  }
  headers = {{"X-Paddler-Priority", "urgent"}};
  EXPECT_FALSE(read());
}

TEST_F(RequestWishes, WhatItBelongsTo) {
  EXPECT_EQ(read()->session, 0U);
  headers = {{"X-Session-Id", "one"}};
  auto const one = read()->session;
  EXPECT_NE(one, 0U);
  headers = {{"x-session-id", "two"}};
  EXPECT_NE(read()->session, one);
}

TEST_F(RequestWishes, HowLongItsClientWaits) {
  EXPECT_EQ(read()->patience, std::nullopt);
  headers = {{"X-Stainless-Timeout", "2.5"}};
  EXPECT_EQ(read()->patience, milliseconds(2500));
  headers.push_back({"X-Paddler-Deadline-Ms", "700"});
  EXPECT_EQ(read()->patience, milliseconds(700)) << "ours decides";
  for (auto const* said : {"", "NaN", "-1", "0", "inf", "1e300", "soon"}) {
    headers = {{"X-Stainless-Timeout", said}};
    EXPECT_EQ(read()->patience, std::nullopt) << "of other people's headers nothing is demanded: " << said;
  }
  for (auto const* said : {"0", "-5", "1.5", "86400001", "soon"}) {
    headers = {{"X-Paddler-Deadline-Ms", said}};
    EXPECT_FALSE(read()) << said;
  }
}

TEST_F(RequestWishes, AnIdempotencyKeyIsOfAnyKindButBounded) {
  EXPECT_EQ(read()->idempotency_key, "");
  headers = {{"Idempotency-Key", "\"8e03978e\""}};
  EXPECT_EQ(read()->idempotency_key, "\"8e03978e\"");
  std::string const longest(255, 'k'), longer(256, 'k');
  headers = {{"Idempotency-Key", longest}};
  EXPECT_TRUE(read());
  headers = {{"Idempotency-Key", longer}};
  EXPECT_FALSE(read());
}

} // namespace
} // namespace paddler
