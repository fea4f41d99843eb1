#include "store/sqlite_file.hpp"

#include "store/end_marker.hpp"

namespace paddler {
namespace {

constexpr std::string_view begin_anew_hint =
    "restore it from a backup; to begin with empty state, move it and the files beside it away";

std::unexpected<error> refused(std::string const& path, std::string const& why) {
  return fail(error_code::storage, "the state database " + path + " " + why, std::string(begin_anew_hint));
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

std::string older_copy(std::string const& path, std::uint32_t version) {
  return path + ".schema-" + std::to_string(version);
}

result<void> check_version(store_files& files, std::string const& path, std::int64_t version) {
  if (version >= 1 && version <= std::int64_t{state_schema_version}) return {};
  if (version < 1) return refused(path, "has no version, so it is not ours or it is damaged");
  auto const copy = older_copy(path, state_schema_version);
  return fail(error_code::storage,
              "the state database " + path + " was written by a newer paddler (schema " + std::to_string(version) +
                  ", this one knows " + std::to_string(state_schema_version) + ")",
              "run the newer paddler, or restore a backup from before the upgrade" +
                  (files.blocking_exists(copy) ? ": it left one at " + copy : ""));
}

result<std::string> read_header(store_files& files, std::string const& path) {
  auto start = files.blocking_read_start(path, header_size);
  if (!start) return std::unexpected(std::move(start).error());
  if (!start->is_regular) return refused(path, "is not a regular file");
  if (start->bytes.empty()) return refused(path, "is empty: it was cut off");
  return std::move(start->bytes);
}

result<void> check_header(store_files& files, std::string const& path, std::string_view header) {
  if (header.size() < header_size || !header.starts_with(header_magic))
    return refused(path, "is not a database: it is another program's file, or damaged");
  if (big_endian(header, application_id_at) != state_application_id)
    return refused(path, "is another program's database, or damaged");
  for (auto const at : {write_format_at, read_format_at})
    if (header[at] < 0 || header[at] > known_format) return refused(path, "has a damaged header");
  return check_version(files, path, big_endian(header, user_version_at));
}

// The power may go while the file is written; what is half written there then stands whole beside it: in the log that
// is moved into the file ...
bool has_log(store_files& files, std::string const& path) {
  auto const start = files.blocking_read_start(path + "-wal", 1);
  return start && start->is_regular && !start->bytes.empty();
}

// ... or in the rollback journal with which the file of a new database is set to keep a log: its first page is the
// file's. Any other journal is not ours to undo a file with. See section 3 of SQLite's file format.
bool has_journal(store_files& files, std::string const& path) {
  constexpr std::string_view magic("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
  constexpr std::size_t sector_size_at = 20; // the header fills a sector; pages follow, each behind its number
  constexpr std::size_t smallest_sector = 32;
  constexpr std::size_t largest_sector = 65'536;
  constexpr std::size_t number_size = 4;
  auto const start = files.blocking_read_start(path + "-journal", largest_sector + number_size + header_size);
  if (!start || start->bytes.size() < smallest_sector || !start->bytes.starts_with(magic)) return false;
  auto const page_at = big_endian(start->bytes, sector_size_at);
  if (page_at < smallest_sector || page_at > largest_sector) return false;
  if (start->bytes.size() < page_at + number_size + header_size || big_endian(start->bytes, page_at) != 1) return false;
  return check_header(files, path, start->bytes.substr(page_at + number_size, header_size)).has_value();
}

// --- a new one ---

result<void> fill(std::string const& path, std::string const& layer) {
  auto db = sqlite_database::blocking_open(path, layer);
  if (!db) return std::unexpected(std::move(db).error());
  std::string const id = std::to_string(state_application_id);
  if (auto ran = db->execute("PRAGMA synchronous = EXTRA; PRAGMA application_id = " + id + ";"); !ran) return ran;
  return blocking_migrate(*db, 0);
}

result<void> make_empty(store_files& files, std::string const& path) {
  for (auto const* rest : {"", "-wal", "-shm", "-journal"}) files.blocking_remove(path + rest);
  return files.blocking_create(path);
}

// Under another name until it is whole: after a crash there is either no database or a complete one.
result<void> create(store_files& files, std::string const& path) {
  for (auto const* rest : {"-wal", "-journal"}) {
    if (files.blocking_exists(path + rest)) return refused(path, "is missing, but " + path + rest + " is still there");
  }
  if (auto const old = end_marker::path_beside(path); files.blocking_exists(old)) files.blocking_remove(old);
  std::string const temporary = path + ".new";
  if (auto created = make_empty(files, temporary); !created) return created;
  if (auto filled = fill(temporary, files.sqlite_layer()); !filled) return filled;
  return files.blocking_rename(temporary, path);
}

// --- in use ---

// The version of its schema.
result<std::uint32_t> check_content(store_files& files, sqlite_database& db, std::string const& path) {
  if (auto ran = db.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"); !ran)
    return std::unexpected(std::move(ran).error());
  auto const verdict = db.ask_text("PRAGMA quick_check(1)");
  if (!verdict) return std::unexpected(verdict.error());
  if (*verdict != "ok") return refused(path, "is damaged (" + *verdict + ")");
  auto const owner = db.ask_integer("PRAGMA application_id");
  if (!owner) return std::unexpected(owner.error());
  if (*owner != state_application_id) return refused(path, "is another program's database, or damaged");
  auto const version = db.ask_integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (auto checked = check_version(files, path, *version); !checked) return std::unexpected(std::move(checked).error());
  return static_cast<std::uint32_t>(*version);
}

result<void> configure(sqlite_database& db, std::string const& path, std::string const& synchronous) {
  auto const mode = db.ask_text("PRAGMA journal_mode = WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") return refused(path, "cannot keep a write-ahead log: its file system lacks what that takes");
  // The store moves the log into the file by itself.
  return db.execute("PRAGMA synchronous = " + synchronous +
                    "; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0;");
}

// Under another name until it is whole. It takes the place of one that an upgrade left which went no further.
result<void> keep_copy(store_files& files, sqlite_database& db, std::string const& path) {
  std::string const temporary = path + ".new";
  if (auto created = make_empty(files, temporary); !created) return created;
  {
    auto copy = sqlite_database::blocking_open(temporary, files.sqlite_layer());
    if (!copy) return std::unexpected(std::move(copy).error());
    if (auto set = copy->execute("PRAGMA synchronous = EXTRA"); !set) return set;
    if (auto copied = db.copy_to(*copy); !copied) return copied;
  }
  return files.blocking_rename(temporary, path);
}

} // namespace

result<state_file> blocking_open_state_file(store_files& files, std::string const& path,
                                            std::string const& synchronous) {
  if (!files.blocking_exists(path)) {
    if (auto created = create(files, path); !created) return std::unexpected(std::move(created).error());
  }
  auto const start = read_header(files, path);
  if (!start) return std::unexpected(start.error());
  auto const header = check_header(files, path, *start);
  if (!header && !has_log(files, path) && !has_journal(files, path)) return std::unexpected(header.error());
  auto db = sqlite_database::blocking_open(path, files.sqlite_layer());
  if (!db) return std::unexpected(std::move(db).error());
  db->checkpoint_on_close(false);
  auto const version = check_content(files, *db, path);
  if (!version) return std::unexpected(header ? version.error() : header.error());
  if (auto configured = configure(*db, path, synchronous); !configured)
    return std::unexpected(std::move(configured).error());
  return state_file{*std::move(db), *version};
}

result<void> blocking_renew_state_file(store_files& files, sqlite_database& db, std::string const& path,
                                       std::uint32_t version) {
  if (version >= state_schema_version) return {};
  if (auto kept = keep_copy(files, db, older_copy(path, version)); !kept) return kept;
  return blocking_migrate(db, version);
}

} // namespace paddler
