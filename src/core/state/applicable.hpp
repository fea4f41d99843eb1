// Desired → applicable: one agent's entry resolved, with every default filled in.
#pragma once
#include "model/applicable.hpp"
#include "model/desired.hpp"

#include <map>
#include <optional>
#include <string>

namespace paddler {

inline constexpr int default_slots = 4;
inline constexpr int default_max_context_length = 4096;
inline constexpr int default_drain_seconds = 300;

// The models[] entry that an agent serves: the one it names, else the only one; null where there is none.
model_spec const* served_entry(std::map<model_id, model_spec> const& models, agent_spec const& agent);

// What an agent shall run by its effective entry and the entry it serves; nothing where it names no model file. Does
// not depend on anything else, so equal entries give equal results.
std::optional<applicable_model> resolve_applicable(agent_spec const& agent, model_spec const* served);

// The name under which a model is served when models[] names none: the file without folder and suffix, or the
// repository.
std::string default_model_name(model_reference const& reference);

} // namespace paddler
