#include "store/sqlite_tables.hpp"

#include "wire/rfc3339.hpp"

#include <span>

namespace paddler {
namespace {

// Makes those that are not there. Times are RFC 3339, `configuration`, `capabilities`, `metadata`, `parameters` and
// `timeline` JSON. A request outlives the agent that answered it.
constexpr char const* schema = R"(
  CREATE TABLE IF NOT EXISTS agents (
    id            TEXT PRIMARY KEY NOT NULL,
    status        TEXT NOT NULL,
    last_seen     TEXT,
    configuration TEXT NOT NULL,
    capabilities  TEXT NOT NULL,
    connected     INTEGER NOT NULL,
    reason        TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS models (
    id              TEXT PRIMARY KEY NOT NULL,
    source_type     TEXT,
    source_location TEXT,
    metadata        TEXT NOT NULL,
    loaded_at       TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS slots (
    id             TEXT PRIMARY KEY NOT NULL,
    agent_id       TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    status         TEXT NOT NULL,
    model_id       TEXT REFERENCES models (id) ON DELETE SET NULL,
    context_length INTEGER NOT NULL,
    last_request   TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS slots_by_agent ON slots (agent_id);
  CREATE INDEX IF NOT EXISTS slots_by_model ON slots (model_id);
  CREATE TABLE IF NOT EXISTS requests (
    id                 TEXT NOT NULL,
    slot_id            TEXT REFERENCES slots (id) ON DELETE SET NULL,
    status             TEXT NOT NULL,
    created_at         TEXT NOT NULL,
    completed_at       TEXT,
    parameters         TEXT NOT NULL,
    agent_id           TEXT,
    failure            TEXT,
    attempts           INTEGER NOT NULL,
    queue_milliseconds INTEGER NOT NULL,
    priority           TEXT,
    resumes            INTEGER NOT NULL,
    not_resumed        TEXT,
    first_byte_at      TEXT,
    timeline           TEXT,
    PRIMARY KEY (id, created_at)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS requests_by_slot ON requests (slot_id);
  CREATE TABLE IF NOT EXISTS conflicts (
    path           TEXT NOT NULL,
    owner          TEXT,
    value          TEXT,
    owner_since    INTEGER,
    loser          TEXT NOT NULL,
    lost_value     TEXT NOT NULL,
    loser_since    INTEGER NOT NULL,
    PRIMARY KEY (path, loser)
  ) STRICT;)";

// What an earlier process knew is not known any more; what it was asked is over.
constexpr char const* settle = R"(
  UPDATE agents SET status = 'unknown', configuration = '{}', connected = 0,
    reason = 'not seen since the balancer started';
  UPDATE slots SET status = 'closed';
  UPDATE requests SET status = 'failed', failure = 'balancer_stopped' WHERE status NOT IN ('completed', 'failed');
  DELETE FROM models;
  DELETE FROM conflicts;)";

constexpr std::string_view write_agent =
    "INSERT INTO agents VALUES (?1, ?2, ?3, coalesce(?4, '{}'), coalesce(?5, '{}'), ?6, ?7) ON CONFLICT (id) DO UPDATE "
    "SET status = ?2, last_seen = coalesce(?3, last_seen), configuration = coalesce(?4, configuration), capabilities = "
    "coalesce(?5, capabilities), connected = ?6, reason = ?7";
constexpr std::string_view write_model =
    "INSERT INTO models VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET source_type = ?2, "
    "source_location = ?3, metadata = ?4, loaded_at = ?5";
// A slot of an agent that is gone again, or of a model that nobody wants any more, breaks no reference.
constexpr std::string_view write_slot =
    "INSERT INTO slots SELECT ?1, ?2, ?3, (SELECT id FROM models WHERE id = ?4), ?5, ?6 WHERE EXISTS (SELECT 1 FROM "
    "agents WHERE id = ?2) ON CONFLICT (id) DO UPDATE SET status = ?3, model_id = (SELECT id FROM models WHERE id = "
    "?4), context_length = ?5, last_request = coalesce(?6, last_request)";
constexpr std::string_view write_request =
    "INSERT INTO requests VALUES (?1, (SELECT id FROM slots WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
    "?13, ?14, ?15) ON CONFLICT (id, created_at) DO UPDATE SET slot_id = excluded.slot_id, status = ?3, completed_at = "
    "?5, parameters = ?6, agent_id = ?7, failure = ?8, attempts = ?9, queue_milliseconds = ?10, priority = ?11, "
    "resumes = ?12, not_resumed = ?13, first_byte_at = ?14, timeline = ?15";
constexpr std::string_view write_conflict = "REPLACE INTO conflicts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
constexpr std::string_view remove_agent = "DELETE FROM agents WHERE id = ?1";
constexpr std::string_view remove_model = "DELETE FROM models WHERE id = ?1";
constexpr std::string_view old_agents =
    "DELETE FROM agents WHERE connected = 0 AND rowid <= (SELECT max(rowid) FROM agents) - ?1";
constexpr std::string_view old_requests = "DELETE FROM requests WHERE rowid <= (SELECT max(rowid) FROM requests) - ?1";

// Rows live until they are written. What is not bound is NULL.
void bind_text(sqlite_run& run, int parameter, std::string const& text) {
  if (!text.empty()) run.bind_view(parameter, text);
}

void bind_time(sqlite_run& run, int parameter, std::optional<wall_time> time) {
  if (time) run.bind(parameter, print_rfc3339(*time));
}

void bind_number(sqlite_run& run, int parameter, std::uint64_t value) {
  run.bind(parameter, static_cast<std::int64_t>(value));
}

void bind_row(sqlite_run& run, agent_row const& row) {
  run.bind_view(1, row.id.value);
  run.bind_view(2, row.status);
  bind_time(run, 3, row.last_seen);
  if (row.configuration) run.bind_view(4, *row.configuration);
  if (row.capabilities) run.bind_view(5, *row.capabilities);
  bind_number(run, 6, row.connected ? 1 : 0);
  run.bind_view(7, row.reason);
}

void bind_row(sqlite_run& run, model_row const& row) {
  run.bind_view(1, row.id);
  bind_text(run, 2, row.source_type);
  bind_text(run, 3, row.source_location);
  run.bind_view(4, row.metadata);
  bind_time(run, 5, row.loaded_at);
}

void bind_row(sqlite_run& run, slot_row const& row) {
  run.bind_view(1, row.id);
  run.bind_view(2, row.agent.value);
  run.bind_view(3, row.status);
  run.bind_view(4, row.model);
  run.bind(5, std::int64_t{row.context_length});
  bind_time(run, 6, row.last_request);
}

void bind_row(sqlite_run& run, request_row const& row) {
  run.bind_view(1, row.id.value);
  run.bind_view(2, row.slot);
  run.bind_view(3, row.status);
  bind_time(run, 4, row.created_at);
  bind_time(run, 5, row.completed_at);
  run.bind_view(6, row.parameters);
  bind_text(run, 7, row.agent.value);
  bind_text(run, 8, row.failure);
  bind_number(run, 9, row.attempts);
  bind_number(run, 10, row.queue_milliseconds);
  bind_text(run, 11, row.priority);
  bind_number(run, 12, row.resumes);
  bind_text(run, 13, row.not_resumed);
  bind_time(run, 14, row.first_byte_at);
  bind_text(run, 15, row.timeline);
}

void bind_row(sqlite_run& run, conflict_row const& row) {
  run.bind_view(1, row.path);
  bind_text(run, 2, row.owner);
  bind_text(run, 3, row.value);
  if (!row.owner.empty()) bind_number(run, 4, row.owner_since.value);
  run.bind_view(5, row.loser);
  run.bind_view(6, row.lost_value);
  bind_number(run, 7, row.loser_since.value);
}

void bind_row(sqlite_run& run, agent_id const& id) { run.bind_view(1, id.value); }

void bind_row(sqlite_run& run, std::string const& id) { run.bind_view(1, id); }

void bind_row(sqlite_run& run, std::size_t limit) { bind_number(run, 1, limit); }

template <class Row> result<void> write_row(sqlite_database& db, std::string_view sql, Row const& row) {
  auto run = db.prepare(sql);
  if (!run) return std::unexpected(std::move(run).error());
  bind_row(*run, row);
  return run->finish();
}

// Until the first error.
class row_writer {
public:
  explicit row_writer(sqlite_database& db) : db_(db) {}

  void execute(char const* sql) {
    if (done) done = db_.execute(sql);
  }

  template <class Row> void one(std::string_view sql, Row const& row) {
    if (done) done = write_row(db_, sql, row);
  }

  template <class Row> void all(std::string_view sql, std::vector<Row> const& rows) {
    for (auto const& row : rows) one(sql, row);
  }

  result<void> done;

private:
  sqlite_database& db_;
};

// --- what they look like ---

// Columns in order, with their types.
struct table_shape {
  std::string requests;
  std::string others;
  friend bool operator==(table_shape const&, table_shape const&) = default;
};

constexpr std::string_view ask_requests =
    "SELECT group_concat(line, '; ') FROM (SELECT c.name || ' ' || c.type || c.\"notnull\" || c.pk AS line FROM "
    "sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name = 'requests' ORDER BY c.cid)";
constexpr std::string_view ask_others =
    "SELECT group_concat(line, '; ') FROM (SELECT t.name || '.' || c.name || ' ' || c.type || c.\"notnull\" || c.pk AS "
    "line FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name IN ('agents', "
    "'models', 'slots', 'conflicts') ORDER BY t.name, c.cid)";

result<table_shape> shape_of(sqlite_database& db) {
  auto requests = db.ask_text(ask_requests);
  if (!requests) return std::unexpected(std::move(requests).error());
  auto others = db.ask_text(ask_others);
  if (!others) return std::unexpected(std::move(others).error());
  return table_shape{*std::move(requests), *std::move(others)};
}

// What REQUESTS was until schema 2, and how its rows come into that of today. Not by ALTER TABLE: the key is another
// one. Not by a new name: that would change what somebody's views refer to.
constexpr std::string_view older_requests =
    "id TEXT11; slot_id TEXT00; status TEXT10; created_at TEXT10; completed_at TEXT00; parameters TEXT10; agent_id "
    "TEXT00; failure TEXT00; attempts INTEGER10; queue_milliseconds INTEGER10";
constexpr char const* set_requests_aside = R"(
  CREATE TABLE paddler_requests_aside AS SELECT * FROM requests ORDER BY rowid;
  DROP TABLE requests;)";
constexpr char const* take_requests_back = R"(
  INSERT INTO requests SELECT id, (SELECT id FROM slots WHERE slots.id = slot_id), status, created_at, completed_at,
    parameters, agent_id, failure, attempts, queue_milliseconds, NULL, 0, NULL, NULL, NULL
    FROM paddler_requests_aside ORDER BY rowid;
  DROP TABLE paddler_requests_aside;)";

result<table_shape> wanted_shape() {
  auto fresh = sqlite_database::blocking_open(":memory:");
  if (!fresh) return std::unexpected(std::move(fresh).error());
  if (auto made = fresh->execute(schema); !made) return std::unexpected(std::move(made).error());
  return shape_of(*fresh);
}

// A statement for each kind of thing that may stand in a table's place.
struct removal {
  std::string_view ask_kind;
  char const* as_table;
  char const* as_view;
};

// What refers comes before what it refers to.
constexpr removal removals[] = {
    {"SELECT type FROM sqlite_schema WHERE name = 'requests'", "DROP TABLE requests", "DROP VIEW requests"},
    {"SELECT type FROM sqlite_schema WHERE name = 'slots'", "DROP TABLE slots", "DROP VIEW slots"},
    {"SELECT type FROM sqlite_schema WHERE name = 'conflicts'", "DROP TABLE conflicts", "DROP VIEW conflicts"},
    {"SELECT type FROM sqlite_schema WHERE name = 'models'", "DROP TABLE models", "DROP VIEW models"},
    {"SELECT type FROM sqlite_schema WHERE name = 'agents'", "DROP TABLE agents", "DROP VIEW agents"},
};

result<void> drop_tables(sqlite_database& db, bool keeps_requests) {
  for (auto const& each : std::span(removals).subspan(keeps_requests ? 1 : 0)) {
    auto const kind = db.ask_text(each.ask_kind);
    if (!kind) return std::unexpected(kind.error());
    if (kind->empty()) continue;
    if (auto dropped = db.execute(*kind == "view" ? each.as_view : each.as_table); !dropped) return dropped;
  }
  return {};
}

} // namespace

result<std::string> sqlite_tables::upgrade(sqlite_database& db) {
  auto const wanted = wanted_shape();
  if (!wanted) return std::unexpected(wanted.error());
  auto const found = shape_of(db);
  if (!found) return std::unexpected(found.error());
  if (*found == table_shape{}) return schema;
  if (*found != table_shape{std::string(older_requests), wanted->others}) return "";
  return std::string(set_requests_aside) + schema + take_requests_back;
}

result<void> sqlite_tables::blocking_mend() {
  if (auto begun = db_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  if (auto mended = mend_within_transaction(); !mended) return std::unexpected(std::move(mended).error());
  return db_.execute("COMMIT");
}

// True where they were made anew, and are empty but for the requests of before.
result<bool> sqlite_tables::mend_within_transaction() {
  auto const number = db_.ask_integer("PRAGMA schema_version");
  if (!number) return std::unexpected(number.error());
  if (*number == checked_) return false;
  auto const wanted = wanted_shape();
  if (!wanted) return std::unexpected(wanted.error());
  auto const found = shape_of(db_);
  if (!found) return std::unexpected(found.error());
  bool const anew = *found != *wanted;
  if (anew) {
    bool const keeps_requests = found->requests == wanted->requests;
    if (auto dropped = drop_tables(db_, keeps_requests); !dropped) return std::unexpected(std::move(dropped).error());
    if (auto made = db_.execute(schema); !made) return std::unexpected(std::move(made).error());
  }
  auto const now = db_.ask_integer("PRAGMA schema_version");
  if (!now) return std::unexpected(now.error());
  checked_ = *now;
  return anew;
}

result<tables_written> sqlite_tables::blocking_write(table_changes const& changes) {
  db_.wait_for_others(false);
  auto written = write(changes);
  if (!written && db_.failed_by_content()) {
    checked_ = -1;
    written.error().code = error_code::internal;
  }
  db_.wait_for_others(true);
  return written;
}

result<tables_written> sqlite_tables::write(table_changes const& changes) {
  row_writer write(db_);
  write.execute("BEGIN IMMEDIATE");
  if (!write.done) return std::unexpected(std::move(write.done).error());
  auto const anew = mend_within_transaction();
  if (!anew) return std::unexpected(anew.error());
  if (changes.is_first || *anew) {
    write.execute(settle);
    write.one(old_agents, agents_kept);
  }
  write.all(write_agent, changes.agents);
  write.all(write_model, changes.models);
  write.all(write_slot, changes.slots);
  write.all(write_request, changes.requests);
  write.all(remove_agent, changes.agents_gone);
  write.all(remove_model, changes.models_gone);
  if (changes.conflicts) {
    write.execute("DELETE FROM conflicts");
    write.all(write_conflict, *changes.conflicts);
  }
  if (!changes.requests.empty()) write.one(old_requests, requests_kept_);
  write.execute("COMMIT");
  if (!write.done) return std::unexpected(std::move(write.done).error());
  return tables_written{.made_anew = *anew};
}

} // namespace paddler
