// Two clocks, two types. Neither can be read here: time reaches pure code as an argument (engineering.md, rules 11 and
// 12).
#pragma once
#include <chrono>

namespace paddler {

// For intervals, deadlines and order. Its zero means nothing.
struct monotonic {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<monotonic>;
  static constexpr bool is_steady = true;
};

// For people and for records; since 1970-01-01 UTC. Never decides anything.
struct wall {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<wall>;
  static constexpr bool is_steady = false;
};

using mono_time = monotonic::time_point;
using wall_time = wall::time_point;
using duration = std::chrono::nanoseconds;

// One moment on both clocks.
struct instant {
  mono_time mono;
  wall_time wall;
};

} // namespace paddler
