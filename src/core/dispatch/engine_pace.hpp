// Whose turn it is among engines of one model that are equally busy: each gets requests in proportion to how fast it
// is, as the dispatcher saw it by how long its slots were taken. Each request that goes to an engine moves it ahead by
// the slot time that it is likely to take there, and the one that is least ahead is next: stride scheduling (C.
// Waldspurger, W. Weihl, "Stride Scheduling", MIT 1995) on the clock of start-time fair queueing (P. Goyal and others,
// 1996), which goes on with whoever is served. So an engine that was full or away has no arrears, and a slow one is
// measured again with each of its turns.
//
// Pure. Owned by one thread.
#pragma once
#include "core/dispatch/request_queue.hpp"

#include <algorithm>
#include <cstddef>

namespace paddler {

class engine_pace {
public:
  // A request of it took so long.
  void learn(duration slot_time) { taken_.learn(slot_time); }

  // `clock`: of its model.
  [[nodiscard]] duration ahead(duration clock) const { return std::max(next_ - clock, duration{}); }

  // A request goes there; the clock goes on. `usual`: what to expect of an engine that was not measured yet.
  void began(duration& clock, duration usual, std::size_t slots) {
    clock = std::max(clock, next_);
    next_ = clock + taken_.average().value_or(usual) / static_cast<duration::rep>(std::max<std::size_t>(slots, 1));
  }

  [[nodiscard]] std::optional<duration> average() const { return taken_.average(); }

private:
  class slot_time taken_;
  duration next_{};
};

} // namespace paddler
