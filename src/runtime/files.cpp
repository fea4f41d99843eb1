#include "runtime/files.hpp"

#include "runtime/clock.hpp"
#include "runtime/owned_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace paddler {
namespace {

std::unexpected<error> storage_error(std::string const& what, std::string const& path, int code) {
  return fail(code == ENOENT ? error_code::not_found : error_code::storage,
              what + " " + path + ": " + std::string(std::strerror(code)));
}

result<void> check_is_file(struct stat const& about, std::string const& path) {
  if (S_ISREG(about.st_mode)) return {};
  return fail(error_code::invalid_input, path + (S_ISDIR(about.st_mode) ? " is a folder" : " is not a regular file"));
}

std::unexpected<error> no_such_file(std::string const& path) {
  return fail(error_code::not_found, "there is no file " + path);
}

result<std::string> read_all(int fd, std::string const& path, std::size_t limit) {
  std::string content;
  std::array<char, 65536> piece{};
  for (;;) {
    auto const n = ::read(fd, piece.data(), piece.size());
    if (n == 0) return content;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return storage_error("could not read", path, errno);
    if (content.size() + static_cast<std::size_t>(n) > limit)
      return fail(error_code::too_large, path + " is larger than the limit of " + std::to_string(limit) + " bytes");
    content.append(piece.data(), static_cast<std::size_t>(n));
  }
}

int write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    auto const n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

int write_synced(std::string const& path, std::string_view content, unsigned mode) {
  owned_descriptor const file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (file.get() < 0) return errno;
  if (int const code = write_all(file.get(), content); code != 0) return code;
  return ::fsync(file.get()) == 0 ? 0 : errno;
}

int sync_folder_of(std::string const& path) {
  auto const slash = path.rfind('/');
  std::string const folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  owned_descriptor const dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0) return errno;
  return ::fsync(dir.get()) == 0 ? 0 : errno;
}

} // namespace

std::optional<file_identity> blocking_identify_file(std::string const& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return std::nullopt;
  return file_identity{about.st_dev, about.st_ino, static_cast<std::uint64_t>(about.st_size),
                       std::int64_t{about.st_mtim.tv_sec} * 1'000'000'000 + about.st_mtim.tv_nsec};
}

result<std::string> blocking_read_file(std::string const& path, std::size_t limit) {
  owned_descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) return no_such_file(path);
  if (file.get() < 0) return storage_error("could not open", path, errno);
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) return storage_error("could not look at", path, errno);
  if (auto const is_file = check_is_file(about, path); !is_file) return std::unexpected(is_file.error());
  return read_all(file.get(), path, limit);
}

result<void> blocking_write_file_atomically(std::string const& path, std::string_view content, unsigned mode) {
  std::string const temporary = path + ".new-" + std::to_string(random_seed());
  if (int const code = write_synced(temporary, content, mode); code != 0) {
    ::unlink(temporary.c_str());
    return storage_error("could not write", temporary, code);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    int const code = errno;
    ::unlink(temporary.c_str());
    return storage_error("could not replace", path, code);
  }
  if (int const code = sync_folder_of(path); code != 0)
    return storage_error("could not sync the folder of", path, code);
  return {};
}

result<void> blocking_write_new_file(std::string const& path, std::string_view content, unsigned mode) {
  int const code = write_synced(path, content, mode);
  if (code == 0) return {};
  if (code == EEXIST || code == ELOOP) return fail(error_code::conflict, "there is a file " + path + " already");
  if (code != ENOENT && code != EACCES) ::unlink(path.c_str());
  return storage_error("could not write", path, code);
}

result<void> blocking_make_directories(std::string const& path) {
  for (std::size_t end = 1; end != std::string::npos;) {
    end = path.find('/', end + 1);
    auto const part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) == 0 || errno == EEXIST || errno == EISDIR) continue;
    return fail(error_code::storage, "cannot make the folder '" + part + "': " + std::strerror(errno),
                "Choose a folder that paddler may write to.");
  }
  struct stat facts{};
  if (::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return {};
  return fail(error_code::storage, "'" + path + "' is not a folder", "Remove it, or choose another folder.");
}

result<std::string> blocking_find_file(std::string const& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return no_such_file(path);
    return storage_error("could not look at", path, errno);
  }
  if (auto const is_file = check_is_file(facts, path); !is_file) return std::unexpected(is_file.error());
  std::error_code ec;
  auto const absolute = std::filesystem::absolute(path, ec).lexically_normal();
  if (ec) return storage_error("could not tell the folder of", path, ec.value());
  return absolute.string();
}

result<std::string> blocking_find_program(std::string const& path) {
  auto found = blocking_find_file(path);
  if (found && ::access(found->c_str(), X_OK) != 0)
    return fail(error_code::invalid_input, path + " cannot be run: " + std::strerror(errno));
  return found;
}

result<std::string> blocking_make_private_directory(std::string const& prefix) {
  auto path = prefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return storage_error("could not make a folder like", path, errno);
  return path;
}

void blocking_remove_directory(std::string const& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

} // namespace paddler
