#include "runtime/blocking.hpp"

#include "runtime/stand_in.hpp"

namespace paddler {

blocking_executor::blocking_executor(std::string name, std::size_t threads, std::size_t queue_limit)
    : name_(std::move(name)), queue_limit_(queue_limit) {
  if (stand_in_world() != nullptr) return; // which runs the jobs itself
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

blocking_executor::~blocking_executor() {
  {
    std::scoped_lock const lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

bool blocking_executor::submit(std::move_only_function<void()> job) {
  if (auto* const simulated = stand_in_world()) {
    simulated->run_blocking(this, std::move(job));
    return true;
  }
  {
    std::scoped_lock const lock(mutex_);
    if (stopping_ || queue_.size() >= queue_limit_) return false;
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void blocking_executor::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

namespace detail {

error blocking_queue_full(std::string const& name) {
  return {error_code::unavailable, "the queue of the " + name + " threads is full", "try again in a moment", {}};
}

} // namespace detail
} // namespace paddler
