// paddler describe request: how it stands or ended, its steps, its attempts.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "model/views.hpp"

#include <string>

namespace paddler {

exit_code describe_request(describe_command const& wanted, console& terminal);

// Pure.
std::string text_of(request_page const& page, wall_time now, console const& terminal);

// Pure: how it stands or ended, in one sentence.
std::string standing_of(request_page const& page, wall_time now);

} // namespace paddler
