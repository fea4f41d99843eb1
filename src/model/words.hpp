// The names of the model's enumerations, as they stand in documents, messages and tables.
#pragma once
#include "model/breaker.hpp"
#include "model/current.hpp"
#include "model/desired.hpp"
#include "model/reconciliation.hpp"
#include "model/request.hpp"

#include <string_view>

namespace paddler {

std::string_view to_string(model_source value);
std::string_view to_string(source_kind value);
std::string_view to_string(routing_strategy value);
std::string_view to_string(priority_trust value);
std::string_view to_string(engine_status value);
std::string_view to_string(request_state value);
std::string_view to_string(request_failure value);
std::string_view to_string(request_class value); // as people say it: "default"
std::string_view to_string(resume_refusal value);
std::string_view to_string(attempt_outcome value);
std::string_view to_string(breaker_state value);
std::string_view to_string(agent_fault value);
std::string_view to_string(reconcile_action value);
std::string_view to_string(reconcile_outcome value);

} // namespace paddler
