// The tables of the state database, and how an older database gets them.
#pragma once
#include "base/result.hpp"
#include "store/sqlite.hpp"

#include <cstdint>

namespace paddler {

inline constexpr std::uint32_t state_schema_version = 3;

// From one version (0: an empty file) to the newest, in one transaction: after a crash at any moment it is the old one
// or the new one (DUR-13).
result<void> blocking_migrate(sqlite_database& db, std::uint32_t from);

} // namespace paddler
