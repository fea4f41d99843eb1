#include "store/sqlite_schema.hpp"

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

// What older records were folded into; and the tables that people look at: projections of what the balancer knows.
// Times are RFC 3339, `configuration`, `capabilities`, `metadata` and `parameters` JSON. A request outlives the agent
// that answered it.
constexpr char const* snapshot_and_tables = R"(
  CREATE TABLE snapshot (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision   INTEGER NOT NULL,
    taken      TEXT NOT NULL,
    content    TEXT NOT NULL,
    log_digest BLOB NOT NULL,
    digest     BLOB NOT NULL
  ) STRICT;
  CREATE TABLE agents (
    id            TEXT PRIMARY KEY NOT NULL,
    status        TEXT NOT NULL,
    last_seen     TEXT,
    configuration TEXT NOT NULL,
    capabilities  TEXT NOT NULL,
    connected     INTEGER NOT NULL,
    reason        TEXT NOT NULL
  ) STRICT;
  CREATE TABLE models (
    id              TEXT PRIMARY KEY NOT NULL,
    source_type     TEXT,
    source_location TEXT,
    metadata        TEXT NOT NULL,
    loaded_at       TEXT
  ) STRICT;
  CREATE TABLE slots (
    id             TEXT PRIMARY KEY NOT NULL,
    agent_id       TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    status         TEXT NOT NULL,
    model_id       TEXT REFERENCES models (id) ON DELETE SET NULL,
    context_length INTEGER NOT NULL,
    last_request   TEXT
  ) STRICT;
  CREATE INDEX slots_by_agent ON slots (agent_id);
  CREATE INDEX slots_by_model ON slots (model_id);
  CREATE TABLE requests (
    id                 TEXT PRIMARY KEY NOT NULL,
    slot_id            TEXT REFERENCES slots (id) ON DELETE SET NULL,
    status             TEXT NOT NULL,
    created_at         TEXT NOT NULL,
    completed_at       TEXT,
    parameters         TEXT NOT NULL,
    agent_id           TEXT,
    failure            TEXT,
    attempts           INTEGER NOT NULL,
    queue_milliseconds INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX requests_by_slot ON requests (slot_id);
  CREATE TABLE conflicts (
    path           TEXT NOT NULL,
    owner          TEXT,
    value          TEXT,
    owner_since    INTEGER,
    loser          TEXT NOT NULL,
    lost_value     TEXT NOT NULL,
    loser_since    INTEGER NOT NULL,
    PRIMARY KEY (path, loser)
  ) STRICT;)";

// The steps from each version to the next.
constexpr std::array<char const*, state_schema_version> migrations{event_log, snapshot_and_tables};

} // namespace

result<void> blocking_migrate(sqlite_database& db, std::uint32_t from) {
  std::string sql = "BEGIN IMMEDIATE;";
  for (std::uint32_t version = from; version < state_schema_version; ++version) sql += migrations.at(version);
  sql += "PRAGMA user_version = " + std::to_string(state_schema_version) + ";COMMIT;";
  return db.execute(sql);
}

} // namespace paddler
