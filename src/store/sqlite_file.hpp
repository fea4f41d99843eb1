// The file of the state database: what it must be before it is used, and how it comes into being.
#pragma once
#include "base/result.hpp"
#include "store/sqlite.hpp"
#include "store/store_files.hpp"

#include <cstdint>
#include <string>

namespace paddler {

inline constexpr std::uint32_t state_application_id = 0x7061646C; // "padl", in SQLite's header
inline constexpr std::uint32_t state_schema_version = 1;

// Opens the database at `path`; makes a new one only where nothing is. What is there but empty, cut off, another
// program's, damaged, or of a newer version is refused and left as it is: wrong state must stop the start, never become
// empty state (DUR-08). An older schema is brought up to date. The caller holds the lock on it.
//
// Closing does not write to the file until the caller allows it (sqlite_database::checkpoint_on_close): it has content
// to check first. `synchronous` is SQLite's pragma: with FULL a commit is on the disk when it returns.
result<sqlite_database> blocking_open_state_file(store_files& files, std::string const& path,
                                                 std::string const& synchronous);

} // namespace paddler
