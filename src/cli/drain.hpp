// paddler drain and undrain: an agent whose machine somebody wants empty, and one that is wanted again.
#pragma once
#include "base/result.hpp"
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "model/views.hpp"

#include <string>
#include <string_view>

namespace paddler {

exit_code run_drain(drain_command const& wanted, console& terminal);

// Pure. The API's document with the wish in it, or without one; everything else in it stays as it was. An agent of
// which the API said nothing gets an entry, and one of which it then says nothing more loses it.
result<std::string> with_drain(std::string_view document, drain_command const& wanted);

// Pure. How far it is: "2 requests run there", "empty".
std::string drain_progress(agent_view const& agent);

} // namespace paddler
