#include "store/sqlite_store.hpp"

#include "store/end_marker.hpp"
#include "store/record_row.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_file.hpp"
#include "store/sqlite_log.hpp"
#include "store/sqlite_tables.hpp"

#include <optional>

namespace paddler {
namespace {

// Rows of tables between two of the moments when the write-ahead log is emptied.
constexpr std::size_t rows_a_checkpoint = 4096;

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
    if (auto checked = check_numbers(log_->last(), records); !checked || records.empty()) return checked;
    std::vector<record_row> rows;
    for (auto const& record : records) {
      auto row = readable_row(record);
      if (!row) return std::unexpected(std::move(row).error());
      rows.push_back(*std::move(row));
    }
    if (auto written = finish(log_->blocking_append(rows)); !written) return written;
    return mark();
  }

  result<void> blocking_compact(revision last, snapshot_fold const& fold) override {
    if (broken_) return std::unexpected(*broken_);
    if (!db_) return fail(error_code::closed, "the state store is closed");
    if (auto checked = check_compaction(log_->first(), log_->last(), last); !checked || last <= log_->first())
      return checked;
    return finish(log_->blocking_compact(last, fold));
  }

  [[nodiscard]] bool keeps_tables() const override { return true; }

  // Without a sync of its own, so that it may come often: the next record's sync takes it along.
  result<tables_written> blocking_write_tables(table_changes const& changes) override {
    if (broken_) return std::unexpected(*broken_);
    if (!db_) return fail(error_code::closed, "the state store is closed");
    if (auto set = synchronous(options_.synchronous == "FULL" ? "NORMAL" : options_.synchronous); !set)
      return abandon(std::move(set).error());
    auto written = tables_->blocking_write(changes);
    if (!written) written = abandon(std::move(written).error());
    if (auto back = synchronous(options_.synchronous); !back) return abandon(std::move(back).error());
    rows_since_checkpoint_ += changes.size();
    if (!written || rows_since_checkpoint_ < rows_a_checkpoint) return written;
    if (auto finished = finish({}); !finished) return std::unexpected(std::move(finished).error());
    return written;
  }

  void blocking_close() override {
    broken_.reset();
    tables_.reset();
    marker_.reset();
    log_.reset();
    db_.reset();
    lock_.reset();
  }

private:
  result<stored_state> open() {
    auto lock = options_.files->blocking_lock(path_ + ".lock");
    if (!lock) return std::unexpected(std::move(lock).error());
    lock_ = *std::move(lock);
    auto file = blocking_open_state_file(*options_.files, path_, options_.synchronous);
    if (!file) return std::unexpected(std::move(file).error());
    db_ = std::move(file->db);
    log_.emplace(*db_);
    tables_.emplace(*db_, options_.requests_kept);
    auto state = log_->blocking_read(file->version);
    if (!state) return state;
    marker_.emplace(*options_.files, path_);
    if (auto checked = marker_->blocking_check(log_->end()); !checked)
      return std::unexpected(std::move(checked).error());
    if (auto begun = begin(*state, file->version); !begun) return std::unexpected(std::move(begun).error());
    return state;
  }

  // The first writes: everything was found whole before them.
  result<void> begin(stored_state& state, std::uint32_t version) {
    db_->checkpoint_on_close(true);
    if (auto renewed = blocking_renew_state_file(*options_.files, *db_, path_, version); !renewed) return renewed;
    if (auto mended = tables_->blocking_mend(); !mended) return mended;
    auto const leader = log_->blocking_begin_epoch();
    if (!leader) return std::unexpected(leader.error());
    state.leader = *leader;
    if (auto moved = db_->checkpoint(); !moved) return moved;
    return marker_->blocking_write(log_->end());
  }

  // What is durable is acknowledged only once it is marked: whoever damages the write-ahead log then is found out. On a
  // full disk, where even writing in place may need room, and where no file can be opened, the marker stays behind;
  // that costs this proof, no change.
  result<void> mark() {
    auto marked = marker_->blocking_write(log_->end());
    if (marked || marked.error().code == error_code::full || marked.error().code == error_code::unavailable) return {};
    return abandon(std::move(marked).error());
  }

  // A write, then at once what SQLite would do at a time of its own: whatever happens to the write-ahead log from then
  // on costs no acknowledged change.
  result<void> finish(result<void> written) {
    if (written) written = db_->checkpoint();
    rows_since_checkpoint_ = 0;
    if (!written) return abandon(std::move(written).error());
    return {};
  }

  result<void> synchronous(std::string const& mode) { return db_->execute("PRAGMA synchronous = " + mode); }

  // After a failed write or sync nobody knows what the disk holds, and trying again may report success for data that is
  // gone. Only where SQLite took everything back in good order does the store go on.
  std::unexpected<error> abandon(error reason) {
    bool const undone = !db_->in_transaction() || db_->execute("ROLLBACK").has_value();
    bool const nothing_written = reason.code == error_code::full || reason.code == error_code::unavailable ||
                                 reason.code == error_code::internal;
    if (nothing_written && undone) return std::unexpected(std::move(reason));
    reason.code = error_code::storage;
    broken_ = reason;
    broken_->message = "the state store is broken since an earlier failure: " + reason.message;
    return std::unexpected(std::move(reason));
  }

  std::string const path_;
  sqlite_store_options const options_;
  std::shared_ptr<void> lock_; // released after the database is closed
  std::optional<sqlite_database> db_;
  std::optional<sqlite_log> log_;
  std::optional<end_marker> marker_;
  std::optional<sqlite_tables> tables_;
  std::size_t rows_since_checkpoint_ = 0;
  std::optional<error> broken_;
};

} // namespace

std::unique_ptr<state_store> make_sqlite_store(std::string path, sqlite_store_options options) {
  return std::make_unique<sqlite_store>(std::move(path), std::move(options));
}

} // namespace paddler
