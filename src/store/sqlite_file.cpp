#include "store/sqlite_file.hpp"

#include <array>

namespace paddler {
namespace {

constexpr std::string_view restore_hint =
    "restore it from a backup; to begin with empty state, move it and the files beside it away";

// The steps from each version to the next; the first makes version 1 out of nothing.
constexpr std::array<char const*, state_schema_version> migrations{
    // The log itself; where it ends, as rows that go missing there would not show otherwise; and what makes this
    // database itself, in a table and so a page of its own that no change rewrites: a foreign write-ahead log cannot
    // bring another's along. Last the epoch of the newest opening.
    R"(CREATE TABLE event_log (
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
       INSERT INTO leadership VALUES (1, 0, x'');)"};

std::unexpected<error> refused(std::string const& path, std::string const& why) {
  return fail(error_code::storage, "the state database " + path + " " + why, std::string(restore_hint));
}

// --- before SQLite touches it ---

// SQLite's file header; see section 1.3 of its file format.
constexpr std::size_t header_size = 100;
constexpr std::string_view header_magic("SQLite format 3\0", 16);
constexpr std::size_t write_format_at = 18;
constexpr std::size_t read_format_at = 19;
constexpr char known_format = 2; // with a write-ahead log; 1 is without
constexpr std::size_t user_version_at = 60;
constexpr std::size_t application_id_at = 68;

std::uint32_t big_endian(std::string_view header, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8U) | static_cast<unsigned char>(header[at + i]);
  return value;
}

result<void> check_version(std::string const& path, std::int64_t version) {
  if (version >= 1 && version <= std::int64_t{state_schema_version}) return {};
  if (version < 1) return refused(path, "has no version, so it is not ours or it is damaged");
  return fail(error_code::storage,
              "the state database " + path + " was written by a newer paddler (schema " + std::to_string(version) +
                  ", this one knows " + std::to_string(state_schema_version) + ")",
              "run the newer paddler, or restore a backup from before the upgrade");
}

result<std::string> read_header(store_files& files, std::string const& path) {
  auto start = files.blocking_read_start(path, header_size);
  if (!start) return std::unexpected(std::move(start).error());
  if (!start->is_regular) return refused(path, "is not a regular file");
  if (start->bytes.empty()) return refused(path, "is empty: it was cut off");
  return std::move(start->bytes);
}

result<void> check_header(std::string const& path, std::string_view header) {
  if (header.size() < header_size || !header.starts_with(header_magic))
    return refused(path, "is not a database: it is another program's file, or damaged");
  if (big_endian(header, application_id_at) != state_application_id)
    return refused(path, "is another program's database, or damaged");
  for (auto const at : {write_format_at, read_format_at})
    if (header[at] < 0 || header[at] > known_format) return refused(path, "has a damaged header");
  return check_version(path, big_endian(header, user_version_at));
}

// The power may go while the log is moved into the file: what is half written there then stands whole in the log.
bool has_log(store_files& files, std::string const& path) {
  auto const start = files.blocking_read_start(path + "-wal", 1);
  return start && start->is_regular && !start->bytes.empty();
}

// --- a new one ---

result<void> migrate(sqlite_database& db, std::uint32_t from) {
  for (std::uint32_t version = from; version < state_schema_version; ++version) {
    std::string const done = "PRAGMA user_version = " + std::to_string(version + 1) + ";";
    if (auto ran = db.execute("BEGIN IMMEDIATE;" + std::string(migrations[version]) + done + "COMMIT;"); !ran)
      return ran;
  }
  return {};
}

result<void> fill(std::string const& path, std::string const& layer) {
  auto db = sqlite_database::blocking_open(path, layer);
  if (!db) return std::unexpected(std::move(db).error());
  std::string const id = std::to_string(state_application_id);
  if (auto ran = db->execute("PRAGMA synchronous = EXTRA; PRAGMA application_id = " + id + ";"); !ran) return ran;
  return migrate(*db, 0);
}

// Under another name until it is whole: after a crash there is either no database or a complete one.
result<void> create(store_files& files, std::string const& path) {
  for (auto const* rest : {"-wal", "-journal"}) {
    if (files.blocking_exists(path + rest)) return refused(path, "is missing, but " + path + rest + " is still there");
  }
  std::string const temporary = path + ".new";
  for (auto const* rest : {"", "-wal", "-shm", "-journal"}) files.blocking_remove(temporary + rest);
  if (auto created = files.blocking_create(temporary); !created) return created;
  if (auto filled = fill(temporary, files.sqlite_layer()); !filled) return filled;
  return files.blocking_rename(temporary, path);
}

// --- in use ---

result<void> check_content(sqlite_database& db, std::string const& path) {
  if (auto ran = db.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"); !ran) return ran;
  auto const verdict = db.ask_text("PRAGMA quick_check(1)");
  if (!verdict) return std::unexpected(verdict.error());
  if (*verdict != "ok") return refused(path, "is damaged (" + *verdict + ")");
  auto const owner = db.ask_integer("PRAGMA application_id");
  if (!owner) return std::unexpected(owner.error());
  if (*owner != state_application_id) return refused(path, "is another program's database, or damaged");
  auto const version = db.ask_integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (auto checked = check_version(path, *version); !checked) return checked;
  return migrate(db, static_cast<std::uint32_t>(*version));
}

result<void> configure(sqlite_database& db, std::string const& path, std::string const& synchronous) {
  auto const mode = db.ask_text("PRAGMA journal_mode = WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") return refused(path, "cannot keep a write-ahead log: its file system lacks what that takes");
  // The store moves the log into the file by itself.
  return db.execute("PRAGMA synchronous = " + synchronous +
                    "; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0;");
}

} // namespace

result<sqlite_database> blocking_open_state_file(store_files& files, std::string const& path,
                                                 std::string const& synchronous) {
  if (!files.blocking_exists(path)) {
    if (auto created = create(files, path); !created) return std::unexpected(std::move(created).error());
  }
  auto const start = read_header(files, path);
  if (!start) return std::unexpected(start.error());
  auto const header = check_header(path, *start);
  if (!header && !has_log(files, path)) return std::unexpected(header.error());
  auto db = sqlite_database::blocking_open(path, files.sqlite_layer());
  if (!db) return db;
  db->checkpoint_on_close(false);
  auto const content = check_content(*db, path);
  if (!content) return std::unexpected(header ? content.error() : header.error());
  if (auto configured = configure(*db, path, synchronous); !configured)
    return std::unexpected(std::move(configured).error());
  return db;
}

} // namespace paddler
