// Where the event log lives: the balancer's durable memory (design.md section 4).
#pragma once
#include "base/ids.hpp"
#include "base/result.hpp"
#include "model/record.hpp"
#include "model/snapshot.hpp"
#include "model/tables.hpp"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace paddler {

// What a balancer starts from: fold(base, log) is its state.
struct stored_state {
  epoch leader;                            // of this opening: higher than that of every opening before it, durably
  std::vector<log_record> log;             // every record after `base`, in order, without a gap
  std::optional<state_snapshot> base = {}; // what older records were folded into; none: the log begins at revision 1
};

// What became of a write to the tables that people query.
struct tables_written {
  bool made_anew = false; // somebody had dropped or changed them: they hold what was written with this call only
};

// Folds records into the snapshot before them (core/state/desired_state.hpp: fold_snapshot). It gives the same for the
// same arguments, on any thread.
using snapshot_fold = std::function<state_snapshot(state_snapshot const& base, std::span<log_record const> records)>;

// The functions block: call them on one blocking_executor with one thread, in turn. Errors, whose words say what to do:
//   storage      the medium failed, or the content is damaged, of a newer version, or foreign. After one of a write
//                the store is broken: what was written may be there or not, and it refuses everything until it is
//                opened anew (promise P12)
//   full         the disk is full: nothing was written, and the same may be tried again
//   unavailable  another program holds the file just now, or there is no memory: as before
//   conflict     another process has the state open
//   internal     what was handed in does not continue the log, or would not come back as it is: nothing was written
//   closed       it is not open
class state_store {
public:
  state_store() = default;
  virtual ~state_store() = default;
  state_store(state_store const&) = delete;
  state_store& operator=(state_store const&) = delete;

  // Opens or makes the state, takes it for this process alone, and begins an epoch. What cannot be read is never
  // replaced. An open store is closed first.
  virtual result<stored_state> blocking_open() = 0;

  // All of the records or none; durable on return. Their revisions continue the log without a gap.
  virtual result<void> blocking_append(std::span<log_record const> records) = 0;

  // Folds the records up to revision `last`, which is in the log, into one snapshot that takes their place: all of it
  // or nothing; durable on return. From then on they are gone. A store that keeps every record does nothing.
  virtual result<void> blocking_compact(revision /*last*/, snapshot_fold const& /*fold*/) { return {}; }

  // Whether this store has tables for people to query.
  [[nodiscard]] virtual bool keeps_tables() const { return false; }

  // All of the changes or none. Not durable on return: the last moments before a power cut may be missing. It waits for
  // no other program; `internal` means that the rows did not fit, and breaks nothing.
  virtual result<tables_written> blocking_write_tables(table_changes const& /*changes*/) { return {}; }

  virtual void blocking_close() = 0;
};

} // namespace paddler
