// paddler describe policy: what it means, what it is, and who wanted what.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "model/fields.hpp"
#include "model/views.hpp"

#include <span>
#include <string>
#include <string_view>

namespace paddler {

exit_code describe_policy(describe_command const& wanted, console& terminal);

// Pure: of one, "queue.max_requests", or of a group of them, "queue". `fields`: what sources say. Empty: there is none
// of that name.
std::string text_of_policies(std::string const& name, std::span<policy_view const> policies,
                             std::span<field_provenance const> fields, console const& terminal);

// What it means, in a sentence; empty for what is no policy.
std::string_view meaning_of_policy(std::string_view name);

} // namespace paddler
