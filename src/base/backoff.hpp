// How long to wait before the next try.
#pragma once
#include "base/time.hpp"

#include <algorithm>
#include <cmath>

namespace paddler {

// Anything up to a ceiling that begins at `first` and doubles with each failure so far, up to `limit`: exponential
// backoff with full jitter (Brooker 2015, "Exponential Backoff And Jitter"). `random` is uniform in [0, 1).
inline duration full_jitter(duration first, duration limit, int failures, double random) {
  double const grown = static_cast<double>(first.count()) * std::exp2(std::min(failures, 40));
  double const ceiling = std::min(grown, static_cast<double>(limit.count()));
  return duration(static_cast<duration::rep>(ceiling * random));
}

} // namespace paddler
