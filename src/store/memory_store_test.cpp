#include "store/memory_store.hpp"
#include "store/store_testing.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

TEST(MemoryStore, KeepsWhatItWasGiven) {
  auto const store = make_memory_store();
  EXPECT_EQ(store->blocking_open()->log, std::vector<log_record>());
  ASSERT_TRUE(store->blocking_append(sample_records(2)));
  ASSERT_TRUE(store->blocking_append(sample_records(1, 3)));
  store->blocking_close();
  EXPECT_EQ(store->blocking_open()->log, sample_records(3));
}

TEST(MemoryStore, EveryOpeningBeginsAHigherEpoch) {
  auto const store = make_memory_store();
  EXPECT_EQ(store->blocking_open()->leader.value, 1U);
  EXPECT_EQ(store->blocking_open()->leader.value, 2U);
}

TEST(MemoryStore, KeepsTheRulesOfThePort) {
  auto const store = make_memory_store();
  EXPECT_EQ(store->blocking_append(sample_records(1)).error().code, error_code::closed);
  ASSERT_TRUE(store->blocking_open());
  EXPECT_EQ(store->blocking_append(sample_records(1, 2)).error().code, error_code::internal);
  ASSERT_TRUE(store->blocking_append(sample_records(1)));
  EXPECT_EQ(store->blocking_append(sample_records(1)).error().code, error_code::internal);
  store->blocking_close();
  EXPECT_EQ(store->blocking_append(sample_records(1, 2)).error().code, error_code::closed);
}

} // namespace
} // namespace paddler
