#include "model/words.hpp"

#include <boost/describe/enum_to_string.hpp>

namespace paddler {

std::string_view to_string(model_source value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(source_kind value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(routing_strategy value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(priority_trust value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(engine_status value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(request_state value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(request_failure value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(request_class value) {
  switch (value) {
  case request_class::interactive: return "interactive";
  case request_class::normal: return "default";
  case request_class::bulk: return "bulk";
  }
  return "unknown";
}

std::string_view to_string(resume_refusal value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(attempt_outcome value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(breaker_state value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(agent_fault value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(reconcile_action value) { return boost::describe::enum_to_string(value, "unknown"); }

std::string_view to_string(reconcile_outcome value) { return boost::describe::enum_to_string(value, "unknown"); }

} // namespace paddler
