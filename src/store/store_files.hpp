// What the state database asks of its folder beside what SQLite does by itself: so that the whole store also runs on a
// disk that a test made (crash_vfs.hpp).
//
// Every function blocks. Errors are `storage` where nothing else is said.
#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace paddler {

struct file_start {
  bool is_regular = true; // no folder, device or pipe
  std::string bytes;      // fewer than asked for where the file is shorter
};

class store_files {
public:
  store_files() = default;
  virtual ~store_files() = default;
  store_files(store_files const&) = delete;
  store_files& operator=(store_files const&) = delete;

  // SQLite's file layer over the same files; empty: the default one.
  [[nodiscard]] virtual std::string sqlite_layer() const = 0;

  // Keeps other processes away while it lives. `conflict` where one holds it (store_lock.hpp).
  virtual result<std::shared_ptr<void>> blocking_lock(std::string const& path) = 0;

  virtual bool blocking_exists(std::string const& path) = 0; // a broken link exists, too
  virtual result<file_start> blocking_read_start(std::string const& path, std::size_t size) = 0;

  // A file that is not there yet, for its owner only.
  virtual result<void> blocking_create(std::string const& path) = 0;

  // Into a file that is there; durable on return. A power cut meanwhile leaves each sector of 512 bytes as it was, as
  // it was to become, or neither. `full` where there is no room, `unavailable` where too many files are open.
  virtual result<void> blocking_write(std::string const& path, std::uint64_t at, std::string_view bytes) = 0;

  // Durable on return; takes the place of what is there.
  virtual result<void> blocking_rename(std::string const& from, std::string const& to) = 0;

  virtual void blocking_remove(std::string const& path) = 0; // nothing where nothing is
};

// This machine's disk, with SQLite's file layer of that name.
std::shared_ptr<store_files> posix_store_files(std::string sqlite_layer = {});

} // namespace paddler
