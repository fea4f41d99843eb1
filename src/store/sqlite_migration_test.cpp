// DUR-13: a database of an older schema is brought up to date, at once or not at all, and a copy of it stays.
#include "store/crash_history.hpp"
#include "store/record_row.hpp"
#include "store/sqlite.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

// As paddler made it before there were snapshots and tables.
constexpr char const* first_schema = R"(
  PRAGMA application_id = 1885430892; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  BEGIN;
  CREATE TABLE event_log (revision INTEGER PRIMARY KEY, at TEXT NOT NULL, source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL, actor TEXT NOT NULL, origin TEXT NOT NULL, document TEXT NOT NULL,
    digest BLOB NOT NULL) STRICT;
  CREATE TABLE event_log_end (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), revision INTEGER NOT NULL,
    digest BLOB NOT NULL) STRICT;
  INSERT INTO event_log_end VALUES (1, 0, x'');
  CREATE TABLE identity (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), id BLOB NOT NULL) STRICT;
  INSERT INTO identity VALUES (1, x'0123456789abcdef');
  CREATE TABLE leadership (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), epoch INTEGER NOT NULL,
    digest BLOB NOT NULL) STRICT;
  INSERT INTO leadership VALUES (1, 0, x'');
  PRAGMA user_version = 1;
  COMMIT;)";

constexpr std::array<unsigned char, 8> first_identity{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
constexpr std::uint64_t old_records = 9;

void run(sqlite_run& statement, record_row const& row, row_digest const& digest) {
  statement.bind(1, static_cast<std::int64_t>(row.revision));
  int parameter = 2;
  for (auto const* text : {&row.at, &row.source_kind, &row.source_name, &row.actor, &row.origin, &row.document})
    statement.bind(parameter++, *text);
  statement.bind(parameter, digest);
  ASSERT_TRUE(statement.finish());
}

void fill_old(sqlite_database& db) {
  ASSERT_TRUE(db.execute(first_schema));
  auto digest = digest_of_identity(first_identity);
  for (auto const& record : sample_records(old_records)) {
    auto const row = to_row(record);
    digest = digest_of_row(digest, row);
    auto insert = db.prepare("INSERT INTO event_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    ASSERT_TRUE(insert);
    run(*insert, row, digest);
  }
  auto end = db.prepare("UPDATE event_log_end SET revision = ?1, digest = ?2");
  ASSERT_TRUE(end);
  end->bind(1, std::int64_t{old_records});
  end->bind(2, digest);
  ASSERT_TRUE(end->finish());
}

std::shared_ptr<crash_disk> old_disk() {
  auto const disk = std::make_shared<crash_disk>(1);
  EXPECT_TRUE(disk->blocking_create(crash_state_path));
  {
    auto db = sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer());
    EXPECT_TRUE(db);
    fill_old(*db);
  }
  return disk->after_power_cut(power_cut_damage::kept, 1);
}

// The version of a schema that is whole, or words.
std::string schema_of(std::shared_ptr<crash_disk> const& disk, std::string const& path) {
  auto db = sqlite_database::blocking_open(path, disk->sqlite_layer());
  if (!db) return describe(db.error());
  auto const version = db->ask_integer("PRAGMA user_version");
  auto const tables =
      db->ask_integer("SELECT count(*) FROM sqlite_schema WHERE name IN ('snapshot', 'agents', 'models', 'slots', "
                      "'requests', 'conflicts')");
  if (!version || !tables) return "unreadable";
  return std::to_string(*version) + " with " + std::to_string(*tables) + " of the new tables";
}

std::string const is_old = "1 with 0 of the new tables";
std::string const is_new = "2 with 6 of the new tables";

TEST(SqliteMigration, AnOlderDatabaseIsBroughtUpToDateAndKeptBesideIt) {
  auto const disk = old_disk();
  EXPECT_EQ(schema_of(disk, crash_state_path), is_old);
  auto const store = make_crash_store(disk);
  auto const state = store->blocking_open();
  ASSERT_TRUE(state) << describe(state.error());
  EXPECT_EQ(state->log, sample_records(old_records));
  ASSERT_TRUE(store->blocking_compact({4}, sample_fold));
  ASSERT_TRUE(store->blocking_append(sample_records(2, old_records + 1)));
  store->blocking_close();
  EXPECT_EQ(schema_of(disk, crash_state_path), is_new);
  std::string const copy = std::string(crash_state_path) + ".schema-1";
  EXPECT_EQ(schema_of(disk, copy), is_old);
  auto from_copy = make_sqlite_store(copy, {.files = disk})->blocking_open();
  ASSERT_TRUE(from_copy) << describe(from_copy.error());
  EXPECT_EQ(from_copy->log, sample_records(old_records));
  auto const again = make_crash_store(disk)->blocking_open();
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(judge_samples(*again), "");
  EXPECT_EQ(last_revision(*again), old_records + 2);
}

TEST(SqliteMigration, ADamagedOlderDatabaseIsLeftAsItIs) {
  auto const disk = old_disk();
  ASSERT_TRUE(sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer())
                  ->execute("UPDATE event_log SET actor = 'x' WHERE revision = 5"));
  auto const before = disk->content(crash_state_path);
  auto const opened = make_crash_store(disk)->blocking_open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("revision 5 was changed"), std::string::npos);
  EXPECT_EQ(disk->content(crash_state_path), before);
  EXPECT_FALSE(disk->blocking_exists(std::string(crash_state_path) + ".schema-1"));
}

