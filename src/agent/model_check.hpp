// Whether this agent can run what the balancer wants of it, and what an engine is then to be given.
#pragma once
#include "agent/agent_config.hpp"
#include "base/result.hpp"
#include "core/engine/engine_spec.hpp"
#include "hub/model_headers.hpp"
#include "model/applicable.hpp"
#include "runtime/machine.hpp"

#include <cstdint>
#include <optional>

namespace paddler {

// What an engine is given. Whether the model makes vectors is left open: the engine's own look at the file says that.
engine_spec engine_spec_of(applicable_model const& model, agent_config const& config);

// For model files that the agent's machine maps, caches, and the engine's own buffers.
struct engine_need {
  std::optional<std::uint64_t> memory_bytes; // nothing where the file does not tell
  friend bool operator==(engine_need const&, engine_need const&) = default;
};

// Reads the model file's header, or finds it in `headers`; run it on a blocking_executor. The error's fields name what
// is wrong in the applicable state, with paths as in `model.reference.path`. The simulated engine needs no file and no
// memory.
result<engine_need> blocking_check_model(applicable_model const& model, agent_config const& config,
                                         machine_facts const& machine, model_headers& headers);

// What the machine has for engines. Nothing where that is not known: of a device's own memory too little is known.
std::optional<std::uint64_t> memory_for_engines(machine_facts const& machine, agent_config const& config);

} // namespace paddler
