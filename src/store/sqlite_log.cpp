#include "store/sqlite_log.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace paddler {
namespace {

constexpr std::string_view select_rows = "SELECT revision, at, source_kind, source_name, actor, origin, document, "
                                         "digest FROM event_log WHERE revision <= ?1 ORDER BY revision";
constexpr std::string_view select_end =
    "SELECT identity.id, event_log_end.revision, event_log_end.digest FROM identity, event_log_end";
constexpr std::string_view insert_row = "INSERT INTO event_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
constexpr std::string_view select_epoch = "SELECT epoch, digest FROM leadership";
constexpr std::string_view update_epoch = "UPDATE leadership SET epoch = ?1, digest = ?2";
constexpr std::string_view update_end = "UPDATE event_log_end SET revision = ?1, digest = ?2";
constexpr std::string_view select_snapshot = "SELECT revision, taken, content, log_digest, digest FROM snapshot";
constexpr std::string_view replace_snapshot = "REPLACE INTO snapshot VALUES (1, ?1, ?2, ?3, ?4, ?5)";
constexpr std::string_view delete_rows = "DELETE FROM event_log WHERE revision <= ?1";

constexpr revision every_row{std::numeric_limits<std::int64_t>::max()};

std::unexpected<error> damaged(std::string const& what) {
  return fail(error_code::storage, "the event log is damaged: " + what, "restore the state database from a backup");
}

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
  explicit log_reader(sqlite_log::log_end start) : start_(start), end_(start) {}

  result<void> take(sqlite_run const& run) {
    auto const row = row_at(run);
    if (row.revision != end_.last.next().value) return damaged(gap_before(row.revision));
    end_ = {{row.revision}, digest_of_row(end_.digest, row)};
    if (!std::ranges::equal(run.bytes(7), end_.digest))
      return damaged("revision " + std::to_string(row.revision) + " was changed after it was written");
    auto record = from_row(row);
    if (!record) return std::unexpected(std::move(record).error());
    records_.push_back(*std::move(record));
    return {};
  }

  [[nodiscard]] sqlite_log::log_end const& end() const { return end_; }

  std::vector<log_record> take_records() { return std::move(records_); }

private:
  [[nodiscard]] std::string gap_before(std::uint64_t found) const {
    if (found <= end_.last.value)
      return "revision " + std::to_string(found) + " is there, and the snapshot at revision " +
             std::to_string(start_.last.value) + " says that it was folded in";
    return "it has a gap: revision " + std::to_string(end_.last.next().value) + " is missing before " +
           std::to_string(found) + (end_.last == revision{} ? ", or the snapshot of those before it" : "");
  }

  sqlite_log::log_end start_;
  sqlite_log::log_end end_;
  std::vector<log_record> records_;
};

// A snapshot that cannot be read back must never be written: it takes the place of records.
result<snapshot_row> readable_row(state_snapshot const& snapshot, row_digest const& log_digest) {
  auto row = to_row(snapshot, log_digest);
  auto const back = from_row(row);
  if (back && *back == snapshot) return row;
  return fail(error_code::internal, "the snapshot at revision " + std::to_string(row.revision) +
                                        " would not come back as it is" +
                                        (back ? std::string() : ": " + describe(back.error())));
}

} // namespace

// --- reading ---

result<stored_state> sqlite_log::blocking_read(std::uint32_t version) {
  auto identity = db_.prepare("SELECT id FROM identity");
  if (!identity) return std::unexpected(std::move(identity).error());
  if (auto row = identity->step(); !row || !*row)
    return row ? damaged("its identity is missing") : std::unexpected(row.error());
  identity_.assign(identity->bytes(0).begin(), identity->bytes(0).end());
  start_ = {{}, digest_of_identity(identity_)};
  stored_state out;
  if (version > 1) {
    auto base = read_snapshot();
    if (!base) return std::unexpected(std::move(base).error());
    out.base = *std::move(base);
  }
  auto log = read_rows(every_row);
  if (!log) return std::unexpected(std::move(log).error());
  if (auto checked = check_end(); !checked) return std::unexpected(std::move(checked).error());
  out.log = *std::move(log);
  auto const leader = last_epoch();
  if (!leader) return std::unexpected(leader.error());
  out.leader = *leader;
  return out;
}

result<std::optional<state_snapshot>> sqlite_log::read_snapshot() {
  auto run = db_.prepare(select_snapshot);
  if (!run) return std::unexpected(std::move(run).error());
  auto const found = run->step();
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  snapshot_row row{static_cast<std::uint64_t>(run->integer(0)), run->text(1), run->text(2), {}};
  auto const log_digest = run->bytes(3);
  if (log_digest.size() == row.log_digest.size()) std::ranges::copy(log_digest, row.log_digest.begin());
  if (!std::ranges::equal(run->bytes(4), digest_of_snapshot(identity_, row)))
    return damaged("the snapshot at revision " + std::to_string(row.revision) + " was changed after it was written");
  auto snapshot = from_row(row);
  if (!snapshot) return std::unexpected(std::move(snapshot).error());
  start_ = {{row.revision}, row.log_digest};
  return *std::move(snapshot);
}

