// A desired document as flat fields, so that any two can be compared field by field: "agents/a1.slots" → 4.
//
// Paths: KIND/ID for an entry itself, KIND/ID.FIELD or KIND/ID.FIELD.FIELD for what it sets, with the names of the
// document format ("models/default-chat.parameters.temperature"). Policies are one entry, "policies", whose fields are
// named policies/GROUP.FIELD ("policies/routing.strategy"). Fields that are not set are not there.
#pragma once
#include "model/desired.hpp"
#include "model/fields.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace paddler {

field_map flatten(desired_document const& document);
field_map flatten(agent_spec const& agent);
field_map flatten(model_spec const& model);
field_map flatten(policies_spec const& policies);

// "agents/a1", "models/default-chat".
std::string entry_path(agent_id const& agent);
std::string entry_path(model_id const& model);
inline constexpr std::string_view policies_path = "policies";

// Of every policy that there is, set or not, in the order of the document.
std::vector<std::string> policy_paths();

// What differs, in order of path.
std::vector<field_change> compare(field_map const& before, field_map const& after);

// Whether a path asked for by a person means this field: the path itself, or what lies beneath it.
bool path_covers(std::string_view asked, std::string_view path);

// A value as a person reads it, in the document's own words.
std::string describe(field_value const& value);

// "api", "file /etc/c.yaml", "discovery a1".
std::string describe(source_id const& source);

// "agents/a1.slots: 8 of file /etc/c.yaml is not in effect: api decides it (4, revision 7)."
std::string describe(lost_field const& loss);

} // namespace paddler
