#include "base/ids.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

TEST(Uuid, CarriesVersionVariantAndTime) {
  auto const id = uuid_v7(0x0123456789ABULL, ~0ULL, ~0ULL);
  EXPECT_EQ(id, "01234567-89ab-7fff-bfff-ffffffffffff");
  EXPECT_EQ(uuid_v7(0, 0, 0), "00000000-0000-7000-8000-000000000000");
}

TEST(Uuid, LaterTimeSortsLater) { EXPECT_LT(uuid_v7(1, ~0ULL, ~0ULL), uuid_v7(2, 0, 0)); }

TEST(Name, AcceptsUsualNamesAndRefusesWhatWouldBreakAPathOrALog) {
  for (auto good : {"a", "agent-1", "Qwen/Qwen3-0.6B:Q8_0", "user@host"}) EXPECT_TRUE(is_valid_name(good)) << good;
  for (auto bad : {"", "-x", "a b", "a\n", "\xC3\xA9", "../x", "a\"b"}) EXPECT_FALSE(is_valid_name(bad)) << bad;
  EXPECT_FALSE(is_valid_name(std::string(129, 'a')));
}

} // namespace
} // namespace paddler
