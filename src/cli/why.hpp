// paddler why: where the attempts of a request went, and what spoke for it.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "model/views.hpp"

#include <string>

namespace paddler {

exit_code run_why(why_command const& wanted, console& terminal);

// Pure.
std::string text_of_routes(request_page const& page, console const& terminal);

} // namespace paddler
