// What a document would do if it were applied: to desired state, to who decides what, and to each agent (`paddler
// plan`).
//
// In two steps, since the first costs as much as all of desired state: foresee() is given a copy of it, on any thread;
// plan_agents() then looks at what the agents are like now.
#pragma once
#include "core/balancer_core.hpp"
#include "core/state/preview.hpp"
#include "model/history.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace paddler {

struct foreseen_change {
  plan_view plan; // all but what agents do
  std::vector<agent_preview> agents;
};

// An error where the change would be refused.
result<foreseen_change> foresee(desired_state state, desired_change const& change, wall_time now);

// Bytes that what is to run would need, as the agents say that were asked.
using memory_needs = std::map<agent_id, std::uint64_t>;

// The steps of the first max_listed_agents agents: the planner's own, on an agent where everything goes well. Loads are
// estimated by what agents reported of the same model file.
plan_view plan_agents(foreseen_change foreseen, balancer_core const& core, memory_needs const& needs);

} // namespace paddler
