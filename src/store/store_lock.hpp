// Keeps a second process away from a state database (DUR-14).
#pragma once
#include "base/result.hpp"

#include <string>
#include <utility>

namespace paddler {

// Held while it lives; the kernel releases it when the process dies, however it dies. Lies in a file beside the
// database, not in it, so that people may still look at the database with other tools.
class store_lock {
public:
  // Errors: `conflict` where another one is held, with the process that holds it; `storage`.
  static result<store_lock> blocking_acquire(std::string const& path);

  store_lock(store_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  store_lock& operator=(store_lock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  ~store_lock();

private:
  explicit store_lock(int fd) : fd_(fd) {}

  int fd_;
};

} // namespace paddler
