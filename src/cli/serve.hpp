// paddler up, balancer and agent.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/environment.hpp"
#include "cli/exit_code.hpp"

namespace paddler {

exit_code run_up(up_command wanted, environment const& surroundings, console& terminal);
exit_code run_balancer(balancer_command wanted, console& terminal);
exit_code run_agent(agent_command wanted, environment const& surroundings, console& terminal);

} // namespace paddler
