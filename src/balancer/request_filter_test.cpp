#include "balancer/request_filter.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

std::expected<request_filter, std::vector<field_error>> read(std::string_view query) {
  http_head head;
  head.query = query;
  return read_filter(head);
}

TEST(RequestFilter, IsEverythingWhereNothingIsSaid) {
  auto const all = read("");
  ASSERT_TRUE(all);
  EXPECT_TRUE(fits({}, *all));
  EXPECT_EQ(all->limit, std::numeric_limits<std::size_t>::max());
}

TEST(RequestFilter, AsksForStateModelAgentAndNumber) {
  auto const some = read("state=failed&model=a%2Fb&agent=gpu-1&limit=20");
  ASSERT_TRUE(some);
  EXPECT_EQ(some->limit, 20U);
  request_record request;
  request.state = request_state::failed;
  request.model = "a/b";
  request.agent = {"gpu-1"};
  EXPECT_TRUE(fits(request, *some));
  auto other = request;
  other.state = request_state::completed;
  EXPECT_FALSE(fits(other, *some));
  other = request;
  other.model = "b";
  EXPECT_FALSE(fits(other, *some));
  other = request;
  other.agent = {};
  EXPECT_FALSE(fits(other, *some));
}

TEST(RequestFilter, AllThatIsWrongIsToldAtOnce) {
  auto const wrong = read("state=faild&model=&agent=a%20b&limit=0");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error(),
            (std::vector<field_error>{
                {"state", "\"faild\" is not queued, routed, processing, streaming, resuming, completed or failed",
                 "did you mean \"failed\"?", 0},
                {"model", "is empty", "give the name that clients ask for, or leave it out", 0},
                {"agent", "\"a b\" cannot be an agent's name", "see /management/v1/agents", 0},
                {"limit", "\"0\" is not a whole number of 1 or more", "give digits only, as in limit=20", 0}}));
  for (auto const* query : {"limit=", "limit=-1", "limit=1.5", "limit=99999999999999999999999",
                            "agent=", "state=", "state=FAILED", "state=failed%20"})
    EXPECT_EQ(read(query) ? 0U : read(query).error().size(), 1U) << query;
}

} // namespace
} // namespace paddler
