// The three layers as flat fields, so that any two of them, at any two instants, can be compared (the diff viewer).
//
// Desired state has the paths of field_map.hpp. The applicable and the current layer speak of agents only, with the
// same names for the same things (agents/ID.slots), and more: agents/ID.version, .chat_template,
// .parameters.temperature ...
#pragma once
#include "base/result.hpp"
#include "core/session/agent_table.hpp"
#include "core/state/desired_state.hpp"
#include "model/fields.hpp"
#include "model/history.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// As people write it: "desired", "applicable@41", "api@3", "41" (desired@41). A revision only: times are the caller's
// to resolve. Errors: invalid_input with what is possible.
result<layer_instant> parse_layer_instant(std::string_view text);
std::string print_layer_instant(layer_instant const& instant);

// Whether the layer is one kind of source's word.
bool is_source(state_layer layer);

// What is in effect, or one kind of source's document: several files or agents are merged by their priority. Not of
// `applicable` and `current`.
desired_document layer_document(desired_state const& state, state_layer layer);

// Of any layer but `current`.
field_map layer_fields(desired_state const& state, state_layer layer);

// What agents say that they run. Of an agent that is not heard of only its status is known: unknown.
field_map current_fields(agent_table const& agents);

// What differs between two layers, in order of path. Where they are different ones only those fields count that both
// can speak of, and what runs by default differs from no wish. `path`: only beneath it, see path_covers(); empty:
// everything.
std::vector<field_change> compare_layers(state_layer from, field_map const& before, state_layer to,
                                         field_map const& after, std::string_view path);

} // namespace paddler
