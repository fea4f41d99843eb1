#include "store/sqlite_schema.hpp"

#include "store/sqlite_tables.hpp"

#include <array>
#include <string>

namespace paddler {
namespace {

// The log itself; where it ends, as rows that go missing there would not show otherwise; and what makes this database
// itself, in a table and so a page of its own that no change rewrites: a foreign write-ahead log cannot bring another's
// along. Last the epoch of the newest opening.
constexpr char const* event_log = R"(
  CREATE TABLE event_log (
    revision    INTEGER PRIMARY KEY,
    at          TEXT NOT NULL,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    actor       TEXT NOT NULL,
    origin      TEXT NOT NULL,
    document    TEXT NOT NULL,
    digest      BLOB NOT NULL
  ) STRICT;
  CREATE TABLE event_log_end (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL,
    digest   BLOB NOT NULL
  ) STRICT;
  INSERT INTO event_log_end VALUES (1, 0, x'');
  CREATE TABLE identity (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id       BLOB NOT NULL
  ) STRICT;
  INSERT INTO identity VALUES (1, randomblob(16));
  CREATE TABLE leadership (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch    INTEGER NOT NULL,
    digest   BLOB NOT NULL
  ) STRICT;
  INSERT INTO leadership VALUES (1, 0, x'');)";

// What older records were folded into.
constexpr char const* snapshot = R"(
  CREATE TABLE snapshot (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision   INTEGER NOT NULL,
    taken      TEXT NOT NULL,
    content    TEXT NOT NULL,
    log_digest BLOB NOT NULL,
    digest     BLOB NOT NULL
  ) STRICT;)";

// Only has other tables.
constexpr char const* requests_of_their_own = "";

// What each version adds to the one before, beside the tables.
constexpr std::array<char const*, state_schema_version> migrations{event_log, snapshot, requests_of_their_own};

} // namespace

result<void> blocking_migrate(sqlite_database& db, std::uint32_t from) {
  auto const tables = sqlite_tables::upgrade(db);
  if (!tables) return std::unexpected(tables.error());
  std::string sql = "BEGIN IMMEDIATE;";
  for (std::uint32_t version = from; version < state_schema_version; ++version) sql += migrations.at(version);
  sql += *tables;
  sql += "PRAGMA user_version = " + std::to_string(state_schema_version) + ";COMMIT;";
  return db.execute(sql);
}

} // namespace paddler
