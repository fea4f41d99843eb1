// The tables that people query (model/tables.hpp), as SQLite has them. Whatever becomes of them, the event log beside
// them is another matter: tables that somebody dropped or changed are made anew.
#pragma once
#include "base/result.hpp"
#include "ports/state_store.hpp"
#include "store/sqlite.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace paddler {

inline constexpr std::size_t agents_kept = 20'000; // rows of agents, those of earlier processes included

class sqlite_tables {
public:
  // Of requests the newest `requests_kept` stay.
  sqlite_tables(sqlite_database& db, std::size_t requests_kept) : db_(db), requests_kept_(requests_kept) {}

  // What makes today's tables of none, or of those of an older schema with their requests; nothing where somebody has
  // changed them, which is for `blocking_mend`. For a transaction of the caller.
  static result<std::string> upgrade(sqlite_database& db);

  // To be called once, before anything is written. In a transaction of its own, if there is something to mend.
  result<void> blocking_mend();

  // One transaction, which is left open where it fails. `internal` where the fault lies in the tables, not in the disk.
  // Waits for nobody who holds the database: `unavailable`.
  result<tables_written> blocking_write(table_changes const& changes);

private:
  result<bool> mend_within_transaction();
  result<tables_written> write(table_changes const& changes);

  sqlite_database& db_;
  std::size_t requests_kept_;
  std::int64_t checked_ = -1; // SQLite's number of the schema when the tables were found as they should be
};

} // namespace paddler
