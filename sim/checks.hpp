// What the simulation holds the product's own books against. Each function says what is wrong; empty: nothing.
#pragma once
#include "core/balancer_core.hpp"
#include "sim/scenario.hpp"

#include <span>
#include <string>

namespace paddler_sim {

// The dispatcher counts as queued what is queued, and busy slots are those of requests that have one.
std::string check_queue(balancer_core const& core);

// What each agent is to run is what the log says, by a fold of its own: the newest document of each source, merged.
std::string check_applicable(balancer_core const& core, std::span<log_record const> log,
                             std::span<std::string const> agents);

// The agents' reconciliation logs: sound, and no engine that serves is drained before another one took its place; no
// drain is cut short (`drain` long, where wall clocks can be believed).
std::string check_actions(balancer_core const& core, duration drain, bool clocks_step);

} // namespace paddler_sim
