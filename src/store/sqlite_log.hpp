// The event log in the state database: read as a whole and proved whole, appended to, compacted.
//
// Each row carries a digest over itself and the digest of the row before; the first goes on from the database's own
// identity, or from where the snapshot's records ended (docs/decisions/0004).
#pragma once
#include "ports/state_store.hpp"
#include "store/end_marker.hpp"
#include "store/record_row.hpp"
#include "store/sqlite.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace paddler {

// Lives as long as `db` is open. After a failed write it must not be used again.
class sqlite_log {
public:
  explicit sqlite_log(sqlite_database& db) : db_(db) {}

  // Everything in order, and the epoch of the opening before. `version` is the schema's: an older one has no snapshot.
  // `storage` where anything is missing, changed or put in.
  result<stored_state> blocking_read(std::uint32_t version);

  // Writes a higher epoch.
  result<epoch> blocking_begin_epoch();

  // One transaction each; on the disk when they return, but not yet moved out of the write-ahead log.
  result<void> blocking_append(std::span<record_row const> rows);
  result<void> blocking_compact(revision last, snapshot_fold const& fold);

  // From behind `first` to `last` records are there.
  [[nodiscard]] revision first() const { return start_.last; }

  [[nodiscard]] revision last() const { return end_.last; }

  // Where the log ends, and what the next row's digest goes on from.
  struct log_end {
    revision last;
    row_digest digest{};
  };

  // The same, for the file beside the database that remembers it.
  [[nodiscard]] marked_end end() const { return {digest_of_identity(identity_), end_.last, end_.digest}; }

private:
  result<std::optional<state_snapshot>> read_snapshot();
  result<std::vector<log_record>> read_rows(revision up_to);
  result<void> check_end();
  result<epoch> last_epoch();
  result<void> insert(record_row const& row, row_digest const& digest);
  result<void> move_end(log_end const& end);
  result<void> replace(snapshot_row const& row);

  sqlite_database& db_;
  std::vector<unsigned char> identity_;
  log_end start_; // of the rows: behind the snapshot
  log_end end_;
};

} // namespace paddler
