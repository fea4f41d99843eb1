// Waiting until agents hold what is wanted of them and serve it.
#pragma once
#include "base/time.hpp"
#include "cli/address.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "model/views.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace paddler {

inline constexpr duration default_settling_limit = std::chrono::minutes(5);

// Whether the agent accepted its newest applicable state and serves it, or has nothing to serve and runs nothing.
bool is_settled(agent_view const& agent);

// What it is about, while it is not settled: "does not hold version 4 yet", "loading: ...".
std::string progress_of(agent_view const& agent);

// The agents whose applicable state this revision changed. Where it lists not all of them, all that there are.
result<std::vector<agent_id>> blocking_agents_of_revision(host_and_port const& management, std::uint64_t revision);

// Looks until all of them are settled, with a line on `err` for each that goes on. `invalid` once those that are left
// refuse it: waiting helps no more. `timed_out` after `limit`, with what each of the others waits for. SIGINT ends it:
// `interrupted`.
exit_code wait_until_settled(host_and_port const& management, std::vector<agent_id> const& agents, duration limit,
                             console& terminal);

} // namespace paddler
