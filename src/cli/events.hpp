// paddler events: what happens in the cluster, as it happens.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "wire/document_node.hpp"

#include <string>

namespace paddler {

// Prints a line for each event until `count` of them came or a stop signal does. A stream that is cut is taken up again
// behind the last event that was printed.
exit_code run_events(events_command const& wanted, console& terminal);

// Pure: one event for people, "TIME rREVISION TYPE KEY=VALUE ...", without a line end. Empty values are left out; a
// list is shown by its length.
std::string event_line(document_node const& event);

} // namespace paddler
