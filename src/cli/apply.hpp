// paddler apply: hands in a desired state.
#pragma once
#include "cli/api_client.hpp"
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/input_document.hpp"

namespace paddler {

exit_code run_apply(apply_command const& wanted, console& terminal);

// Pure: the request that hands `document` in.
api_request apply_request(apply_command const& wanted, input_document const& document);

} // namespace paddler
