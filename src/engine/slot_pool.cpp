#include "engine/slot_pool.hpp"

#include <algorithm>

namespace paddler {

slot_pool::slot_pool(asio::any_io_executor const& executor, std::size_t slots) : busy_(slots), changed_(executor) {}

task<std::optional<slot_pool::lease>> slot_pool::take() {
  auto const place = queue_.insert(queue_.end(), 0);
  bool cancelled = false;
  while (!cancelled && (place != queue_.begin() || !free_slot())) cancelled = !co_await changed_.wait();
  queue_.erase(place);
  changed_.notify_all(); // the next in the queue may be first now
  if (cancelled) co_return std::nullopt;
  std::size_t const slot = *free_slot();
  busy_[slot] = true;
  co_return lease(*this, slot);
}

std::size_t slot_pool::busy() const { return static_cast<std::size_t>(std::ranges::count(busy_, true)); }

void slot_pool::give_back(std::size_t slot) {
  busy_[slot] = false;
  changed_.notify_all();
}

std::optional<std::size_t> slot_pool::free_slot() const {
  auto const found = std::ranges::find(busy_, false);
  if (found == busy_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - busy_.begin());
}

} // namespace paddler
