// The event log in an SQLite file: the embedded default.
#pragma once
#include "ports/state_store.hpp"

#include <memory>
#include <string>

namespace paddler {

// Opening takes the lock beside the file at `path`, opens the file (sqlite_file.hpp says what is refused) and proves
// the log whole: numbers without a gap, digests that follow from each other, the end where it was. The folder must
// exist. `vfs` names SQLite's file layer, for tests; empty: the default one.
std::unique_ptr<state_store> make_sqlite_store(std::string path, std::string vfs = {});

} // namespace paddler
