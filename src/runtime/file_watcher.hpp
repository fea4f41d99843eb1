// Telling a task that a file changed.
#pragma once
#include "base/time.hpp"
#include "runtime/blocking.hpp"
#include "runtime/task.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace paddler {

// Watches one path, whatever editors and config maps do to it: written in place, replaced by rename, removed and made
// again, a symbolic link (or a link on the way) swapped. inotify on the folders wakes it; a slow poll covers file
// systems without. What counts as a change is another identity, size or modification time.
//
//   co_await watcher.start();            // from here on no change is missed
//   ... read the file ...
//   while (co_await watcher.next_change()) ... read it again ...
//
// Lives on one executor. `pool` does the looking and must outlive it.
class file_watcher {
public:
  struct settings {
    duration settle = std::chrono::milliseconds(50); // after a change, until two looks agree
    duration poll = std::chrono::seconds(5);
  };

  file_watcher(asio::any_io_executor executor, blocking_executor& pool, std::string path, settings how);
  file_watcher(asio::any_io_executor executor, blocking_executor& pool, std::string path);

  task<> start();

  // True when the file is another than at the last call (its removal is a change too); false when cancelled.
  task<bool> next_change();

private:
  struct fingerprint {
    bool exists = false;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    friend bool operator==(fingerprint const&, fingerprint const&) = default;
  };

  static fingerprint blocking_look(int inotify, std::string const& path);
  task<fingerprint> look();
  task<> wait_for_event();
  task<> readable();

  blocking_executor& pool_;
  std::string path_;
  settings how_;
  asio::posix::stream_descriptor inotify_;
  std::optional<fingerprint> last_;
};

} // namespace paddler
