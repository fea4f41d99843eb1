#include "core/session/agent_trouble.hpp"

namespace paddler {

engine_status status_of(agent_record const& agent) {
  return agent.connected && !agent.facts_expired ? agent.report.engine.status : engine_status::unknown;
}

std::string trouble_of(agent_report const& report) {
  if (!report.given_up.empty()) return report.given_up;
  auto const& beside = report.beside;
  bool const takes_over = beside && beside->version > report.engine.version;
  if (takes_over && (beside->status == engine_status::backoff || beside->status == engine_status::failed))
    return "version " + std::to_string(beside->version.value) + " does not load: " + beside->reason;
  if (!report.engine.reason.empty() || report.issues.empty()) return report.engine.reason;
  std::string out;
  for (auto const& issue : report.issues) out += (out.empty() ? "" : "; ") + issue.text;
  return out;
}

} // namespace paddler
