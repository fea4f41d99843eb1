// The API's rows as tables for people. Pure.
#pragma once
#include "base/time.hpp"
#include "cli/table.hpp"
#include "model/views.hpp"

#include <span>
#include <string>

namespace paddler {

table table_of(std::span<agent_view const> agents, wall_time now);
table table_of(std::span<model_view const> models, wall_time now);
table table_of(std::span<slot_view const> slots, wall_time now);
table table_of(std::span<request_view const> requests, wall_time now);
table table_of(std::span<reconciliation_view const> actions, wall_time now);

// What names a row.
std::string const& name_of(agent_view const& agent);
std::string const& name_of(model_view const& model);
std::string const& name_of(slot_view const& slot);
std::string const& name_of(request_view const& request);
std::string const& name_of(reconciliation_view const& action);

// What a person should read beside the table: why an agent does not serve. Empty where all is well.
std::string notes_on(std::span<agent_view const> agents);

} // namespace paddler
