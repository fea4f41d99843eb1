#include "store/sqlite_store.hpp"

#include "store/record_row.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_file.hpp"

#include <algorithm>
#include <optional>

namespace paddler {
namespace {

constexpr std::string_view select_rows =
    "SELECT revision, at, source_kind, source_name, actor, origin, document, digest FROM event_log ORDER BY revision";
constexpr std::string_view select_end =
    "SELECT identity.id, event_log_end.revision, event_log_end.digest FROM identity, event_log_end";
constexpr std::string_view insert_row = "INSERT INTO event_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
constexpr std::string_view select_epoch = "SELECT epoch, digest FROM leadership";
constexpr std::string_view update_epoch = "UPDATE leadership SET epoch = ?1, digest = ?2";
constexpr std::string_view update_end = "UPDATE event_log_end SET revision = ?1, digest = ?2";

std::unexpected<error> damaged(std::string const& what) {
  return fail(error_code::storage, "the event log is damaged: " + what, "restore the state database from a backup");
}

// Where the log ends, and what the next row's digest goes on from.
struct log_end {
  revision last;
  row_digest digest{};
};

record_row row_at(sqlite_run const& run) {
  return record_row{static_cast<std::uint64_t>(run.integer(0)),
                    run.text(1),
                    run.text(2),
                    run.text(3),
                    run.text(4),
                    run.text(5),
                    run.text(6)};
}

// Reads the rows in order and holds each against the one before it.
class log_reader {
public:
  explicit log_reader(log_end start) : end_(start) {}

  result<void> take(sqlite_run const& run) {
    auto const row = row_at(run);
    if (row.revision != end_.last.next().value) {
      return damaged("it has a gap: revision " + std::to_string(end_.last.next().value) + " is missing before " +
                     std::to_string(row.revision));
    }
    end_ = {{row.revision}, digest_of_row(end_.digest, row)};
    if (!std::ranges::equal(run.bytes(7), end_.digest))
      return damaged("revision " + std::to_string(row.revision) + " was changed after it was written");
    auto record = from_row(row);
    if (!record) return std::unexpected(std::move(record).error());
    records_.push_back(*std::move(record));
    return {};
  }

  [[nodiscard]] log_end const& end() const { return end_; }

  std::vector<log_record> take_records() { return std::move(records_); }

private:
  log_end end_;
  std::vector<log_record> records_;
};

// A record that cannot be read back must never be written: no balancer could start on it again.
result<record_row> readable_row(log_record const& record) {
  auto row = to_row(record);
  auto const back = from_row(row);
  if (back && *back == record) return row;
  return fail(error_code::internal, "revision " + std::to_string(record.number.value) +
                                        " would not come back from the event log as it is" +
                                        (back ? "" : ": " + back.error().message));
}

class sqlite_store : public state_store {
public:
  sqlite_store(std::string path, sqlite_store_options options) : path_(std::move(path)), options_(std::move(options)) {}

  ~sqlite_store() override { sqlite_store::blocking_close(); }

  result<stored_state> blocking_open() override {
    sqlite_store::blocking_close();
    auto state = open();
    if (state) return state;
    sqlite_store::blocking_close();
    auto& message = state.error().message;
    if (message.find(path_) == std::string::npos) message.insert(0, "the state database " + path_ + ": ");
    return state;
  }

  result<void> blocking_append(std::span<log_record const> records) override {
    if (broken_) return std::unexpected(*broken_);
    if (!db_) return fail(error_code::closed, "the state store is closed");
    if (auto checked = check_numbers(end_.last, records); !checked || records.empty()) return checked;
    std::vector<record_row> rows;
    for (auto const& record : records) {
      auto row = readable_row(record);
      if (!row) return std::unexpected(std::move(row).error());
      rows.push_back(*std::move(row));
    }
    return write(rows);
  }

  void blocking_close() override {
    broken_.reset();
    db_.reset();
    lock_.reset();
  }

private:
  // --- opening ---

  result<stored_state> open() {
    auto lock = options_.files->blocking_lock(path_ + ".lock");
    if (!lock) return std::unexpected(std::move(lock).error());
    lock_ = *std::move(lock);
    auto db = blocking_open_state_file(*options_.files, path_, options_.synchronous);
    if (!db) return std::unexpected(std::move(db).error());
    db_ = *std::move(db);
    auto log = read_log();
    if (!log) return std::unexpected(std::move(log).error());
    auto leader = begin_epoch();
    if (!leader) return std::unexpected(std::move(leader).error());
    return stored_state{*leader, *std::move(log)};
  }

