// For tests of what the balancer decides, where no disk is of interest.
#pragma once
#include "core/balancer_core.hpp"

#include <iterator>

namespace paddler {

// One event, and where records are to be persisted they are durable at once. All effects, in order.
inline balancer_effects apply_durably(balancer_core& core, balancer_event const& event, instant now) {
  auto out = core.apply(event, now);
  std::optional<revision> last;
  for (auto const& effect : out)
    if (auto const* persist = std::get_if<persist_record>(&effect)) last = persist->record.number;
  if (!last) return out;
  auto more = core.apply(records_stored{*last}, now);
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return out;
}

} // namespace paddler
