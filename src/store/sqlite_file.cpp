#include "store/sqlite_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

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

class file_handle {
public:
  explicit file_handle(int fd) : fd_(fd) {}

  ~file_handle() {
    if (fd_ >= 0) ::close(fd_);
  }

  file_handle(file_handle const&) = delete;
  file_handle& operator=(file_handle const&) = delete;

  [[nodiscard]] int get() const { return fd_; }

private:
  int fd_;
};

std::unexpected<error> system_error(std::string const& what, std::string const& path) {
  return fail(error_code::storage, what + " " + path + ": " + std::string(std::strerror(errno)),
              "check the rights on the file and its folder");
}

std::unexpected<error> refused(std::string const& path, std::string const& why) {
  return fail(error_code::storage, "the state database " + path + " " + why, std::string(restore_hint));
}

bool exists(std::string const& path) {
  struct stat about{};
  return ::lstat(path.c_str(), &about) == 0;
}

// --- before SQLite touches it ---

// SQLite's file header; see section 1.3 of its file format.
using file_header = std::array<unsigned char, 100>;
constexpr std::string_view header_magic("SQLite format 3\0", 16);
constexpr std::size_t write_format_at = 18;
constexpr std::size_t read_format_at = 19;
constexpr unsigned char known_format = 2; // with a write-ahead log; 1 is without
constexpr std::size_t user_version_at = 60;
constexpr std::size_t application_id_at = 68;

std::uint32_t big_endian(file_header const& header, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8U) | header[at + i];
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

result<void> check_header(std::string const& path) {
  file_handle const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return system_error("could not open", path);
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) return system_error("could not look at", path);
  if (!S_ISREG(about.st_mode)) return refused(path, "is not a regular file");
  if (about.st_size == 0) return refused(path, "is empty: it was cut off");
  file_header header{};
  auto const n = ::pread(file.get(), header.data(), header.size(), 0);
  if (n < 0) return system_error("could not read", path);
  bool const is_sqlite = static_cast<std::size_t>(n) == header.size() &&
                         std::memcmp(header.data(), header_magic.data(), header_magic.size()) == 0;
  if (!is_sqlite) return refused(path, "is not a database: it is another program's file, or damaged");
  if (big_endian(header, application_id_at) != state_application_id)
    return refused(path, "is another program's database, or damaged");
  if (header[write_format_at] > known_format || header[read_format_at] > known_format)
    return refused(path, "has a damaged header");
  return check_version(path, big_endian(header, user_version_at));
}

// --- a new one ---

result<void> sync_folder_of(std::string const& path) {
  auto const slash = path.rfind('/');
  std::string const folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  file_handle const handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0 || ::fsync(handle.get()) != 0) return system_error("could not sync", folder);
  return {};
}

result<void> migrate(sqlite_database& db, std::uint32_t from) {
  for (std::uint32_t version = from; version < state_schema_version; ++version) {
    std::string const done = "PRAGMA user_version = " + std::to_string(version + 1) + ";";
    if (auto ran = db.execute("BEGIN IMMEDIATE;" + std::string(migrations[version]) + done + "COMMIT;"); !ran)
      return ran;
  }
  return {};
}

result<void> fill(std::string const& path, std::string const& vfs) {
  auto db = sqlite_database::blocking_open(path, vfs);
  if (!db) return std::unexpected(std::move(db).error());
  std::string const id = std::to_string(state_application_id);
  if (auto ran = db->execute("PRAGMA synchronous = EXTRA; PRAGMA application_id = " + id + ";"); !ran) return ran;
  return migrate(*db, 0);
}

// Under another name until it is whole: after a crash there is either no database or a complete one.
result<void> create(std::string const& path, std::string const& vfs) {
  for (auto const* rest : {"-wal", "-journal"}) {
    if (exists(path + rest)) return refused(path, "is missing, but " + path + rest + " is still there");
  }
  std::string const temporary = path + ".new";
  for (auto const* rest : {"", "-wal", "-shm", "-journal"}) ::unlink((temporary + rest).c_str());
  {
    file_handle const file(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return system_error("could not create", temporary);
  }
  if (auto filled = fill(temporary, vfs); !filled) return filled;
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return system_error("could not rename", temporary);
  return sync_folder_of(path);
}

// --- in use ---

result<void> check_content(sqlite_database& db, std::string const& path) {
  if (auto ran = db.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"); !ran) return ran;
  auto const verdict = db.ask_text("PRAGMA quick_check(1)");
  if (!verdict) return std::unexpected(verdict.error());
  if (*verdict != "ok") return refused(path, "is damaged (" + *verdict + ")");
  auto const version = db.ask_integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (auto checked = check_version(path, *version); !checked) return checked;
  return migrate(db, static_cast<std::uint32_t>(*version));
}

result<void> configure(sqlite_database& db, std::string const& path) {
  auto const mode = db.ask_text("PRAGMA journal_mode = WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") return refused(path, "cannot keep a write-ahead log: its file system lacks what that takes");
  // FULL: a commit is on the disk when it returns. The store moves the log into the file by itself.
  return db.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0;");
}

} // namespace

result<sqlite_database> blocking_open_state_file(std::string const& path, std::string const& vfs) {
  if (!exists(path)) {
    if (auto created = create(path, vfs); !created) return std::unexpected(std::move(created).error());
  }
  if (auto checked = check_header(path); !checked) return std::unexpected(std::move(checked).error());
  auto db = sqlite_database::blocking_open(path, vfs);
  if (!db) return db;
  db->checkpoint_on_close(false);
  if (auto checked = check_content(*db, path); !checked) return std::unexpected(std::move(checked).error());
  if (auto configured = configure(*db, path); !configured) return std::unexpected(std::move(configured).error());
  return db;
}

} // namespace paddler
