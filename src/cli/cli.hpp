// The command line, from main's arguments to the exit status.
#pragma once

namespace paddler {

// `variables` as main's third argument.
int run_command_line(int argc, char const* const* argv, char const* const* variables);

} // namespace paddler
