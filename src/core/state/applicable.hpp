// Desired → applicable: one agent's entry resolved, with every default filled in.
#pragma once
#include "model/applicable.hpp"
#include "model/desired.hpp"

namespace paddler {

inline constexpr int default_slots = 4;
inline constexpr int default_max_context_length = 4096;

// What `agent` shall run; nothing where the document names no model for it. Does not depend on anything else, so equal
// documents give equal results.
std::optional<applicable_model> resolve_applicable(desired_document const& effective, agent_id const& agent);

// The name under which a model is served when models[] names none: the file without folder and suffix, or the
// repository.
std::string default_model_name(model_reference const& reference);

} // namespace paddler
