#include "core/change_plan.hpp"

#include "core/reconcile/consequences.hpp"
#include "core/reconcile/content_digest.hpp"
#include "core/reconcile/planner.hpp"
#include "core/session/agent_trouble.hpp"
#include "core/session/resource_questions.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace paddler {
namespace {

constexpr auto assumed_drain = std::chrono::seconds(30); // of an agent that was started without another one
constexpr std::uint64_t nanoseconds_a_millisecond = 1'000'000;

// What agents reported of model files: how long they took to load, and what they need.
class measured {
public:
  explicit measured(balancer_core const& core) {
    for (auto const& [id, agent] : core.agents().agents()) {
      auto const& wanted = core.desired().applicable(id);
      if (!wanted.model) continue;
      for (auto const* engine : {&agent.report.engine, agent.report.beside ? &*agent.report.beside : nullptr})
        if (engine != nullptr && engine->content == content_digest(wanted.model)) note(*wanted.model, *engine);
    }
  }

  // The longest: plans are not to promise too much.
  [[nodiscard]] std::optional<duration> load_time(applicable_model const& model) const {
    auto const at = loads_.find(key_of(model));
    return at == loads_.end() ? std::nullopt : std::optional(at->second);
  }

  [[nodiscard]] std::optional<std::uint64_t> bytes(applicable_model const& model) const {
    auto const at = bytes_.find(content_digest(model));
    return at == bytes_.end() ? std::nullopt : std::optional(at->second);
  }

private:
  static std::string key_of(applicable_model const& model) {
    auto const& from = model.reference;
    return from.path.value_or("") + "\n" + from.model_id.value_or("") + "\n" + from.file.value_or("") + "\n" +
           from.url.value_or("");
  }

  void note(applicable_model const& model, engine_report const& engine) {
    if (engine.load_milliseconds) {
      duration const took = std::chrono::milliseconds(*engine.load_milliseconds);
      auto& longest = loads_[key_of(model)];
      longest = std::max(longest, took);
    }
    if (engine.memory_bytes) bytes_.insert_or_assign(engine.content, *engine.memory_bytes);
  }

  std::map<std::string, duration> loads_;
  std::map<std::string, std::uint64_t> bytes_;
};

// Of a device's own memory too little is known.
std::optional<std::uint64_t> memory_for_engines(agent_capabilities const& machine) {
  if (machine.memory_bytes == 0 || !machine.gpus.empty()) return std::nullopt;
  return share_for_engines(machine.memory_bytes);
}

planned_step view_of(consequence const& step) {
  planned_step out{.action = step.action,
                   .model = step.model,
                   .difference = step.difference,
                   .estimated_milliseconds = {},
                   .interrupts = step.interrupts};
  bool const takes_time = step.action == reconcile_action::load || step.action == reconcile_action::drain;
  if (takes_time && step.estimated)
    out.estimated_milliseconds = static_cast<std::uint64_t>(step.estimated->count()) / nanoseconds_a_millisecond;
  return out;
}

// Nothing where nobody knows: the preview is careful then.
std::optional<std::uint64_t> need_of(agent_preview const& change, std::optional<std::uint64_t> old_bytes,
                                     measured const& known, memory_needs const& needs) {
  if (!change.after.model) return std::nullopt;
  if (auto const at = needs.find(change.agent); at != needs.end()) return at->second;
  if (!takes_other_resources(change.before, change.after)) return old_bytes;
  return known.bytes(*change.after.model);
}

agent_plan plan_one(agent_preview const& change, balancer_core const& core, measured const& known,
                    memory_needs const& needs) {
  agent_plan out;
  out.agent = change.agent;
  out.slots_busy = static_cast<int>(core.requests().slots_of(change.agent, true));
  swap_facts facts;
  facts.busy = out.slots_busy;
  facts.drain = assumed_drain;
  auto const at = core.agents().agents().find(change.agent);
  if (at != core.agents().agents().end()) {
    out.connected = at->second.connected;
    facts.memory_bytes = memory_for_engines(at->second.capabilities);
    if (status_of(at->second) != engine_status::unknown) facts.old_bytes = at->second.report.engine.memory_bytes;
  }
  facts.new_bytes = need_of(change, facts.old_bytes, known, needs);
  if (change.after.model) facts.load_time = known.load_time(*change.after.model);
  for (auto const& step : consequences(change.before, change.after, facts)) out.steps.push_back(view_of(step));
  return out;
}

} // namespace

result<foreseen_change> foresee(desired_state state, desired_change const& change, wall_time now) {
  auto const record = state.check(change, now);
  if (!record) return std::unexpected(record.error());
  foreseen_change out;
  out.plan.at = state.current();
  if (!*record) return out;
  out.agents = preview(state, change);
  auto view = view_revision(**record, state.apply(**record));
  out.plan.changed = true;
  out.plan.said = std::move(view.said);
  out.plan.changes = std::move(view.changes);
  out.plan.more_changes = view.more_changes;
  out.plan.losses = std::move(view.losses);
  return out;
}

plan_view plan_agents(foreseen_change foreseen, balancer_core const& core, memory_needs const& needs) {
  auto out = std::move(foreseen.plan);
  measured const known(core);
  auto const listed = std::min(foreseen.agents.size(), max_listed_agents);
  for (std::size_t i = 0; i < listed; ++i) out.agents.push_back(plan_one(foreseen.agents[i], core, known, needs));
  out.more_agents = foreseen.agents.size() - listed;
  return out;
}

} // namespace paddler
