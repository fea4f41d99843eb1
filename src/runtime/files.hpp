// Files, whole. These functions block: run them on a blocking_executor (runtime/blocking.hpp), or before the loops.
#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

// Which file stands under a path, and in which state. Another one, or one that was written to, has another identity.
struct file_identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0; // since 1970-01-01 UTC
  friend bool operator==(file_identity const&, file_identity const&) = default;
};

using file_identities = std::map<std::string, file_identity>; // by path

// Links are followed. Nothing where there is none, or it may not be looked at.
std::optional<file_identity> blocking_identify_file(std::string const& path);

// The content of a regular file. `not_found` where there is none, `too_large` above `limit` bytes, `invalid_input` for
// folders and devices, `storage` for what the system refuses.
result<std::string> blocking_read_file(std::string const& path, std::size_t limit);

// Replaces the file as a whole: after a crash at any instant it holds either the old content or the new, and after
// success the new one. Writes a temporary file beside it, syncs, renames, syncs the folder.
result<void> blocking_write_file_atomically(std::string const& path, std::string_view content, unsigned mode = 0644);

// Makes the file; `conflict` where there is something of that name already. What was begun and failed is taken away.
result<void> blocking_write_new_file(std::string const& path, std::string_view content, unsigned mode = 0644);

// Makes the folder, and those above it, where they are missing; the new ones for this user only.
result<void> blocking_make_directories(std::string const& path);

// The absolute path of an existing regular file. Links are followed for the check only: the name stays as given.
result<std::string> blocking_find_file(std::string const& path);

// The same for a program that this user may run; `invalid_input` for a file that is none.
result<std::string> blocking_find_program(std::string const& path);

// A new folder for this user only, named by `prefix` and six letters; its path is absolute where the prefix is.
result<std::string> blocking_make_private_directory(std::string const& prefix);

// Removes a folder with all that is in it; what cannot be removed stays.
void blocking_remove_directory(std::string const& path);

} // namespace paddler
