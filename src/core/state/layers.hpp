// Sources → one document. Each source owns the fields it sets; of several the one of the highest priority wins
// (design.md 3.2: API before configuration files before discovery).
#pragma once
#include "model/desired.hpp"

namespace paddler {

// The effective document: per agent, per model and per field, policies among them, the value of the highest source that
// sets it. Entries are ordered by id. `desired_model` and `parameters.*` count by field too, but a model reference of
// another `source` kind is taken whole: a path from one source and a repository from another make no model.
desired_document merge_layers(desired_layers const& layers);

// One step of it: what `into` leaves open is taken from the entry that the next source has for the same id.
void fill_entry(agent_spec& into, agent_spec const& from);
void fill_entry(model_spec& into, model_spec const& from);
void fill_entry(policies_spec& into, policies_spec const& from);

} // namespace paddler
