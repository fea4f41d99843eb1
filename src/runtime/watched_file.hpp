// A file that is read again whenever it changes, or a folder of files: of the machine, or of a simulation (sim/).
#pragma once
#include "base/result.hpp"
#include "runtime/blocking.hpp"
#include "runtime/files.hpp"
#include "runtime/task.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace paddler {

inline constexpr std::size_t max_files_in_folder = 64; // that are used

// Lives on one executor.
class watched_file {
public:
  watched_file() = default;
  virtual ~watched_file() = default;
  watched_file(watched_file const&) = delete;
  watched_file& operator=(watched_file const&) = delete;

  // The whole content of the file, or of one of the folder's, as blocking_read_file() gives it (runtime/files.hpp).
  // Blocks: call it on a blocking_executor.
  virtual result<std::string> blocking_read(std::string const& path, std::size_t limit) = 0;

  // As of start(), or of the newest change.
  [[nodiscard]] virtual bool is_folder() const { return false; }

  // Of a folder: what is in it, at most one more than max_files_in_folder.
  [[nodiscard]] virtual file_identities files() const { return {}; }

  // From here on no change is missed.
  virtual task<> start() = 0;

  // True when the file is another than at the last call (its removal is a change too); false when cancelled.
  virtual task<bool> next_change() = 0;
};

// Of this machine (runtime/file_watcher.hpp). `pool` does the looking and must outlive it.
std::unique_ptr<watched_file> watch_file(asio::any_io_executor const& executor, blocking_executor& pool,
                                         std::string path);

} // namespace paddler