// Those behind the snapshot. Leaves `end_` where the last of them ends.
result<std::vector<log_record>> sqlite_log::read_rows(revision up_to) {
  auto run = db_.prepare(select_rows);
  if (!run) return std::unexpected(std::move(run).error());
  run->bind(1, static_cast<std::int64_t>(up_to.value));
  log_reader reader(start_);
  for (;;) {
    auto const row = run->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    if (auto taken = reader.take(*run); !taken) return std::unexpected(std::move(taken).error());
  }
  end_ = reader.end();
  return reader.take_records();
}

result<void> sqlite_log::check_end() {
  auto run = db_.prepare(select_end);
  if (!run) return std::unexpected(std::move(run).error());
  if (auto row = run->step(); !row || !*row) return row ? damaged("its end is missing") : std::unexpected(row.error());
  auto const wanted = run->integer(1);
  bool const is_whole = static_cast<std::uint64_t>(wanted) == end_.last.value &&
                        (end_.last.value == 0 || std::ranges::equal(run->bytes(2), end_.digest));
  if (is_whole) return {};
  return damaged("it does not end at revision " + std::to_string(wanted) + " as it should");
}

// --- writing ---

result<epoch> sqlite_log::blocking_begin_epoch() {
  auto const last = last_epoch();
  if (!last) return last;
  auto run = db_.prepare(update_epoch);
  if (!run) return std::unexpected(std::move(run).error());
  run->bind(1, static_cast<std::int64_t>(last->next().value));
  run->bind(2, digest_of_epoch(identity_, last->next()));
  if (auto written = run->finish(); !written) return std::unexpected(std::move(written).error());
  return last->next();
}

result<epoch> sqlite_log::last_epoch() {
  auto run = db_.prepare(select_epoch);
  if (!run) return std::unexpected(std::move(run).error());
  auto const row = run->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return damaged("its epoch is missing");
  epoch const last{static_cast<std::uint64_t>(run->integer(0))};
  if (last.value > 0 && !std::ranges::equal(run->bytes(1), digest_of_epoch(identity_, last)))
    return damaged("its epoch was changed after it was written");
  return last;
}

result<void> sqlite_log::blocking_append(std::span<record_row const> rows) {
  log_end end = end_;
  if (auto begun = db_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  for (auto const& row : rows) {
    end = {{row.revision}, digest_of_row(end.digest, row)};
    if (auto inserted = insert(row, end.digest); !inserted) return inserted;
  }
  if (auto moved = move_end(end); !moved) return moved;
  if (auto committed = db_.execute("COMMIT"); !committed) return committed;
  end_ = end;
  return {};
}

result<void> sqlite_log::insert(record_row const& row, row_digest const& digest) {
  auto run = db_.prepare(insert_row);
  if (!run) return std::unexpected(std::move(run).error());
  run->bind(1, static_cast<std::int64_t>(row.revision));
  int parameter = 2;
  for (auto const* text : {&row.at, &row.source_kind, &row.source_name, &row.actor, &row.origin, &row.document})
    run->bind(parameter++, *text);
  run->bind(parameter, digest);
  return run->finish();
}

result<void> sqlite_log::move_end(log_end const& end) {
  auto run = db_.prepare(update_end);
  if (!run) return std::unexpected(std::move(run).error());
  run->bind(1, static_cast<std::int64_t>(end.last.value));
  run->bind(2, end.digest);
  return run->finish();
}

// What is folded is read from the disk and proved once more: what takes the place of records must be right.
result<void> sqlite_log::blocking_compact(revision last, snapshot_fold const& fold) {
  auto const whole = end_;
  auto base = read_snapshot();
  if (!base) return std::unexpected(std::move(base).error());
  auto const folded = read_rows(last);
  auto const cut = std::exchange(end_, whole);
  if (!folded) return std::unexpected(folded.error());
  auto const row = readable_row(fold(base->value_or(state_snapshot{}), *folded), cut.digest);
  if (!row) return std::unexpected(row.error());
  if (cut.last != last || row->revision != last.value)
    return fail(error_code::internal, "the records up to revision " + std::to_string(last.value) +
                                          " were folded into a snapshot at revision " + std::to_string(row->revision));
  if (auto begun = db_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  if (auto replaced = replace(*row); !replaced) return replaced;
  if (auto committed = db_.execute("COMMIT"); !committed) return committed;
  start_ = cut;
  return {};
}

result<void> sqlite_log::replace(snapshot_row const& row) {
  auto written = db_.prepare(replace_snapshot);
  if (!written) return std::unexpected(std::move(written).error());
  written->bind(1, static_cast<std::int64_t>(row.revision));
  written->bind(2, row.taken);
  written->bind(3, row.content);
  written->bind(4, row.log_digest);
  written->bind(5, digest_of_snapshot(identity_, row));
  if (auto done = written->finish(); !done) return done;
  auto removed = db_.prepare(delete_rows);
  if (!removed) return std::unexpected(std::move(removed).error());
  removed->bind(1, static_cast<std::int64_t>(row.revision));
  return removed->finish();
}

} // namespace paddler
