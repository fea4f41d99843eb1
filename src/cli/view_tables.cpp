#include "cli/view_tables.hpp"

#include "cli/change_text.hpp"
#include "cli/units.hpp"
#include "core/state/field_map.hpp"
#include "model/words.hpp"

namespace paddler {
namespace {

std::string fraction(int part, int whole) { return std::to_string(part) + "/" + std::to_string(whole); }

// As "ready,SchedulingDisabled" is said of a node.
std::string status_of(agent_view const& agent) {
  if (!agent.connected) return "gone";
  auto const state = agent.breaker ? agent.breaker->state : breaker_state::closed;
  auto const breaker = state == breaker_state::open        ? ",breaker-open"
                       : state == breaker_state::half_open ? ",breaker-half-open"
                                                           : "";
  auto const drain = !agent.drain ? "" : *agent.drain == drain_state::draining ? ",draining" : ",drained";
  return std::string(to_string(agent.status)) + drain + breaker;
}

std::string age(wall_time since, wall_time now) { return since == wall_time{} ? "" : print_age(now - since); }

// What travelled, and what it would have been without deltas.
std::string traffic(link_traffic const& sent) { return print_bytes(sent.bytes) + "/" + print_bytes(sent.whole_bytes); }

template <class T> std::string joined(std::vector<T> const& words, auto const& text) {
  std::string out;
  for (auto const& word : words) out += (out.empty() ? "" : ",") + text(word);
  return out;
}

} // namespace

table table_of(std::span<agent_view const> agents, wall_time now) {
  table out({{.title = "NAME", .shortens = true},
             {.title = "STATUS"},
             {.title = "MODEL", .shortens = true},
             {.title = "BUSY", .right = true},
             {.title = "RESTARTS", .right = true},
             {.title = "REQUEST-TIME", .right = true, .only_wide = true},
             {.title = "PID", .right = true, .only_wide = true},
             {.title = "APPLIED", .right = true, .only_wide = true},
             {.title = "HOST", .only_wide = true},
             {.title = "CORES", .right = true, .only_wide = true},
             {.title = "MEMORY", .right = true, .only_wide = true},
             {.title = "GPUS", .only_wide = true},
             {.title = "VERSION", .only_wide = true},
             {.title = "SENT/WHOLE", .right = true, .only_wide = true},
             {.title = "RECEIVED/WHOLE", .right = true, .only_wide = true},
             {.title = "SEEN", .right = true}});
  for (auto const& agent : agents) {
    auto const& machine = agent.capabilities;
    out.add({agent.id.value, status_of(agent), agent.model.value_or(""), fraction(agent.slots_busy, agent.slots),
             std::to_string(agent.engine_restarts),
             agent.request_milliseconds ? print_duration(std::chrono::milliseconds(*agent.request_milliseconds)) : "",
             agent.engine_pid == 0 ? "" : std::to_string(agent.engine_pid),
             std::to_string(agent.applied.value) + "/" + std::to_string(agent.wanted.value), machine.hostname,
             std::to_string(machine.cpu_cores), print_bytes(machine.memory_bytes),
             joined(machine.gpus, [](std::string const& name) { return name; }), machine.version,
             agent.link ? traffic(agent.link->sent) : "", agent.link ? traffic(agent.link->received) : "",
             age(agent.last_seen, now)});
  }
  return out;
}

table table_of(std::span<model_view const> models, wall_time) {
  table out({{.title = "NAME", .shortens = true},
             {.title = "READY", .right = true},
             {.title = "BUSY", .right = true},
             {.title = "AGENTS", .shortens = true}});
  for (auto const& model : models) {
    out.add({model.name, fraction(model.agents_ready, model.agents_wanted), fraction(model.slots_busy, model.slots),
             joined(model.agents, [](agent_id const& id) { return id.value; })});
  }
  return out;
}

table table_of(std::span<slot_view const> slots, wall_time) {
  table out({{.title = "NAME", .shortens = true},
             {.title = "STATUS"},
             {.title = "MODEL", .shortens = true},
             {.title = "REQUEST"}});
  for (auto const& slot : slots) {
    out.add({slot.id, slot.status == slot_status::busy ? "busy" : "idle", slot.model,
             slot.request ? slot.request->value : ""});
  }
  return out;
}

table table_of(std::span<request_view const> requests, wall_time now) {
  table out({{.title = "NAME"},
             {.title = "STATUS"},
             {.title = "MODEL", .shortens = true},
             {.title = "AGENT", .shortens = true, .only_wide = true},
             {.title = "ENDPOINT", .only_wide = true},
             {.title = "PRIORITY", .only_wide = true},
             {.title = "ATTEMPTS", .right = true, .only_wide = true},
             {.title = "RESUMES", .right = true, .only_wide = true},
             {.title = "QUEUED", .right = true, .only_wide = true},
             {.title = "TOOK", .right = true, .only_wide = true},
             {.title = "REASON"},
             {.title = "AGE", .right = true}});
  for (auto const& request : requests) {
    bool const failed = request.failure && *request.failure != request_failure::none;
    out.add({request.id.value, std::string(to_string(request.status)), request.model,
             request.agent ? request.agent->value : "", request.endpoint, request.priority,
             std::to_string(request.attempts), std::to_string(request.resumes),
             print_duration(std::chrono::milliseconds(request.queue_milliseconds)),
             request.completed_at ? print_age(*request.completed_at - request.created_at) : "",
             failed ? std::string(to_string(*request.failure)) : "", age(request.created_at, now)});
  }
  return out;
}

table table_of(std::span<reconciliation_view const> actions, wall_time now) {
  table out({{.title = "NAME", .only_wide = true},
             {.title = "AGENT", .shortens = true},
             {.title = "ACTION"},
             {.title = "MODEL", .shortens = true},
             {.title = "GOAL", .right = true},
             {.title = "OUTCOME"},
             {.title = "DIFFERENCE", .only_wide = true},
             {.title = "OBSERVATION", .only_wide = true},
             {.title = "TOOK", .right = true},
             {.title = "AGE", .right = true}});
  for (auto const& action : actions) {
    out.add({action.id, action.agent.value, std::string(to_string(action.action)), action.model,
             std::to_string(action.goal.value), std::string(to_string(action.outcome)), action.difference,
             action.observation, action.ended_at ? print_age(*action.ended_at - action.started_at) : "",
             age(action.started_at, now)});
  }
  return out;
}

table table_of(std::span<agent_applicable const> states, wall_time) {
  table out({{.title = "NAME", .shortens = true},
             {.title = "VERSION", .right = true},
             {.title = "MODEL", .shortens = true},
             {.title = "SLOTS", .right = true},
             {.title = "CONTEXT", .right = true},
             {.title = "FILE", .shortens = true}});
  for (auto const& [agent, state] : states) {
    auto const& model = state.model;
    out.add({agent.value, std::to_string(state.version.value), model ? model->name : "",
             model ? std::to_string(model->slots) : "", model ? std::to_string(model->max_context_length) : "",
             model ? text_of(model->reference) : ""});
  }
  return out;
}

table table_of(std::span<revision_view const> revisions, wall_time now) {
  table out({{.title = "REVISION", .right = true},
             {.title = "AGE", .right = true},
             {.title = "SOURCE", .shortens = true},
             {.title = "WHO", .shortens = true},
             {.title = "FROM", .shortens = true},
             {.title = "AGENTS", .right = true, .only_wide = true},
             {.title = "LOSSES", .right = true, .only_wide = true},
             {.title = "SAID", .only_wide = true},
             {.title = "CHANGES", .shortens = true}});
  for (auto const& each : revisions) {
    out.add({std::to_string(each.number.value), age(each.at, now), cell_of(each.source), each.origin.actor,
             each.origin.from, std::to_string(each.agents.size() + each.more_agents),
             std::to_string(each.losses.size()), summary_of_changes(each.said, 0),
             summary_of_changes(each.changes, each.more_changes)});
  }
  return out;
}

table table_of(std::span<policy_view const> policies, wall_time) {
  table out({{.title = "NAME"},
             {.title = "VALUE"},
             {.title = "DECIDED-BY", .shortens = true},
             {.title = "SINCE", .right = true}});
  for (auto const& each : policies) {
    out.add({each.name, each.value ? describe(*each.value) : "unlimited",
             each.decided_by ? cell_of(*each.decided_by) : "default",
             each.since ? std::to_string(each.since->value) : ""});
  }
  return out;
}

table table_of(std::span<field_provenance const> conflicts, wall_time) {
  table out({{.title = "NAME", .shortens = true},
             {.title = "OWNER", .shortens = true},
             {.title = "VALUE", .shortens = true},
             {.title = "LOSER", .shortens = true},
             {.title = "LOST", .shortens = true},
             {.title = "SINCE", .right = true}});
  for (auto const& field : conflicts) {
    for (auto const& other : field.others) {
      if (!field.owner || other.value == field.owner->value) continue;
      out.add({field.path, cell_of(field.owner->source), describe(field.owner->value), cell_of(other.source),
               describe(other.value), std::to_string(other.since.value)});
    }
  }
  return out;
}

table table_of_fields(std::span<field_provenance const> fields) {
  table out({{.title = "PATH", .shortens = true},
             {.title = "VALUE", .shortens = true},
             {.title = "OWNER", .shortens = true},
             {.title = "SINCE", .right = true},
             {.title = "OTHERS", .shortens = true}});
  for (auto const& field : fields) {
    auto const other = [](field_claim const& claim) { return cell_of(claim.source) + "=" + describe(claim.value); };
    auto const& owner = field.owner;
    out.add({field.path, owner ? describe(owner->value) : "", owner ? cell_of(owner->source) : "",
             owner ? std::to_string(owner->since.value) : "", joined(field.others, other)});
  }
  return out;
}

std::string text_of(model_reference const& reference) {
  if (reference.path) return *reference.path;
  if (reference.url) return *reference.url;
  auto out = "hf:" + reference.model_id.value_or("");
  if (reference.quantization) out += ":" + *reference.quantization;
  if (reference.revision) out += "@" + *reference.revision;
  if (reference.file) out += "#" + *reference.file;
  return out;
}

std::string const& name_of(agent_applicable const& state) { return state.agent.value; }

std::string const& name_of(field_provenance const& field) { return field.path; }

std::string const& name_of(policy_view const& policy) { return policy.name; }

std::string name_of(revision_view const& revision) { return std::to_string(revision.number.value); }

std::string const& name_of(agent_view const& agent) { return agent.id.value; }

std::string const& name_of(model_view const& model) { return model.name; }

std::string const& name_of(slot_view const& slot) { return slot.id; }

std::string const& name_of(request_view const& request) { return request.id.value; }

std::string const& name_of(reconciliation_view const& action) { return action.id; }

std::string notes_on(std::span<agent_view const> agents) {
  std::string out;
  for (auto const& agent : agents) {
    if (!agent.reason.empty()) out += agent.id.value + ": " + agent.reason + "\n";
    if (agent.breaker && agent.breaker->state != breaker_state::closed)
      out += agent.id.value + ": " + describe(*agent.breaker) + "\n";
  }
  return out;
}

} // namespace paddler
