// Whether this agent can run what the balancer wants of it, and what its engine is then to be given.
#pragma once
#include "agent/agent_config.hpp"
#include "base/result.hpp"
#include "core/engine/engine_spec.hpp"
#include "model/applicable.hpp"

namespace paddler {

// Reads the model file's header; run it on a blocking_executor. The error's fields name what is wrong in the applicable
// state, with paths as in `model.reference.path`. The simulated engine needs no file.
result<engine_spec> blocking_plan_engine(applicable_model const& model, agent_config const& config);

} // namespace paddler
