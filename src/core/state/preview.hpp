// What a change of desired state would mean for agents, before anybody makes it: for those who check, plan and ask.
#pragma once
#include "core/state/desired_state.hpp"

#include <optional>
#include <vector>

namespace paddler {

// One agent whose applicable state would be another one.
struct agent_preview {
  agent_id agent;
  applicable_state before;
  applicable_state after; // its version is the revision that the change would make
};

// The agents whose applicable state the change would alter, in order of id; empty where it alters none. Says nothing of
// whether the change may be made (desired_state::check), and looks at no condition. Costs what the change touches.
std::vector<agent_preview> preview(desired_state const& state, desired_change const& change);

} // namespace paddler