  result<std::vector<log_record>> read_log() {
    auto run = db_->prepare(select_end);
    if (!run) return std::unexpected(std::move(run).error());
    if (auto row = run->step(); !row || !*row)
      return row ? damaged("its end is missing") : std::unexpected(row.error());
    identity_.assign(run->bytes(0).begin(), run->bytes(0).end());
    log_reader reader({{}, digest_of_identity(identity_)});
    if (auto read = read_rows(reader); !read) return std::unexpected(std::move(read).error());
    bool const is_whole = static_cast<std::uint64_t>(run->integer(1)) == reader.end().last.value &&
                          (reader.end().last.value == 0 || std::ranges::equal(run->bytes(2), reader.end().digest));
    if (!is_whole) return damaged("it does not end at revision " + std::to_string(run->integer(1)) + " as it should");
    end_ = reader.end();
    return reader.take_records();
  }

  result<void> read_rows(log_reader& reader) {
    auto run = db_->prepare(select_rows);
    if (!run) return std::unexpected(std::move(run).error());
    for (;;) {
      auto const row = run->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) return {};
      if (auto taken = reader.take(*run); !taken) return taken;
    }
  }

  // The first write: everything was found whole before it.
  result<epoch> begin_epoch() {
    auto const last = last_epoch();
    if (!last) return last;
    auto run = db_->prepare(update_epoch);
    if (!run) return std::unexpected(std::move(run).error());
    run->bind(1, static_cast<std::int64_t>(last->next().value));
    run->bind(2, digest_of_epoch(identity_, last->next()));
    if (auto written = run->finish(); !written) return std::unexpected(std::move(written).error());
    db_->checkpoint_on_close(true);
    if (auto moved = db_->checkpoint(); !moved) return std::unexpected(std::move(moved).error());
    return last->next();
  }

  result<epoch> last_epoch() {
    auto run = db_->prepare(select_epoch);
    if (!run) return std::unexpected(std::move(run).error());
    auto const row = run->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return damaged("its epoch is missing");
    epoch const last{static_cast<std::uint64_t>(run->integer(0))};
    if (last.value > 0 && !std::ranges::equal(run->bytes(1), digest_of_epoch(identity_, last)))
      return damaged("its epoch was changed after it was written");
    return last;
  }

  // --- writing ---

  result<void> write(std::span<record_row const> rows) {
    log_end end = end_;
    if (auto written = transaction(rows, end); !written) return abandon(std::move(written).error());
    end_ = end;
    // At once, and not when SQLite would: whatever happens to the write-ahead log then costs no acknowledged change.
    if (auto moved = db_->checkpoint(); !moved) return abandon(std::move(moved).error());
    return {};
  }

  result<void> transaction(std::span<record_row const> rows, log_end& end) {
    if (auto begun = db_->execute("BEGIN IMMEDIATE"); !begun) return begun;
    for (auto const& row : rows) {
      end = {{row.revision}, digest_of_row(end.digest, row)};
      if (auto inserted = insert(row, end.digest); !inserted) return inserted;
    }
    if (auto moved = move_end(end); !moved) return moved;
    return db_->execute("COMMIT");
  }

  result<void> insert(record_row const& row, row_digest const& digest) {
    auto run = db_->prepare(insert_row);
    if (!run) return std::unexpected(std::move(run).error());
    run->bind(1, static_cast<std::int64_t>(row.revision));
    int parameter = 2;
    for (auto const* text : {&row.at, &row.source_kind, &row.source_name, &row.actor, &row.origin, &row.document})
      run->bind(parameter++, *text);
    run->bind(parameter, digest);
    return run->finish();
  }

  result<void> move_end(log_end const& end) {
    auto run = db_->prepare(update_end);
    if (!run) return std::unexpected(std::move(run).error());
    run->bind(1, static_cast<std::int64_t>(end.last.value));
    run->bind(2, end.digest);
    return run->finish();
  }

  // After a failed write or sync nobody knows what the disk holds, and trying again may report success for data that is
  // gone. Only where SQLite took everything back in good order does the store go on.
  result<void> abandon(error reason) {
    bool const undone = !db_->in_transaction() || db_->execute("ROLLBACK").has_value();
    if (reason.code == error_code::unavailable && undone) return std::unexpected(std::move(reason));
    reason.code = error_code::storage;
    broken_ = reason;
    broken_->message = "the state store is broken since an earlier failure: " + reason.message;
    return std::unexpected(std::move(reason));
  }

  std::string const path_;
  sqlite_store_options const options_;
  std::shared_ptr<void> lock_; // released after the database is closed
  std::optional<sqlite_database> db_;
  std::vector<unsigned char> identity_;
  log_end end_;
  std::optional<error> broken_;
};

} // namespace

std::unique_ptr<state_store> make_sqlite_store(std::string path, sqlite_store_options options) {
  return std::make_unique<sqlite_store>(std::move(path), std::move(options));
}

} // namespace paddler
