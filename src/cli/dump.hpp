// paddler dump: everything that a balancer knows, in one file.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

namespace paddler {

// Files are for this user only, and replaced only where that was asked for.
exit_code run_dump(dump_command const& wanted, console& terminal);

} // namespace paddler
