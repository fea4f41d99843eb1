// A bounded queue between tasks of one thread.
#pragma once
#include "runtime/wakeup.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace paddler {

enum class on_overflow {
  reject_new,  // push() returns false
  drop_oldest, // the oldest item falls out, and is counted
};

// Lives on one executor. Any number of producers; consumers get items in order, each item once.
template <class T> class async_queue {
public:
  async_queue(asio::any_io_executor const& executor, std::size_t limit, on_overflow policy)
      : limit_(limit), policy_(policy), changed_(executor) {}

  // False when the queue is closed, or full under reject_new; the item is then gone.
  bool push(T item) {
    if (closed_ || limit_ == 0) return false;
    if (items_.size() == limit_) {
      ++lost_;
      if (policy_ == on_overflow::reject_new) return false;
      items_.pop_front();
    }
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  // The next item; nothing when the queue is closed and empty, or the waiting task is cancelled.
  task<std::optional<T>> pop() {
    while (items_.empty()) {
      if (closed_) co_return std::nullopt;
      if (!co_await changed_.wait()) co_return std::nullopt;
    }
    co_return take_front();
  }

  std::optional<T> try_pop() {
    if (items_.empty()) return std::nullopt;
    return take_front();
  }

  // No more pushes; what is queued can still be popped. Idempotent.
  void close() {
    closed_ = true;
    changed_.notify_all();
  }

  [[nodiscard]] bool is_closed() const { return closed_; }

  [[nodiscard]] std::size_t size() const { return items_.size(); }

  [[nodiscard]] std::uint64_t lost() const { return lost_; }

private:
  std::optional<T> take_front() {
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

  std::size_t limit_;
  on_overflow policy_;
  std::deque<T> items_;
  bool closed_ = false;
  std::uint64_t lost_ = 0;
  wakeup changed_;
};

} // namespace paddler
