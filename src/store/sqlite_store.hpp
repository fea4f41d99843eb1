// The event log in an SQLite file: the embedded default.
#pragma once
#include "ports/state_store.hpp"
#include "store/store_files.hpp"

#include <memory>
#include <string>

namespace paddler {

// What tests set otherwise.
struct sqlite_store_options {
  std::shared_ptr<store_files> files = posix_store_files();
  std::string synchronous = "FULL";    // SQLite's pragma; with anything less, a power cut costs acknowledged changes
  std::size_t requests_kept = 100'000; // rows of the table of requests: the newest
};

// Opening takes the lock beside the file at `path`, opens the file (sqlite_file.hpp says what is refused) and proves
// the log whole: numbers without a gap, digests that follow from each other, the end where it was. The folder must
// exist.
std::unique_ptr<state_store> make_sqlite_store(std::string path, sqlite_store_options options = {});

} // namespace paddler
