// paddler rollback: what the API says becomes what it said at a revision.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

namespace paddler {

// Shows what it does first. On a terminal it asks; elsewhere it wants --yes.
exit_code run_rollback(rollback_command const& wanted, console& terminal);

} // namespace paddler
