// paddler history: the changes of desired state, the newest first.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

namespace paddler {

exit_code run_history(history_command const& wanted, console& terminal);

} // namespace paddler
