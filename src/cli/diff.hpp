// paddler diff: what a document would change in effect, or what differs between two instants.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

namespace paddler {

// `different` where there is a difference, `trouble` for every error.
exit_code run_diff(diff_command const& wanted, console& terminal);

} // namespace paddler
