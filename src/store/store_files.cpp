#include "store/store_files.hpp"

#include "runtime/owned_descriptor.hpp"
#include "store/store_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace paddler {
namespace {

std::unexpected<error> system_error(std::string const& what, std::string const& path) {
  return fail(error_code::storage, what + " " + path + ": " + std::string(std::strerror(errno)),
              "check the rights on the file and its folder");
}

std::unexpected<error> no_room(std::string const& path) {
  return fail(error_code::full, "could not write " + path + ": the disk is full", "free some space");
}

// Where it is this process, or the machine, that has too many files open, nothing is wrong with this one.
std::unexpected<error> could_not_open(std::string const& path) {
  if (errno != EMFILE && errno != ENFILE) return system_error("could not open", path);
  return fail(error_code::unavailable, "could not open " + path + ": " + std::string(std::strerror(errno)));
}

result<void> sync_folder_of(std::string const& path) {
  auto const slash = path.rfind('/');
  std::string const folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  owned_descriptor const handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0 || ::fsync(handle.get()) != 0) return system_error("could not sync", folder);
  return {};
}

class posix_files : public store_files {
public:
  explicit posix_files(std::string sqlite_layer) : sqlite_layer_(std::move(sqlite_layer)) {}

  [[nodiscard]] std::string sqlite_layer() const override { return sqlite_layer_; }

  result<std::shared_ptr<void>> blocking_lock(std::string const& path) override {
    auto lock = store_lock::blocking_acquire(path);
    if (!lock) return std::unexpected(std::move(lock).error());
    return std::make_shared<store_lock>(*std::move(lock));
  }

  bool blocking_exists(std::string const& path) override {
    struct stat about{};
    return ::lstat(path.c_str(), &about) == 0;
  }

  result<file_start> blocking_read_start(std::string const& path, std::size_t size) override {
    owned_descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return system_error("could not open", path);
    struct stat about{};
    if (::fstat(file.get(), &about) != 0) return system_error("could not look at", path);
    if (!S_ISREG(about.st_mode)) return file_start{false, {}};
    file_start start{true, std::string(size, '\0')};
    auto const n = ::pread(file.get(), start.bytes.data(), size, 0);
    if (n < 0) return system_error("could not read", path);
    start.bytes.resize(static_cast<std::size_t>(n));
    return start;
  }

  result<void> blocking_create(std::string const& path) override {
    owned_descriptor const file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return system_error("could not create", path);
    return {};
  }

  result<void> blocking_write(std::string const& path, std::uint64_t at, std::string_view bytes) override {
    owned_descriptor const file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0) return could_not_open(path);
    while (!bytes.empty()) {
      auto const n = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return errno == ENOSPC || errno == EDQUOT ? no_room(path) : system_error("could not write", path);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      at += static_cast<std::uint64_t>(n);
    }
    if (::fdatasync(file.get()) != 0) return system_error("could not sync", path);
    return {};
  }

  result<void> blocking_rename(std::string const& from, std::string const& to) override {
    if (std::rename(from.c_str(), to.c_str()) != 0) return system_error("could not rename", from);
    return sync_folder_of(to);
  }

  void blocking_remove(std::string const& path) override { ::unlink(path.c_str()); }

private:
  std::string const sqlite_layer_;
};

} // namespace

std::shared_ptr<store_files> posix_store_files(std::string sqlite_layer) {
  return std::make_shared<posix_files>(std::move(sqlite_layer));
}

} // namespace paddler
