// Telling a task that a file changed, or one of a folder's files.
#pragma once
#include "base/time.hpp"
#include "runtime/blocking.hpp"
#include "runtime/files.hpp"
#include "runtime/task.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace paddler {

// Watches one path, whatever editors and config maps do to it: written in place, replaced by rename, removed and made
// again, a symbolic link (or a link on the way) swapped. inotify on the folders wakes it; a slow poll covers file
// systems without. What counts as a change is another identity, size or modification time.
// Where the path is a folder, its *.yaml, *.yml and *.json are watched (not those of folders in it, nor hidden
// ones); such a folder may be filled by links that are swapped as a whole.
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
    std::size_t folder_limit = 64; // files of a folder; one more is listed where there are more
  };

  file_watcher(asio::any_io_executor executor, blocking_executor& pool, std::string path, settings how);
  file_watcher(asio::any_io_executor executor, blocking_executor& pool, std::string path);

  task<> start();

  // As of start(), or of the newest change: the file, or the folder's; nothing where none is there.
  [[nodiscard]] file_identities const& files() const { return last_->files; }

  [[nodiscard]] bool is_folder() const { return last_->is_folder; }

  // True when the file is another than at the last call (its removal is a change too); false when cancelled.
  task<bool> next_change();

private:
  struct fingerprint {
    bool is_folder = false;
    file_identities files;
    friend bool operator==(fingerprint const&, fingerprint const&) = default;
  };

  static fingerprint blocking_look(int inotify, std::string const& path, std::size_t folder_limit);
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
