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

// What it added to that before requests of one id had rows of their own.
constexpr char const* second_schema = R"(
  BEGIN;
  CREATE TABLE snapshot (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), revision INTEGER NOT NULL,
    taken TEXT NOT NULL, content TEXT NOT NULL, log_digest BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
  CREATE TABLE agents (id TEXT PRIMARY KEY NOT NULL, status TEXT NOT NULL, last_seen TEXT,
    configuration TEXT NOT NULL, capabilities TEXT NOT NULL, connected INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
  CREATE TABLE models (id TEXT PRIMARY KEY NOT NULL, source_type TEXT, source_location TEXT, metadata TEXT NOT NULL,
    loaded_at TEXT) STRICT;
  CREATE TABLE slots (id TEXT PRIMARY KEY NOT NULL, agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    status TEXT NOT NULL, model_id TEXT REFERENCES models (id) ON DELETE SET NULL, context_length INTEGER NOT NULL,
    last_request TEXT) STRICT;
  CREATE INDEX slots_by_agent ON slots (agent_id);
  CREATE INDEX slots_by_model ON slots (model_id);
  CREATE TABLE requests (id TEXT PRIMARY KEY NOT NULL, slot_id TEXT REFERENCES slots (id) ON DELETE SET NULL,
    status TEXT NOT NULL, created_at TEXT NOT NULL, completed_at TEXT, parameters TEXT NOT NULL, agent_id TEXT,
    failure TEXT, attempts INTEGER NOT NULL, queue_milliseconds INTEGER NOT NULL) STRICT;
  CREATE INDEX requests_by_slot ON requests (slot_id);
  CREATE TABLE conflicts (path TEXT NOT NULL, owner TEXT, value TEXT, owner_since INTEGER, loser TEXT NOT NULL,
    lost_value TEXT NOT NULL, loser_since INTEGER NOT NULL, PRIMARY KEY (path, loser)) STRICT;
  INSERT INTO agents VALUES ('a1', 'ready', NULL, '{}', '{}', 1, '');
  INSERT INTO slots VALUES ('a1/0', 'a1', 'idle', NULL, 2048, NULL);
  INSERT INTO requests VALUES
    ('r2', 'a1/0', 'completed', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', '{}', 'a1', NULL, 1, 7),
    ('r1', 'a9/9', 'failed', '2026-01-01T00:00:02Z', '2026-01-01T00:00:03Z', '{}', 'a9', 'agent_lost', 3, 0);
  CREATE VIEW lost AS SELECT id FROM requests WHERE failure = 'agent_lost';
  PRAGMA user_version = 2;
  COMMIT;)";

struct older_database {
  std::uint32_t version;
  char const* schema;   // in the words of `schema_of`
  char const* requests; // that it brings along
};

constexpr older_database olders[] = {
    {1, "1 with 0 of the tables, requests of 0 columns", ""},
    {2, "2 with 6 of the tables, requests of 10 columns", "r2 completed a1/0 7, r1 failed nowhere 0"}};
constexpr older_database const& oldest = olders[0];
constexpr char const* is_new = "3 with 6 of the tables, requests of 15 columns";

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

std::shared_ptr<crash_disk> disk_of(older_database const& old) {
  auto const disk = std::make_shared<crash_disk>(1);
  EXPECT_TRUE(disk->blocking_create(crash_state_path));
  {
    auto db = sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer());
    EXPECT_TRUE(db);
    fill_old(*db);
    if (old.version > 1) EXPECT_TRUE(db->execute(second_schema));
  }
  return disk->after_power_cut(power_cut_damage::kept, 1);
}

// The version of a schema that is whole, or words.
std::string schema_of(std::shared_ptr<crash_disk> const& disk, std::string const& path) {
  auto db = sqlite_database::blocking_open(path, disk->sqlite_layer());
  if (!db) return describe(db.error());
  auto const version = db->ask_integer("PRAGMA user_version");
  auto const tables =
      db->ask_integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND (name LIKE 'paddler%' OR name IN "
                      "('snapshot', 'agents', 'models', 'slots', 'requests', 'conflicts'))");
  auto const columns = db->ask_integer("SELECT count(*) FROM pragma_table_info('requests')");
  if (!version || !tables || !columns) return "unreadable";
  return std::to_string(*version) + " with " + std::to_string(*tables) + " of the tables, requests of " +
         std::to_string(*columns) + " columns";
}

// In the order in which they are kept.
std::string requests_on(std::shared_ptr<crash_disk> const& disk) {
  auto db = sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer());
  return db
      ->ask_text("SELECT group_concat(line, ', ') FROM (SELECT id || ' ' || status || ' ' || coalesce(slot_id, "
                 "'nowhere') || ' ' || queue_milliseconds AS line FROM requests ORDER BY rowid)")
      .value_or("unreadable");
}

