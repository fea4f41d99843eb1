#include "store/store_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace paddler {
namespace {

std::unexpected<error> lock_error(std::string const& path, int code) {
  return fail(error_code::storage, "could not lock " + path + ": " + std::string(std::strerror(code)),
              "check that the folder exists and that this user may write to it");
}

// As the holder wrote it; for people only.
std::string holder(int fd) {
  std::array<char, 24> text{};
  auto const n = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string const pid(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  bool const is_number = !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? "process " + pid : "another process";
}

void write_holder(int fd) {
  std::string const pid = std::to_string(::getpid());
  // Only a help for people: that it could not be written is no reason to stop.
  if (::ftruncate(fd, 0) == 0) [[maybe_unused]]
    auto const written = ::pwrite(fd, pid.data(), pid.size(), 0);
}

} // namespace

result<store_lock> store_lock::blocking_acquire(std::string const& path) {
  owned_descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return lock_error(path, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
    write_holder(file.get());
    return store_lock(std::move(file));
  }
  if (errno != EWOULDBLOCK) return lock_error(path, errno);
  return fail(error_code::conflict, "the state database is in use by " + holder(file.get()) + " (" + path + ")",
              "stop that balancer, or give this one a state directory of its own");
}

} // namespace paddler
