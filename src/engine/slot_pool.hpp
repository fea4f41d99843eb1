// A few places, and those who wait for one in the order in which they came.
#pragma once
#include "runtime/task.hpp"
#include "runtime/wakeup.hpp"

#include <cstddef>
#include <list>
#include <optional>
#include <vector>

namespace paddler {

// Lives on one executor; must outlive its leases and waits.
class slot_pool {
public:
  // A place, given back when it goes.
  class lease {
  public:
    lease(slot_pool& pool, std::size_t slot) : pool_(&pool), slot_(slot) {}

    lease(lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), slot_(other.slot_) {}

    lease& operator=(lease&&) = delete;

    ~lease() {
      if (pool_ != nullptr) pool_->give_back(slot_);
    }

    [[nodiscard]] std::size_t slot() const { return slot_; }

  private:
    slot_pool* pool_;
    std::size_t slot_;
  };

  slot_pool(asio::any_io_executor const& executor, std::size_t slots);

  // Nothing when the waiting task is cancelled; it then leaves the queue.
  task<std::optional<lease>> take();

  [[nodiscard]] std::size_t size() const { return busy_.size(); }

  [[nodiscard]] bool is_busy(std::size_t slot) const { return busy_[slot]; }

  [[nodiscard]] std::size_t busy() const;

  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

private:
  void give_back(std::size_t slot);
  [[nodiscard]] std::optional<std::size_t> free_slot() const;

  std::vector<bool> busy_;
  std::list<int> queue_; // one entry for each waiting task, the first is served first
  wakeup changed_;
};

} // namespace paddler
