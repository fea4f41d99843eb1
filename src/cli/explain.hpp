// paddler explain: who decides a field, since when, and who else set it.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "model/fields.hpp"

#include <span>
#include <string>

namespace paddler {

exit_code run_explain(explain_command const& wanted, console& terminal);

// Pure: the path nearest to one that nobody sets; empty where none is near.
std::string nearest_path(std::string const& path, std::span<field_provenance const> fields);

} // namespace paddler
