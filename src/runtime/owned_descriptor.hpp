// A file descriptor that is closed when its owner goes.
#pragma once
#include <unistd.h>

#include <utility>

namespace paddler {

// Of whatever a system call gave, also where it failed: below zero nothing is owned.
class owned_descriptor {
public:
  explicit owned_descriptor(int fd) : fd_(fd) {}

  ~owned_descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  owned_descriptor(owned_descriptor&& other) noexcept : fd_(other.release()) {}

  owned_descriptor& operator=(owned_descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  [[nodiscard]] int get() const { return fd_; }

  int release() { return std::exchange(fd_, -1); }

private:
  int fd_;
};

} // namespace paddler