TEST(SqliteMigration, ANewerDatabaseIsRefusedAndItsCopyNamed) {
  auto const disk = old_disk();
  for (auto const& path : {std::string(crash_state_path), crash_state_path + std::string(".schema-2")})
    disk->set_content(path, disk->content(crash_state_path));
  ASSERT_TRUE(
      sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer())->execute("PRAGMA user_version = 3"));
  auto const opened = make_crash_store(disk)->blocking_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(describe(opened.error()),
            "the state database /disk/state.db was written by a newer paddler (schema 3, this one knows 2)\n"
            "run the newer paddler, or restore a backup from before the upgrade: it left one at "
            "/disk/state.db.schema-2");
}

// What a store finds after a power cut or a failed upgrade: all of it.
void expect_whole(std::shared_ptr<crash_disk> const& disk, std::string const& where) {
  auto const schema = schema_of(disk, crash_state_path);
  EXPECT_TRUE(schema == is_old || schema == is_new) << where << ": " << schema;
  auto const state = make_crash_store(disk)->blocking_open();
  ASSERT_TRUE(state) << where << ": " << describe(state.error());
  EXPECT_EQ(state->log, sample_records(old_records)) << where;
  EXPECT_EQ(schema_of(disk, crash_state_path), is_new) << where;
  EXPECT_EQ(schema_of(disk, std::string(crash_state_path) + ".schema-1"), is_old) << where;
}

TEST(SqliteMigration, DUR_13_a_power_cut_leaves_the_old_or_the_new) {
  auto const disk = old_disk();
  std::uint64_t cuts = 0;
  disk->during_operation = [&] {
    for (auto const damage : all_damages)
      expect_whole(disk->after_power_cut(damage, ++cuts),
                   "operation " + std::to_string(disk->operations()) + ", " + std::string(to_string(damage)));
  };
  ASSERT_TRUE(make_crash_store(disk)->blocking_open());
  disk->during_operation = nullptr;
  EXPECT_GT(cuts, 200U);
}

TEST(SqliteMigration, DUR_13_an_error_leaves_the_old_or_the_new) {
  bool reached_end = false;
  for (std::uint64_t n = 1; !reached_end && !HasFailure(); ++n) {
    for (std::uint64_t const count : {std::uint64_t{1}, std::uint64_t{1'000'000}}) {
      auto const disk = old_disk();
      auto const store = make_crash_store(disk);
      disk->fault = {.first = n, .count = count};
      auto const opened = store->blocking_open();
      reached_end = disk->operations() < n;
      if (opened) EXPECT_EQ(opened->log, sample_records(old_records));
      disk->fault = {};
      store->blocking_close();
      expect_whole(disk, "operation " + std::to_string(n));
    }
  }
}

} // namespace
} // namespace paddler
