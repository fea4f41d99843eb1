// How fast a cluster becomes what is wanted (P6), in simulated time, which is exact: the bars of reliability.md 4.5.
// The network delays by up to 100 ms and loses nothing; models load at once.
#pragma once
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace paddler_sim {

using paddler::duration;

struct figure {
  std::string_view name;
  std::optional<duration> median_bar, p99_bar;
  duration most_bar;
  std::vector<duration> samples; // sorted; one that never converged counts as an hour

  [[nodiscard]] duration at(double share) const;
  [[nodiscard]] bool holds() const;
};

// A change of the configuration: from its acknowledgement to the last agent that serves it.
figure measure_changes(std::uint64_t seeds);

// A machine that was cut off for 5 to 30 s while the configuration changed: from the heal on.
figure measure_heals(std::uint64_t seeds);

// The balancer is killed, with a hundred agents: from the new process's start on.
figure measure_restarts(std::uint64_t seeds);

} // namespace paddler_sim
