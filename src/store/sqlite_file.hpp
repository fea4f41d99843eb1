// The file of the state database: what it must be before it is used, and how it comes into being.
#pragma once
#include "base/result.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_schema.hpp"
#include "store/store_files.hpp"

#include <cstdint>
#include <string>

namespace paddler {

inline constexpr std::uint32_t state_application_id = 0x7061646C; // "padl", in SQLite's header

struct state_file {
  sqlite_database db;
  std::uint32_t version = 0; // of its schema
};

// Opens the database at `path`; makes a new one only where nothing is. What is there but empty, cut off, another
// program's, damaged, or of a newer version is refused and left as it is: wrong state must stop the start, never become
// empty state (DUR-08). The caller holds the lock on it.
//
// Closing does not write to the file until the caller allows it (sqlite_database::checkpoint_on_close): it has content
// to check first. `synchronous` is SQLite's pragma: with FULL a commit is on the disk when it returns.
result<state_file> blocking_open_state_file(store_files& files, std::string const& path,
                                            std::string const& synchronous);

// Brings a database of an older schema, whose content was found whole, up to date. A copy of it as it was stays beside
// it, for whoever must go back to an older paddler: PATH.schema-VERSION.
result<void> blocking_renew_state_file(store_files& files, sqlite_database& db, std::string const& path,
                                       std::uint32_t version);

} // namespace paddler
