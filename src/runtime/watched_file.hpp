// A file that is read again whenever it changes: one of the machine, or one of a simulation (sim/).
#pragma once
#include "base/result.hpp"
#include "runtime/blocking.hpp"
#include "runtime/task.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace paddler {

// Lives on one executor.
class watched_file {
public:
  watched_file() = default;
  virtual ~watched_file() = default;
  watched_file(watched_file const&) = delete;
  watched_file& operator=(watched_file const&) = delete;

  // The whole content, as blocking_read_file() gives it (runtime/files.hpp). Blocks: call it on a blocking_executor.
  virtual result<std::string> blocking_read(std::size_t limit) = 0;

  // From here on no change is missed.
  virtual task<> start() = 0;

  // True when the file is another than at the last call (its removal is a change too); false when cancelled.
  virtual task<bool> next_change() = 0;
};

// A file of this machine (runtime/file_watcher.hpp). `pool` does the looking and must outlive it.
std::unique_ptr<watched_file> watch_file(asio::any_io_executor const& executor, blocking_executor& pool,
                                         std::string path);

} // namespace paddler
