// Reading a command line.
#pragma once
#include "base/result.hpp"
#include "cli/command.hpp"
#include "cli/environment.hpp"

#include <string>
#include <vector>

namespace paddler {

// `arguments` without the program's name. Errors are the person's: invalid_input, with what to do.
result<command> parse_command_line(std::vector<std::string> arguments, environment const& surroundings);

} // namespace paddler
