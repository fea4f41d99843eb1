#include "base/random.hpp"
#include "store/memory_store.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_testing.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

class SqliteCompaction : public testing::Test {
protected:
  [[nodiscard]] stored_state reopened() {
    store_->blocking_close();
    auto state = store_->blocking_open();
    EXPECT_TRUE(state) << describe(state.error());
    return state.value_or(stored_state{});
  }

  temporary_folder folder_;
  std::string path_ = folder_.file("state.db");
  std::unique_ptr<state_store> store_ = make_sqlite_store(path_);
};

TEST_F(SqliteCompaction, TheSnapshotTakesThePlaceOfTheRecords) {
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(10)));
  ASSERT_TRUE(store_->blocking_compact({6}, sample_fold));
  ASSERT_TRUE(store_->blocking_append(sample_records(1, 11)));
  auto const state = reopened();
  ASSERT_TRUE(state.base);
  EXPECT_EQ(state.base->at, revision{6});
  EXPECT_EQ(state.log, sample_records(5, 7));
  EXPECT_EQ(judge_samples(state), "");
}

TEST_F(SqliteCompaction, AWholeLogMayBeFolded) {
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(3)));
  ASSERT_TRUE(store_->blocking_compact({3}, sample_fold));
  EXPECT_EQ(last_revision(reopened()), 3U);
  ASSERT_TRUE(store_->blocking_append(sample_records(2, 4)));
  EXPECT_EQ(last_revision(reopened()), 5U);
}

// Whatever the order of writes, compactions and restarts: both stores hold fold(all).
TEST_F(SqliteCompaction, LawSnapshotAndLogAreTheWholeLog) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    random_source random(seed);
    std::filesystem::remove(path_);
    auto const memory = make_memory_store();
    std::uint64_t last = 0;
    ASSERT_TRUE(store_->blocking_open());
    ASSERT_TRUE(memory->blocking_open());
    for (int step = 0; step < 12; ++step) {
      auto const count = 1 + random.below(4);
      ASSERT_TRUE(store_->blocking_append(sample_records(count, last + 1)));
      ASSERT_TRUE(memory->blocking_append(sample_records(count, last + 1)));
      last += count;
      revision const until{random.below(last + 1)};
      ASSERT_TRUE(store_->blocking_compact(until, sample_fold));
      ASSERT_TRUE(memory->blocking_compact(until, sample_fold));
      if (random.below(3) != 0) continue;
      auto const found = reopened();
      auto const kept = memory->blocking_open();
      ASSERT_EQ(judge_samples(found), "") << "seed " << seed;
      ASSERT_EQ(last_revision(found), last) << "seed " << seed;
      ASSERT_EQ(found.base, kept->base) << "seed " << seed;
      ASSERT_EQ(found.log, kept->log) << "seed " << seed;
    }
    store_->blocking_close();
  }
}

TEST_F(SqliteCompaction, RefusesWhatItCannotFold) {
  EXPECT_EQ(store_->blocking_compact({1}, sample_fold).error().code, error_code::closed);
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(4)));
  EXPECT_EQ(store_->blocking_compact({5}, sample_fold).error().message,
            "the event log ends at revision 4 and cannot be compacted up to 5");
  ASSERT_TRUE(store_->blocking_compact({2}, sample_fold));
  EXPECT_TRUE(store_->blocking_compact({1}, sample_fold)) << "done already";
  EXPECT_EQ(reopened().base->at, revision{2});
}

// A fold that is wrong must not cost a record.
TEST_F(SqliteCompaction, WritesNoSnapshotThatWouldNotComeBack) {
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(4)));
  auto const forgetful = [](state_snapshot const& base, std::span<log_record const> records) {
    return sample_fold(base, records.first(1));
  };
  auto const garbled = [](state_snapshot const& base, std::span<log_record const> records) {
    auto out = sample_fold(base, records);
    out.sources.front().since.front().path = "\xff";
    return out;
  };
  EXPECT_EQ(store_->blocking_compact({3}, forgetful).error().code, error_code::internal);
  EXPECT_EQ(store_->blocking_compact({3}, garbled).error().code, error_code::internal);
  ASSERT_TRUE(store_->blocking_append(sample_records(1, 5)));
  EXPECT_EQ(reopened().log, sample_records(5));
}

struct tampering {
  std::string sql;
  std::string wanted;
};

tampering const tamperings[] = {
    {"DELETE FROM snapshot", "it has a gap: revision 1 is missing before 4, or the snapshot of those before it"},
    {"DELETE FROM snapshot; DELETE FROM event_log", "it does not end at revision 5"},
    {"DELETE FROM event_log", "it does not end at revision 5"},
    {"DELETE FROM event_log WHERE revision = 4", "it has a gap: revision 4 is missing before 5"},
    {"UPDATE snapshot SET revision = 4", "the snapshot at revision 4 was changed"},
    {"UPDATE snapshot SET taken = '2030-01-01T00:00:00Z'", "the snapshot at revision 3 was changed"},
    {"UPDATE snapshot SET content = replace(content, 'agent-2', 'agent-9')", "the snapshot at revision 3 was changed"},
    {"UPDATE snapshot SET log_digest = x'00'", "the snapshot at revision 3 was changed"},
    {"UPDATE snapshot SET digest = x''", "the snapshot at revision 3 was changed"},
    {"UPDATE identity SET id = x'01'", "the snapshot at revision 3 was changed"},
    {"INSERT INTO event_log SELECT 2, at, source_kind, source_name, actor, origin, document, digest FROM event_log "
     "WHERE revision = 4",
     "revision 2 is there, and the snapshot at revision 3 says that it was folded in"},
};

// DUR-08 over compaction: the chain goes through the snapshot.
TEST_F(SqliteCompaction, DUR_08_a_snapshot_that_is_missing_or_changed_is_refused) {
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(5)));
  ASSERT_TRUE(store_->blocking_compact({3}, sample_fold));
  store_->blocking_close();
  auto const sound = read_bytes(path_);
  for (auto const& [sql, wanted] : tamperings) {
    write_bytes(path_, sound);
    auto const changed = sqlite_database::blocking_open(path_)->execute(sql);
    ASSERT_TRUE(changed) << describe(changed.error());
    auto const opened = make_sqlite_store(path_)->blocking_open();
    ASSERT_FALSE(opened) << sql;
    EXPECT_NE(describe(opened.error()).find(wanted), std::string::npos) << sql << ": " << describe(opened.error());
    EXPECT_NE(describe(opened.error()).find("restore"), std::string::npos) << sql;
  }
}

} // namespace
} // namespace paddler
