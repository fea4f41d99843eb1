// Where the event log ended when a change was last acknowledged, in a small file beside the database.
//
// A write-ahead log with a wrong bit ends for SQLite where that bit stands, without a word. Where the last change stood
// there alone (a reader or a full disk kept it from being moved into the file), it would be gone and nobody would know.
// So the end of the log is written here, too, after the change is durable and before it is acknowledged. The marker may
// be behind the log, after a crash between the two; a log that is behind its marker has lost something.
//
// Two slots are written in turn, each with a checksum, so that a power cut in the middle of a write leaves the other.
#pragma once
#include "store/record_row.hpp"
#include "store/store_files.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace paddler {

struct marked_end {
  row_digest database{}; // digest_of_identity()
  revision last;
  row_digest digest{}; // of the row of that revision
  friend bool operator==(marked_end const&, marked_end const&) = default;
};

// Errors: `storage`; of a write also `full`. Every function blocks.
class end_marker {
public:
  // `database` is the path of the database; `files` must outlive it.
  end_marker(store_files& files, std::string const& database) : files_(files), path_(path_beside(database)) {}

  static std::string path_beside(std::string const& database) { return database + ".end"; }

  // Holds the marker, if there is one, against the log that was found and proved whole.
  result<void> blocking_check(marked_end const& found);

  // Durable on return. blocking_check() was called before.
  result<void> blocking_write(marked_end const& end);

private:
  static constexpr std::size_t slots = 2;

  result<void> create(marked_end const& end);

  store_files& files_;
  std::string path_;
  std::array<std::optional<marked_end>, slots> written_;
  bool exists_ = false;
};

} // namespace paddler
