#include "sim/checks.hpp"

#include "core/reconcile/log_check.hpp"
#include "core/state/applicable.hpp"
#include "core/state/layers.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace paddler_sim {
namespace {

constexpr std::size_t most_engines = 2; // at once, on one agent

using action_log = std::vector<reconciliation>;

std::map<std::pair<std::string, std::uint64_t>, action_log> logs_by_process(balancer_core const& core) {
  std::map<std::pair<std::string, std::uint64_t>, action_log> out;
  for (auto const& each : core.agents().log())
    if (!each.by_balancer) out[{each.agent.value, each.process.value}].push_back(each.action);
  for (auto& [process, log] : out) std::ranges::sort(log, {}, &reconciliation::number);
  return out;
}

// From its first action on, without a gap: what the balancer did not see, nobody can judge.
bool is_whole(action_log const& log) { return log.front().number == 1 && log.back().number == log.size(); }

std::string wrong_drain(action_log const& log, duration drain, bool clocks_step) {
  engine_number admitted;
  for (auto const& entry : log) {
    if (entry.action == reconcile_action::admit) admitted = entry.engine;
    if (entry.action != reconcile_action::drain) continue;
    if (entry.engine == admitted && entry.goal_content != "none")
      return "an engine that serves was drained before another one took its place";
    bool const early = entry.ended_at && *entry.ended_at - entry.started_at < drain;
    if (early && !clocks_step && entry.outcome == reconcile_outcome::failed)
      return "a drain was cut short: " + entry.observation;
  }
  return {};
}

} // namespace

std::string check_queue(balancer_core const& core) {
  auto const totals = core.requests().count();
  std::size_t queued = 0, busy = 0;
  for (auto const& request : core.requests().requests()) {
    if (request.state == request_state::queued) ++queued;
    if (request.state == request_state::routed || request.state == request_state::processing ||
        request.state == request_state::streaming)
      ++busy;
  }
  if (queued != totals.queued)
    return std::to_string(queued) + " requests are queued, and " + std::to_string(totals.queued) + " are counted";
  if (busy != totals.slots_busy)
    return std::to_string(busy) + " requests have a slot, and " + std::to_string(totals.slots_busy) + " are busy";
  return {};
}

std::string check_applicable(balancer_core const& core, std::span<log_record const> log,
                             std::span<std::string const> agents) {
  desired_layers layers;
  for (auto const& record : log) layers[record.source] = record.document;
  auto const merged = merge_layers(layers);
  std::map<model_id, model_spec> models;
  for (auto const& model : merged.models) models.emplace(model.id, model);
  for (auto const& id : agents) {
    auto const entry = std::ranges::find(merged.agents, agent_id{id}, &agent_spec::id);
    std::optional<applicable_model> wanted;
    if (entry != merged.agents.end()) wanted = resolve_applicable(*entry, served_entry(models, *entry));
    if (core.desired().applicable({id}).model != wanted) return id + " is to run something else than was asked for";
  }
  return {};
}

std::string check_actions(balancer_core const& core, duration drain, bool clocks_step) {
  for (auto const& [process, log] : logs_by_process(core)) {
    if (!is_whole(log)) continue;
    auto wrong = wrong_drain(log, drain, clocks_step);
    if (auto const found = check_log(log, log_end::running, most_engines); wrong.empty() && !found.empty())
      wrong = "action " + std::to_string(found.front().entry) + ": " + found.front().what;
    if (!wrong.empty()) return process.first + ": " + wrong;
  }
  return {};
}

} // namespace paddler_sim
