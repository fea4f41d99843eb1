// The API's rows as tables for people. Pure.
#pragma once
#include "base/time.hpp"
#include "cli/table.hpp"
#include "model/dump.hpp"
#include "model/history.hpp"
#include "model/views.hpp"

#include <span>
#include <string>

namespace paddler {

table table_of(std::span<agent_view const> agents, wall_time now);
table table_of(std::span<model_view const> models, wall_time now);
table table_of(std::span<slot_view const> slots, wall_time now);
table table_of(std::span<request_view const> requests, wall_time now);
table table_of(std::span<reconciliation_view const> actions, wall_time now);
table table_of(std::span<agent_applicable const> states, wall_time now);
table table_of(std::span<revision_view const> revisions, wall_time now);
table table_of(std::span<policy_view const> policies, wall_time now);

// A row for each source that lost a field.
table table_of(std::span<field_provenance const> conflicts, wall_time now);

// A row for each field, with who else set it.
table table_of_fields(std::span<field_provenance const> fields);

// What names a row.
std::string const& name_of(agent_view const& agent);
std::string const& name_of(model_view const& model);
std::string const& name_of(slot_view const& slot);
std::string const& name_of(request_view const& request);
std::string const& name_of(reconciliation_view const& action);
std::string const& name_of(agent_applicable const& state);
std::string const& name_of(field_provenance const& field);
std::string const& name_of(policy_view const& policy);
std::string name_of(revision_view const& revision);

// "/m.gguf", "hf:org/repo:Q8_0@main#file.gguf", "https://...".
std::string text_of(model_reference const& reference);

// What a person should read beside the table: why an agent does not serve. Empty where all is well.
std::string notes_on(std::span<agent_view const> agents);

} // namespace paddler
