// DUR-01: the power goes at every operation on the disk, with every damage that it may do. DUR-03: every operation on
// the disk fails, once or from then on.
#include "store/crash_history.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <string>

namespace paddler {
namespace {

constexpr int transactions = 60;
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t least_runs = 1; // one history
#else
constexpr std::uint64_t least_runs = 5'000;
#endif

// Of `make soak` more: PADDLER_POWER_CUTS=1000000.
std::uint64_t wanted_runs() {
  auto const* const told = std::getenv("PADDLER_POWER_CUTS");
  return told == nullptr ? least_runs : std::strtoull(told, nullptr, 10);
}

// What was found over many power cuts.
struct findings {
  std::uint64_t runs = 0;
  std::map<verdict, std::uint64_t> found;
  std::uint64_t folded = 0;
  std::string first; // words on the first that is not sound
};

// One history on one disk, cut at each of its operations.
void cut_everywhere(std::uint64_t seed, std::string const& synchronous, findings& out) {
  random_source random(seed);
  auto const disk = std::make_shared<crash_disk>(seed);
  crash_history history(disk, seed, synchronous);
  disk->during_operation = [&] {
    for (auto const damage : all_damages) {
      ++out.runs;
      auto const left = disk->after_power_cut(damage, random.next());
      auto const judged = history.judge(*make_crash_store(left, synchronous));
      ++out.found[judged.kind];
      if (judged.kind == verdict::sound || !out.first.empty()) continue;
      out.first = "seed " + std::to_string(seed) + ", operation " + std::to_string(disk->operations()) + ", " +
                  std::string(to_string(damage)) + ": " + judged.words;
    }
  };
  auto const ran = history.run(transactions);
  ASSERT_TRUE(ran.has_value()) << describe(ran.error());
  out.folded += history.folded();
}

TEST(SqliteCrash, DUR_01_a_power_cut_at_every_operation_loses_nothing) {
  findings out;
  for (std::uint64_t seed = 1; out.runs < wanted_runs() && !HasFatalFailure(); ++seed)
    cut_everywhere(seed, "FULL", out);
  EXPECT_EQ(out.found[verdict::lost], 0U) << out.first;
  EXPECT_EQ(out.found[verdict::torn], 0U) << out.first;
  EXPECT_EQ(out.found[verdict::corrupt], 0U) << out.first;
  EXPECT_GT(out.folded, 50U) << "the log was compacted on the way";
  RecordProperty("power_cuts", std::to_string(out.runs));
}

// Whether the file says in its header that it is a database of ours.
bool is_known(std::string const& file) { return file.starts_with("SQLite format 3") && file.substr(68, 4) == "padl"; }

// Draws what a power cut leaves now so often that every case is met, and judges where the file does not say whose it
// is. How many those were.
std::uint64_t judge_unknown(crash_disk const& disk, crash_history const& history) {
  constexpr std::uint64_t draws = 100;
  std::uint64_t unknown = 0;
  for (auto const damage : all_damages) {
    for (std::uint64_t draw = 1; draw <= draws; ++draw) {
      auto const left = disk.after_power_cut(damage, draw);
      if (is_known(left->content(crash_state_path))) continue;
      ++unknown;
      EXPECT_EQ(history.judge(*make_crash_store(left)).words, "")
          << "operation " << disk.operations() << ", " << to_string(damage) << ", draw " << draw;
    }
  }
  return unknown;
}

// A new database is set to keep a log in its first page, beside a rollback journal. Where that page is half written it
// may look like another program's, and the journal has the whole of it.
TEST(SqliteCrash, DUR_01_a_half_written_first_page_of_a_new_database_is_left_to_its_journal) {
  auto const disk = std::make_shared<crash_disk>(1);
  crash_history history(disk, 1);
  std::uint64_t unknown = 0;
  disk->during_operation = [&] {
    if (disk->blocking_exists(crash_state_path + std::string("-journal"))) unknown += judge_unknown(*disk, history);
  };
  ASSERT_TRUE(history.run(0));
  EXPECT_GT(unknown, 10U) << "such a page was met";
}

// A commit that is acknowledged before it is on the disk: this test must notice. So does the store, where the end
// marker is on the disk and what it tells of is not: it refuses to start.
TEST(SqliteCrash, DUR_01_a_store_that_does_not_sync_is_found_out) {
  findings out;
  cut_everywhere(1, "OFF", out);
  EXPECT_GT(out.found[verdict::lost] + out.found[verdict::corrupt], 100U);
  EXPECT_GT(out.found[verdict::lost], 0U);
}

// Once with the disk whole again, and once more after a power cut. Only what removes leftovers may fail unnoticed.
bool fail_at(std::uint64_t n, std::uint64_t count) {
  SCOPED_TRACE("operation " + std::to_string(n) + (count == 1 ? ", once" : ", from then on"));
  auto const disk = std::make_shared<crash_disk>(3);
  disk->fault = {.first = n, .count = count};
  crash_history history(disk, 3);
  if (auto const ran = history.run(12); !ran) {
    EXPECT_EQ(ran.error().code, error_code::storage) << describe(ran.error());
    EXPECT_FALSE(history.append()) << "nothing is acknowledged after an error";
    EXPECT_FALSE(history.compact());
  }
  bool const reached_end = disk->operations() < n;
  for (auto const damage : all_damages) {
    auto const left = disk->after_power_cut(damage, n);
    EXPECT_EQ(history.judge(*make_crash_store(left)).words, "") << to_string(damage);
  }
  disk->fault = {};
  history.close();
  EXPECT_EQ(history.judge(*make_crash_store(disk)).words, "");
  return !reached_end;
}

TEST(SqliteCrash, DUR_03_nothing_is_acknowledged_after_an_error) {
  std::uint64_t runs = 0;
  for (std::uint64_t const count : {std::uint64_t{1}, std::uint64_t{1'000'000}})
    for (std::uint64_t n = 1; !HasFailure() && fail_at(n, count); ++n) ++runs;
  EXPECT_GT(runs, 150U);
}

// So much room: until it is full, then once there is more.
void fill_up(std::uint64_t room, std::uint64_t& refused) {
  SCOPED_TRACE(std::to_string(room) + " bytes");
  auto const disk = std::make_shared<crash_disk>(7);
  crash_history history(disk, 7);
  ASSERT_TRUE(history.run(3));
  disk->room = disk->used() + room;
  for (int i = 0; i < 3; ++i) {
    auto const appended = history.append();
    if (appended) continue;
    ++refused;
    EXPECT_EQ(appended.error().code, error_code::full) << describe(appended.error());
  }
  for (auto const damage : all_damages) {
    auto const left = disk->after_power_cut(damage, room);
    EXPECT_EQ(history.judge(*make_crash_store(left)).words, "") << to_string(damage);
  }
  disk->room = std::numeric_limits<std::uint64_t>::max();
  EXPECT_TRUE(history.append()) << "it takes writes again when there is room";
  EXPECT_TRUE(history.compact());
  history.close();
  EXPECT_EQ(history.judge(*make_crash_store(disk)).words, "");
}

TEST(SqliteCrash, DUR_05_a_full_disk_refuses_and_loses_nothing) {
  std::uint64_t refused = 0;
  for (std::uint64_t room = 0; room < 40'000 && !HasFailure(); room += 500) fill_up(room, refused);
  EXPECT_GT(refused, 40U);
}

// Tables that do not fit cost no record, and a compaction that does not fit costs nothing.
TEST(SqliteCrash, DUR_05_a_full_disk_breaks_neither_tables_nor_compaction) {
  auto const disk = std::make_shared<crash_disk>(8);
  auto const store = make_crash_store(disk);
  ASSERT_TRUE(store->blocking_open());
  ASSERT_TRUE(store->blocking_append(sample_records(20)));
  disk->room = disk->used();
  table_changes changes;
  for (int i = 0; i < 50; ++i) changes.models.push_back({"m" + std::to_string(i), "local", "/m.gguf", "{}", {}});
  EXPECT_EQ(store->blocking_write_tables(changes).error().code, error_code::full);
  EXPECT_EQ(store->blocking_compact({10}, sample_fold).error().code, error_code::full);
  disk->room = std::numeric_limits<std::uint64_t>::max();
  EXPECT_TRUE(store->blocking_write_tables(changes));
  EXPECT_TRUE(store->blocking_compact({10}, sample_fold));
  EXPECT_TRUE(store->blocking_append(sample_records(1, 21)));
}

} // namespace
} // namespace paddler
