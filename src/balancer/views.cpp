#include "balancer/views.hpp"

#include "core/session/agent_trouble.hpp"
#include "core/state/field_map.hpp"
#include "model/words.hpp"

#include <boost/describe/enum_to_string.hpp>

#include <limits>
#include <map>
#include <set>

namespace paddler {

std::string reason_of(agent_record const& agent, applicable_state const& wanted) {
  if (!agent.connected) return "not connected";
  if (!agent.delivery.refusal().empty()) {
    std::string out = "refused version " + std::to_string(wanted.version.value);
    for (auto const& e : agent.delivery.refusal())
      out += ": " + e.path + " " + e.message + (e.hint.empty() ? "" : " (" + e.hint + ")");
    return out;
  }
  if (agent.facts_expired) return "it has not reported for a while";
  if (!wanted.model) return "no model is desired for it";
  return trouble_of(agent.report);
}

namespace {

std::uint64_t milliseconds(duration time) {
  return static_cast<std::uint64_t>(std::chrono::round<std::chrono::milliseconds>(time).count());
}

} // namespace

agent_view view_agent(agent_record const& agent, balancer_core const& core) {
  auto const& wanted = core.desired().applicable(agent.id);
  auto const& engine = agent.report.engine;
  agent_view out;
  out.id = agent.id;
  out.connected = agent.connected;
  out.status = status_of(agent);
  if (wanted.model)
    out.model = wanted.model->name;
  else if (!engine.model.empty())
    out.model = engine.model;
  out.slots_busy = static_cast<int>(core.requests().slots_of(agent.id, true));
  out.slots = static_cast<int>(core.requests().slots_of(agent.id, false)) + out.slots_busy;
  if (core.requests().is_drained(agent.id))
    out.drain = out.slots_busy > 0 ? drain_state::draining : drain_state::drained;
  agent_model const place{agent.id, out.model.value_or("")};
  out.breaker = core.requests().breaker_of(place);
  if (auto const time = core.requests().time_of(place)) out.request_milliseconds = milliseconds(*time);
  out.wanted = wanted.version;
  out.applied = agent.delivery.held();
  if (out.status == engine_status::ready) out.serving = engine.version;
  out.refused = !agent.delivery.refusal().empty();
  out.reason = reason_of(agent, wanted);
  out.last_seen = agent.last_seen;
  out.engine_pid = agent.connected ? engine.pid : 0;
  out.engine_restarts = engine.restarts;
  out.capabilities = agent.capabilities;
  out.file = engine.file;
  out.issues = agent.report.issues;
  return out;
}

namespace {

agent_view view_of_one_never_seen(agent_id const& id, balancer_core const& core) {
  auto const& wanted = core.desired().applicable(id);
  agent_view out;
  out.id = id;
  if (wanted.model) out.model = wanted.model->name;
  out.wanted = wanted.version;
  out.reason = "has never connected";
  return out;
}

} // namespace

std::vector<agent_view> view_agents(balancer_core const& core) {
  return view_agents(core, {}, std::numeric_limits<std::size_t>::max());
}

// Both maps in step: an agent may be known, wanted or both.
std::vector<agent_view> view_agents(balancer_core const& core, agent_id const& after, std::size_t limit) {
  auto const& known = core.agents().agents();
  auto const& wanted = core.desired().agents();
  auto k = known.upper_bound(after);
  auto w = wanted.upper_bound(after);
  std::vector<agent_view> rows;
  while (rows.size() < limit && (k != known.end() || w != wanted.end())) {
    if (k != known.end() && (w == wanted.end() || k->first <= w->first)) {
      if (w != wanted.end() && w->first == k->first) ++w;
      rows.push_back(view_agent(k->second, core));
      ++k;
    } else {
      rows.push_back(view_of_one_never_seen(w->first, core));
      ++w;
    }
  }
  return rows;
}

std::vector<model_view> view_models(balancer_core const& core) {
  std::map<std::string, model_view, std::less<>> out;
  for (auto const& name : core.desired().served_names()) out[name].name = name;
  for (auto const& [name, agents] : core.desired().agents_by_name()) {
    auto& row = out[name];
    row.agents_wanted = static_cast<int>(agents.size());
    row.agents.assign(agents.begin(), agents.end());
  }
  for (auto const& [id, agent] : core.agents().agents()) {
    auto const& wanted = core.desired().applicable(id);
    auto const at = out.find(wanted.model ? wanted.model->name : agent.report.engine.model);
    if (at == out.end()) continue;
    auto& row = at->second;
    auto const busy = static_cast<int>(core.requests().slots_of(id, true));
    row.agents_ready += status_of(agent) == engine_status::ready;
    row.slots += static_cast<int>(core.requests().slots_of(id, false)) + busy;
    row.slots_busy += busy;
  }
  std::vector<model_view> rows;
  for (auto& [name, row] : out) rows.push_back(std::move(row));
  return rows;
}

std::vector<slot_view> view_slots(balancer_core const& core) {
  std::map<std::pair<agent_id, slot_serial>, slot_view> out;
  for (auto const& [serial, slot] : core.requests().idle_slots())
    out[{slot->agent, serial}] = {
        .id = {}, .agent = slot->agent, .model = slot->model, .status = slot_status::idle, .request = {}};
  for (auto const& request : core.requests().requests()) {
    if (!request.has_slot) continue;
    out[{request.agent, request.slot}] = {
        .id = {}, .agent = request.agent, .model = request.model, .status = slot_status::busy, .request = request.id};
  }
  std::vector<slot_view> rows;
  std::map<agent_id, int> numbers;
  for (auto& [key, row] : out) {
    row.id = row.agent.value + "/" + std::to_string(numbers[row.agent]++);
    rows.push_back(std::move(row));
  }
  return rows;
}

namespace {

request_view view_request(request_record const& request) {
  request_view row;
  row.id = request.id;
  row.model = request.model;
  row.endpoint = request.endpoint;
  row.status = request.state;
  if (request.failure != request_failure::none) row.failure = request.failure;
  row.not_resumed = request.not_resumed;
  if (!request.agent.empty()) row.agent = request.agent;
  row.priority = to_string(request.level);
  row.attempts = request.tries.value;
  row.resumes = request.resumes;
  row.queue_milliseconds = request.queue_milliseconds;
  row.created_at = request.created_at;
  if (is_terminal(request.state)) row.completed_at = request.completed_at;
  return row;
}

} // namespace

std::vector<request_view> view_requests(balancer_core const& core, request_filter const& wanted) {
  std::vector<request_view> rows;
  for (auto const& request : core.requests().requests()) {
    if (rows.size() == wanted.limit) break;
    if (fits(request, wanted)) rows.push_back(view_request(request));
  }
  return rows;
}

namespace {

std::uint64_t microseconds(duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

std::optional<std::string> why_left_out(route_score const& score) {
  if (score.avoided) return "the request was lost there, and there are others";
  switch (score.filter) {
  case route_filter::none: return std::nullopt;
  case route_filter::no_idle_slot: return "every slot is busy";
  case route_filter::drained: return "it is to get nothing new";
  case route_filter::breaker_open: return "its breaker is open: too much failed there";
  case route_filter::stale_link: return "nothing was heard of its agent";
  case route_filter::other_identity: return "it would not go on with the answer as the first engine began it";
  case route_filter::suspect_aboard: return "it tries another request that lost its engine";
  case route_filter::small_context: return "the prompt does not fit";
  }
  return std::nullopt;
}

route_view view_route(route_note const& note) {
  route_view out;
  out.attempt = note.number.value;
  out.agent = note.chosen;
  out.strategy = boost::describe::enum_to_string(note.by.strategy, "");
  out.reason = boost::describe::enum_to_string(note.reason, "");
  out.policies = note.policies.value;
  out.prompt_blocks = note.prompt_blocks;
  out.others = note.others;
  out.others_open = note.others_open;
  out.others_drained = note.others_drained;
  for (auto const& [agent, candidate, score] : note.rows) {
    route_candidate_view row;
    row.agent = agent;
    row.chosen = score.engine == note.engine;
    row.slots = candidate.total;
    row.slots_busy = candidate.busy;
    row.left_out = why_left_out(score);
    row.saturated = score.saturated;
    row.cached_blocks = score.cached_blocks;
    row.prefill_microseconds = microseconds(score.prefill);
    row.load_microseconds = microseconds(score.load);
    row.token_microseconds = microseconds(score.token);
    row.away_microseconds = microseconds(score.away);
    row.pace_microseconds = microseconds(score.pace);
    out.candidates.push_back(std::move(row));
  }
  return out;
}

} // namespace

std::vector<request_step_view> view_steps(request_record const& request) {
  std::vector<request_step_view> out;
  out.reserve(request.steps.size());
  for (auto const& step : request.steps) out.push_back({step.at, step.state, step.number.value});
  return out;
}

std::vector<request_attempt_view> view_attempts(request_record const& request) {
  std::vector<request_attempt_view> out;
  out.reserve(request.attempts.size());
  for (auto const& each : request.attempts) out.push_back({each.number.value, each.agent, each.version, each.outcome});
  return out;
}

request_page page_of(request_record const& request, std::span<route_note const> routes) {
  request_page out;
  out.request = view_request(request);
  if (request.not_resumed) out.why_not_resumed = describe(*request.not_resumed);
  out.steps = view_steps(request);
  out.attempts = view_attempts(request);
  for (auto const& note : routes) out.routes.push_back(view_route(note));
  return out;
}

std::vector<policy_view> view_policies(balancer_core const& core) {
  auto const values = flatten(core.policies().settings);
  std::map<std::string, field_claim> owners;
  for (auto const& each : core.desired().claims().explain(policies_path))
    if (each.owner) owners.emplace(each.path, *each.owner);
  std::vector<policy_view> rows;
  for (auto const& path : policy_paths()) {
    policy_view row{.name = path.substr(policies_path.size() + 1), .value = {}, .decided_by = {}, .since = {}};
    if (auto const at = values.find(path); at != values.end()) row.value = at->second;
    if (auto const at = owners.find(path); at != owners.end()) {
      row.decided_by = at->second.source;
      row.since = at->second.since;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<reconciliation_view> view_reconciliations(balancer_core const& core) {
  std::vector<reconciliation_view> rows;
  for (auto const& logged : core.agents().log()) {
    auto const& action = logged.action;
    reconciliation_view row;
    row.id = logged.agent.value + "/" + (logged.by_balancer ? "balancer" : std::to_string(logged.process.value)) + "/" +
             std::to_string(action.number);
    row.agent = logged.agent;
    row.by_balancer = logged.by_balancer;
    row.number = action.number;
    row.action = action.action;
    row.model = action.model;
    row.goal = action.goal;
    row.difference = action.difference;
    row.outcome = action.outcome;
    row.observation = action.observation;
    row.started_at = action.started_at;
    row.ended_at = action.ended_at;
    rows.push_back(std::move(row));
  }
  return rows;
}

} // namespace paddler
