// paddler validate: whether a document could be applied.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/input_document.hpp"

#include <string>
#include <vector>

namespace paddler {

exit_code run_validate(validate_command const& wanted, console& terminal);

// What one document tells of itself, without a balancer: its shape, and what its values mean. The warnings are about
// what another source may still mend; an error where it cannot be applied.
result<std::vector<std::string>> validate_offline(input_document const& document);

} // namespace paddler
