#include "store/sqlite.hpp"

#include <sqlite3.h>

#include <utility>

namespace paddler {
namespace {

constexpr int busy_milliseconds = 2000;

struct explained_code {
  int primary; // SQLite's result code without its details
  error_code code;
  std::string_view what;
  std::string_view hint;
};

constexpr explained_code explained_codes[] = {
    {SQLITE_FULL, error_code::full, "the disk is full",
     "free some space on its file system, then try again; nothing was lost"},
    {SQLITE_BUSY, error_code::unavailable, "another program holds the database", "close that program, or wait for it"},
    {SQLITE_LOCKED, error_code::unavailable, "another program holds the database",
     "close that program, or wait for it"},
    {SQLITE_NOMEM, error_code::unavailable, "there is not enough memory", "free some memory"},
    {SQLITE_CONSTRAINT, error_code::internal, "a row does not fit its table", "report this: it is a bug"},
    {SQLITE_IOERR, error_code::storage, "the disk failed", "look at the kernel's log; then restart the balancer"},
    {SQLITE_CORRUPT, error_code::storage, "the database is damaged", "restore it from a backup; it was not changed"},
    {SQLITE_ERROR, error_code::storage, "the database does not hold the tables that it should",
     "restore it from a backup; it was not changed"},
    {SQLITE_NOTADB, error_code::storage, "the file is no database", "restore it from a backup; it was not changed"},
    {SQLITE_READONLY, error_code::storage, "the database cannot be written",
     "check the rights on the file and its folder"},
    {SQLITE_CANTOPEN, error_code::storage, "the database cannot be opened",
     "check the rights on the file and its folder"},
    {SQLITE_PERM, error_code::storage, "the database cannot be opened", "check the rights on the file and its folder"},
    {SQLITE_AUTH, error_code::storage, "the database cannot be opened", "check the rights on the file and its folder"},
};

error explained(sqlite3* db, int code, std::string const& path) {
  std::string detail = sqlite3_errstr(code);
  std::string const more = db != nullptr ? sqlite3_errmsg(db) : "";
  if (!more.empty() && more != detail) detail += ": " + more;
  for (auto const& known : explained_codes) {
    if (known.primary != (code & 0xFF)) continue;
    return error{known.code, std::string(known.what) + ": " + path + " (" + detail + ")", std::string(known.hint), {}};
  }
  return error{error_code::storage, "SQLite failed: " + path + " (" + detail + ")", "", {}};
}

} // namespace

sqlite_run::sqlite_run(sqlite_run&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      path_(other.path_),
      bind_code_(other.bind_code_) {}

sqlite_run::~sqlite_run() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void sqlite_run::bind(int parameter, std::int64_t value) {
  int const code = sqlite3_bind_int64(statement_, parameter, value);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

namespace {

// An empty view may have no address, which SQLite would take for NULL.
char const* address_of(std::string_view text) { return text.empty() ? "" : text.data(); }

} // namespace

void sqlite_run::bind(int parameter, std::string_view text) {
  int const code =
      sqlite3_bind_text64(statement_, parameter, address_of(text), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

void sqlite_run::bind_view(int parameter, std::string_view text) {
  int const code =
      sqlite3_bind_text64(statement_, parameter, address_of(text), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

void sqlite_run::bind(int parameter, std::span<unsigned char const> bytes) {
  int const code = sqlite3_bind_blob64(statement_, parameter, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

result<bool> sqlite_run::step() {
  int const code = bind_code_ == SQLITE_OK ? sqlite3_step(statement_) : bind_code_;
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return std::unexpected(explained(db_, sqlite3_extended_errcode(db_), *path_));
}

result<void> sqlite_run::finish() {
  if (auto row = step(); !row) return std::unexpected(std::move(row).error());
  return {};
}

std::int64_t sqlite_run::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string sqlite_run::text(int column) const {
  auto const content = bytes(column);
  return {content.begin(), content.end()};
}

std::span<unsigned char const> sqlite_run::bytes(int column) const {
  auto const* const start = static_cast<unsigned char const*>(sqlite3_column_blob(statement_, column));
  return {start, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void sqlite_database::closer::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

void sqlite_database::finalizer::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

sqlite_database::sqlite_database(std::unique_ptr<sqlite3, closer> db, std::string path)
    : path_(std::make_unique<std::string>(std::move(path))), db_(std::move(db)) {}

sqlite_database::sqlite_database(sqlite_database&&) noexcept = default;

sqlite_database& sqlite_database::operator=(sqlite_database&& other) noexcept {
  statements_ = std::move(other.statements_); // before the connection that they belong to
  db_ = std::move(other.db_);
  path_ = std::move(other.path_);
  return *this;
}

sqlite_database::~sqlite_database() = default;

result<sqlite_database> sqlite_database::blocking_open(std::string path, std::string const& vfs) {
  sqlite3* raw = nullptr;
  int const flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int const code = sqlite3_open_v2(path.c_str(), &raw, flags, vfs.empty() ? nullptr : vfs.c_str());
  std::unique_ptr<sqlite3, closer> db(raw);
  if (code != SQLITE_OK) return std::unexpected(explained(raw, code, path));
  sqlite3_busy_timeout(raw, busy_milliseconds);
  return sqlite_database(std::move(db), std::move(path));
}

result<void> sqlite_database::execute(std::string const& sql) {
  int const code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(explained(db_.get(), code, *path_));
  return {};
}

result<sqlite_run> sqlite_database::prepare(std::string_view sql) {
  if (auto known = statements_.find(sql); known != statements_.end())
    return sqlite_run(db_.get(), known->second.get(), *path_);
  sqlite3_stmt* raw = nullptr;
  int const code =
      sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return std::unexpected(explained(db_.get(), code, *path_));
  statements_.emplace(sql, std::unique_ptr<sqlite3_stmt, finalizer>(raw));
  return sqlite_run(db_.get(), raw, *path_);
}

template <class Value> result<Value> sqlite_database::ask(std::string_view sql, Value (sqlite_run::*read)(int) const) {
  auto run = prepare(sql);
  if (!run) return std::unexpected(std::move(run).error());
  Value answer{};
  // To its end, though one row is enough: what the statement changes is written by its last step.
  for (bool is_first = true;; is_first = false) {
    auto const row = run->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return answer;
    if (is_first) answer = ((*run).*read)(0);
  }
}

result<std::string> sqlite_database::ask_text(std::string_view sql) { return ask(sql, &sqlite_run::text); }

result<std::int64_t> sqlite_database::ask_integer(std::string_view sql) { return ask(sql, &sqlite_run::integer); }

bool sqlite_database::in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

bool sqlite_database::failed_by_content() const {
  int const code = sqlite3_errcode(db_.get()) & 0xFF;
  return code == SQLITE_ERROR || code == SQLITE_CONSTRAINT || code == SQLITE_SCHEMA || code == SQLITE_MISMATCH;
}

void sqlite_database::wait_for_others(bool wanted) { sqlite3_busy_timeout(db_.get(), wanted ? busy_milliseconds : 0); }

result<void> sqlite_database::checkpoint() {
  wait_for_others(false); // a reader that stays must not hold the writer up
  int const code = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  wait_for_others(true);
  int const primary = code & 0xFF;
  if (primary == SQLITE_OK || primary == SQLITE_FULL || primary == SQLITE_BUSY || primary == SQLITE_LOCKED) return {};
  return std::unexpected(explained(db_.get(), code, *path_));
}

result<void> sqlite_database::copy_to(sqlite_database& to) {
  auto* const copy = sqlite3_backup_init(to.db_.get(), "main", db_.get(), "main");
  if (copy == nullptr) return std::unexpected(explained(to.db_.get(), sqlite3_errcode(to.db_.get()), *to.path_));
  sqlite3_backup_step(copy, -1);
  int const code = sqlite3_backup_finish(copy);
  if (code != SQLITE_OK) return std::unexpected(explained(to.db_.get(), code, *to.path_));
  return {};
}

void sqlite_database::checkpoint_on_close(bool wanted) {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wanted ? 0 : 1, nullptr);
}

} // namespace paddler
