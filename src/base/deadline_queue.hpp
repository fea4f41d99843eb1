// The next of many deadlines, one for each key. Every operation costs the logarithm of their number.
#pragma once
#include "base/time.hpp"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace paddler {

template <class Key> class deadline_queue {
public:
  // In place of the one that the key had.
  void set(Key const& key, mono_time at) {
    auto const [known, is_new] = at_.try_emplace(key, at);
    if (!is_new && known->second == at) return;
    if (!is_new) queue_.erase({std::exchange(known->second, at), key});
    queue_.emplace(at, key);
  }

  void erase(Key const& key) {
    auto const known = at_.find(key);
    if (known == at_.end()) return;
    queue_.erase({known->second, key});
    at_.erase(known);
  }

  [[nodiscard]] std::optional<mono_time> next() const {
    if (queue_.empty()) return std::nullopt;
    return queue_.begin()->first;
  }

  // The keys whose deadline has come, the earliest first. They leave the queue.
  std::vector<Key> take_due(mono_time now) {
    std::vector<Key> out;
    while (!queue_.empty() && queue_.begin()->first <= now) {
      out.push_back(queue_.begin()->second);
      at_.erase(out.back());
      queue_.erase(queue_.begin());
    }
    return out;
  }

  [[nodiscard]] bool contains(Key const& key) const { return at_.contains(key); }

  [[nodiscard]] std::size_t size() const { return queue_.size(); }

private:
  std::map<Key, mono_time> at_;
  std::set<std::pair<mono_time, Key>> queue_;
};

} // namespace paddler
