// One record of the event log, and the snapshot before it, as rows of texts; and the chain that makes every change to
// a row visible.
#pragma once
#include "base/result.hpp"
#include "model/record.hpp"
#include "model/snapshot.hpp"
#include "runtime/sha256.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace paddler {

// SHA-256. That of a row covers the row and the digest of the row before it, so that none can be changed, left out or
// put in without all that follow telling.
using row_digest = sha256_digest;

struct record_row {
  std::uint64_t revision = 0;
  std::string at;          // RFC 3339
  std::string source_kind; // api, file, discovery
  std::string source_name;
  std::string actor;
  std::string origin;
  std::string document; // JSON
  friend bool operator==(record_row const&, record_row const&) = default;
};

record_row to_row(log_record const& record);

// Errors: `storage`, naming the revision.
result<log_record> from_row(record_row const& row);

// Records that were folded into one. `log_digest` is that of the last row that is gone: the next row goes on from it.
struct snapshot_row {
  std::uint64_t revision = 0;
  std::string taken;   // RFC 3339
  std::string content; // JSON
  row_digest log_digest{};
};

snapshot_row to_row(state_snapshot const& snapshot, row_digest const& log_digest);
result<state_snapshot> from_row(snapshot_row const& row);

// The digest that stands before the first row: that of the database's own identity, so that rows of another database
// do not fit.
row_digest digest_of_identity(std::span<unsigned char const> identity);

// The same for the epoch: one that a damaged file shows must not be believed.
row_digest digest_of_epoch(std::span<unsigned char const> identity, epoch number);

row_digest digest_of_row(row_digest const& before, record_row const& row);

row_digest digest_of_snapshot(std::span<unsigned char const> identity, snapshot_row const& row);

// `internal` where `records` do not follow `last` one by one.
result<void> check_numbers(revision last, std::span<log_record const> records);

// `internal` where a log from `first` to `last` cannot be compacted up to `wanted`.
result<void> check_compaction(revision first, revision last, revision wanted);

} // namespace paddler
