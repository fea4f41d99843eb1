// Containers with a limit that has a name (engineering.md, rule 29).
#pragma once
#include <cstddef>
#include <deque>
#include <utility>

namespace paddler {

// Keeps the newest `limit` items; an older one falls out when a newer comes in.
template <class T> class bounded_ring {
public:
  explicit bounded_ring(std::size_t limit) : limit_(limit) {}

  void push(T item) {
    if (limit_ == 0) return;
    if (items_.size() == limit_) items_.pop_front();
    items_.push_back(std::move(item));
  }

  [[nodiscard]] auto begin() const { return items_.begin(); }

  [[nodiscard]] auto end() const { return items_.end(); }

  [[nodiscard]] auto begin() { return items_.begin(); }

  [[nodiscard]] auto end() { return items_.end(); }

  [[nodiscard]] std::size_t size() const { return items_.size(); }

  // Whether the next item makes the oldest fall out.
  [[nodiscard]] bool is_full() const { return !items_.empty() && items_.size() == limit_; }

  [[nodiscard]] bool empty() const { return items_.empty(); }

private:
  std::size_t limit_;
  std::deque<T> items_;
};

} // namespace paddler
