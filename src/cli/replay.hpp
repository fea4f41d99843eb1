// paddler replay: decides the changes in a dump again, and compares.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "core/replay.hpp"

#include <string>

namespace paddler {

// `different` where something was decided otherwise than the dump says; `invalid` where the file is no dump.
exit_code run_replay(replay_command const& wanted, console& terminal);

// Pure: one decision, on lines of its own.
std::string text_of_decision(replayed_decision const& decision, console const& terminal);

// Pure: what the comparison came to, "12 decisions, all equal to the originals ...".
std::string summary_of(replay_report const& report);

} // namespace paddler