void expect_brought_up_to_date(older_database const& old) {
  auto const disk = disk_of(old);
  EXPECT_EQ(schema_of(disk, crash_state_path), old.schema);
  auto const store = make_crash_store(disk);
  auto const state = store->blocking_open();
  ASSERT_TRUE(state) << describe(state.error());
  EXPECT_EQ(state->log, sample_records(old_records));
  ASSERT_TRUE(store->blocking_compact({4}, sample_fold));
  ASSERT_TRUE(store->blocking_append(sample_records(2, old_records + 1)));
  store->blocking_close();
  EXPECT_EQ(schema_of(disk, crash_state_path), is_new);
  EXPECT_EQ(requests_on(disk), old.requests);
  std::string const copy = crash_state_path + (".schema-" + std::to_string(old.version));
  EXPECT_EQ(schema_of(disk, copy), old.schema);
  auto from_copy = make_sqlite_store(copy, {.files = disk})->blocking_open();
  ASSERT_TRUE(from_copy) << describe(from_copy.error());
  EXPECT_EQ(from_copy->log, sample_records(old_records));
  auto const again = make_crash_store(disk)->blocking_open();
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(judge_samples(*again), "");
  EXPECT_EQ(last_revision(*again), old_records + 2);
}

TEST(SqliteMigration, AnOlderDatabaseIsBroughtUpToDateAndKeptBesideIt) {
  for (auto const& old : olders) {
    SCOPED_TRACE(old.version);
    expect_brought_up_to_date(old);
  }
}

TEST(SqliteMigration, WhatSomebodyMadeOfTheTablesHoldsNoUpgradeUp) {
  for (auto const* sql : {"DROP TABLE requests", "DROP TABLE slots", "ALTER TABLE requests ADD COLUMN mine TEXT",
                          "DROP TABLE slots; CREATE VIEW slots AS SELECT 1 AS id",
                          "DROP TABLE requests; CREATE VIEW requests AS SELECT 1 AS id"}) {
    auto const disk = disk_of(olders[1]);
    ASSERT_TRUE(sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer())->execute(sql)) << sql;
    auto const store = make_crash_store(disk);
    auto const state = store->blocking_open();
    ASSERT_TRUE(state) << sql << ": " << describe(state.error());
    store->blocking_close();
    EXPECT_EQ(schema_of(disk, crash_state_path), is_new) << sql;
  }
}

TEST(SqliteMigration, AViewOfSomebodyOnRequestsStays) {
  auto const disk = disk_of(olders[1]);
  ASSERT_TRUE(make_crash_store(disk)->blocking_open());
  auto db = sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer());
  EXPECT_EQ(db->ask_text("SELECT id FROM lost").value_or("gone"), "r1");
}

TEST(SqliteMigration, ADamagedOlderDatabaseIsLeftAsItIs) {
  auto const disk = disk_of(oldest);
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
  auto const disk = disk_of(oldest);
  for (auto const& path : {std::string(crash_state_path), crash_state_path + std::string(".schema-3")})
    disk->set_content(path, disk->content(crash_state_path));
  ASSERT_TRUE(
      sqlite_database::blocking_open(crash_state_path, disk->sqlite_layer())->execute("PRAGMA user_version = 4"));
  auto const opened = make_crash_store(disk)->blocking_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(describe(opened.error()),
            "the state database /disk/state.db was written by a newer paddler (schema 4, this one knows 3)\n"
            "run the newer paddler, or restore a backup from before the upgrade: it left one at "
            "/disk/state.db.schema-3");
}

// What a store finds after a power cut or a failed upgrade: all of it.
void expect_whole(older_database const& old, std::shared_ptr<crash_disk> const& disk, std::string const& where) {
  auto const schema = schema_of(disk, crash_state_path);
  EXPECT_TRUE(schema == old.schema || schema == is_new) << where << ": " << schema;
  auto const state = make_crash_store(disk)->blocking_open();
  ASSERT_TRUE(state) << where << ": " << describe(state.error());
  EXPECT_EQ(state->log, sample_records(old_records)) << where;
  EXPECT_EQ(schema_of(disk, crash_state_path), is_new) << where;
  EXPECT_EQ(requests_on(disk), old.requests) << where;
  EXPECT_EQ(schema_of(disk, crash_state_path + (".schema-" + std::to_string(old.version))), old.schema) << where;
}

TEST(SqliteMigration, DUR_13_a_power_cut_leaves_the_old_or_the_new) {
  for (auto const& old : olders) {
    auto const disk = disk_of(old);
    std::uint64_t cuts = 0;
    disk->during_operation = [&] {
      for (auto const damage : all_damages)
        expect_whole(old, disk->after_power_cut(damage, ++cuts),
                     "schema " + std::to_string(old.version) + ", operation " + std::to_string(disk->operations()) +
                         ", " + std::string(to_string(damage)));
    };
    ASSERT_TRUE(make_crash_store(disk)->blocking_open());
    disk->during_operation = nullptr;
    EXPECT_GT(cuts, 200U);
  }
}

// Every operation fails, once or from then on.
void fail_at_every_operation(older_database const& old) {
  bool reached_end = false;
  for (std::uint64_t n = 1; !reached_end && !testing::Test::HasFailure(); ++n) {
    for (std::uint64_t const count : {std::uint64_t{1}, std::uint64_t{1'000'000}}) {
      auto const disk = disk_of(old);
      auto const store = make_crash_store(disk);
      disk->fault = {.first = n, .count = count};
      auto const opened = store->blocking_open();
      reached_end = disk->operations() < n;
      if (opened) EXPECT_EQ(opened->log, sample_records(old_records));
      disk->fault = {};
      store->blocking_close();
      expect_whole(old, disk, "schema " + std::to_string(old.version) + ", operation " + std::to_string(n));
    }
  }
}

TEST(SqliteMigration, DUR_13_an_error_leaves_the_old_or_the_new) {
  for (auto const& old : olders) fail_at_every_operation(old);
}

} // namespace
} // namespace paddler
