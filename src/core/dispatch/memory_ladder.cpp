#include "core/dispatch/memory_ladder.hpp"

#include <algorithm>
#include <cstddef>

namespace paddler {

memory_step memory_ladder::look(std::uint64_t used) {
  if (limit_ == 0) return step_;
  // Shares without products: both may be near the largest number there is.
  auto const percent = std::min<std::uint64_t>(used / (limit_ / 100 + 1), 100);
  auto now = memory_step::free;
  for (std::size_t i = 0; i < memory_step_percents.size(); ++i) {
    auto const each = static_cast<memory_step>(i + 1);
    auto const slack = step_ >= each ? memory_step_slack : 0;
    if (percent + slack >= memory_step_percents[i]) now = each;
  }
  return step_ = now;
}

} // namespace paddler
