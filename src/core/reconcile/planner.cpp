#include "core/reconcile/planner.hpp"

#include "base/canary.hpp"

#include <algorithm>

namespace paddler {
namespace {

std::string words(applicable_model const& model) {
  return model.name + " with " + std::to_string(model.slots) + " slots of " + std::to_string(model.max_context_length) +
         " tokens";
}

std::string words(observed_engine const& engine) { return "engine " + std::to_string(engine.engine.value); }

class planning {
public:
  planning(reconcile_goal const& wanted, std::span<observed_engine const> engines, reconcile_facts const& facts,
           mono_time now)
      : wanted_(wanted),
        target_(facts.given_up && facts.last_good ? *facts.last_good : wanted),
        engines_(engines),
        facts_(facts),
        now_(now) {}

  std::optional<planned_action> next() const {
    if (may_retry()) return retry();
    auto const* const chosen = find_target();
    if (chosen && chosen->status == engine_status::ready && chosen->admission != engine_admission::offered)
      return act(reconcile_action::admit, *chosen, "it is ready for what is wanted, and its slots are not offered");
    if (chosen && chosen->status == engine_status::failed && can_fall_back()) return give_up(*chosen);
    for (auto const& engine : engines_)
      if (auto out = clear(engine, chosen)) return out;
    if (target_.content && !chosen) return make_room_and_load();
    return std::nullopt;
  }

private:
  observed_engine const* find_target() const {
    if (!target_.content) return nullptr;
    auto const at = std::ranges::find_if(
        engines_, [&](observed_engine const& e) { return !e.stopping && e.content == *target_.content; });
    return at == engines_.end() ? nullptr : &*at;
  }

  observed_engine const* find_offered() const {
    auto const at = std::ranges::find_if(
        engines_, [](observed_engine const& e) { return !e.stopping && e.admission == engine_admission::offered; });
    return at == engines_.end() ? nullptr : &*at;
  }

  // The goal does not load, nothing serves, and something did before.
  bool can_fall_back() const {
    return !facts_.given_up && facts_.last_good && facts_.last_good->content != wanted_.content && !find_offered();
  }

  std::optional<planned_action> give_up(observed_engine const& failed) const {
    auto out =
        act(reconcile_action::unload, failed, "it does not load: " + failed.reason + "; what served before comes back");
    out.gives_up = true;
    return out;
  }

  // Only beside what serves in its place: a goal that failed before must not interrupt service again.
  bool may_retry() const {
    return facts_.given_up && facts_.retry_due && wanted_.content && find_offered() && engines_.size() < max_engines &&
           fits_beside(wanted_, engines_);
  }

  planned_action retry() const {
    auto out = load(wanted_);
    out.retries = true;
    out.difference += "; it did not load before, and is tried again beside the one that serves";
    return out;
  }

  // What is there and is not wanted. The engine that serves stays until there is something to take its place.
  std::optional<planned_action> clear(observed_engine const& engine, observed_engine const* chosen) const {
    if (&engine == chosen || engine.stopping) return std::nullopt;
    switch (engine.admission) {
    case engine_admission::never: return act(reconcile_action::unload, engine, "it is not wanted and never served");
    case engine_admission::offered:
      if (target_.content && !is_loose(canary::serving_engine_not_kept)) return std::nullopt;
      return act(reconcile_action::drain, engine, "no model is wanted, and it serves " + words(engine.content));
    case engine_admission::withdrawn:
      return act(reconcile_action::drain, engine, "another engine took its place, and it may still have requests");
    case engine_admission::draining:
      if (engine.busy == 0 || is_loose(canary::drain_cut_short))
        return act(reconcile_action::unload, engine, "it is drained and no longer wanted");
      if (engine.drain_until && now_ < *engine.drain_until) return std::nullopt;
      return act(reconcile_action::unload, engine,
                 "its time to drain is over, with " + std::to_string(engine.busy) + " requests left");
    }
    return std::nullopt;
  }

  std::optional<planned_action> make_room_and_load() const {
    bool const one_of_these_is_ending = std::ranges::any_of(
        engines_, [&](observed_engine const& e) { return e.stopping && e.content == *target_.content; });
    auto const* const serving = find_offered();
    if (!one_of_these_is_ending && (engines_.size() < max_engines || is_loose(canary::third_engine)) &&
        fits_beside(target_, engines_))
      return load(target_);
    if (!serving || fits_beside(target_, {serving, 1})) return std::nullopt; // once what is ending has ended
    return act(reconcile_action::drain, *serving,
               words(*target_.content) + " is wanted, and it is not known to fit into memory beside this one");
  }

  // Alone it is let try: whether it fits is said when a document is checked.
  bool fits_beside(reconcile_goal const& what, std::span<observed_engine const> others) const {
    if (others.empty()) return true;
    if (!facts_.memory_bytes || !what.memory_bytes) return false;
    auto left = *facts_.memory_bytes;
    if (*what.memory_bytes > left) return false;
    left -= *what.memory_bytes;
    for (auto const& other : others) {
      if (!other.memory_bytes || *other.memory_bytes > left) return false;
      left -= *other.memory_bytes;
    }
    return true;
  }

  static planned_action load(reconcile_goal const& what) {
    return {.action = reconcile_action::load,
            .engine = {},
            .gives_up = false,
            .retries = false,
            .difference = words(*what.content) + " is wanted, and no engine runs it"};
  }

  static planned_action act(reconcile_action action, observed_engine const& engine, std::string why) {
    return {.action = action,
            .engine = engine.engine,
            .gives_up = false,
            .retries = false,
            .difference = words(engine) + ": " + std::move(why)};
  }

  reconcile_goal const& wanted_;
  reconcile_goal const& target_;
  std::span<observed_engine const> engines_;
  reconcile_facts const& facts_;
  mono_time now_;
};

} // namespace

std::optional<planned_action> plan(reconcile_goal const& wanted, std::span<observed_engine const> engines,
                                   reconcile_facts const& facts, mono_time now) {
  return planning(wanted, engines, facts, now).next();
}

std::optional<mono_time> next_plan(std::span<observed_engine const> engines, mono_time now) {
  std::optional<mono_time> out;
  for (auto const& engine : engines)
    if (!engine.stopping && engine.drain_until && *engine.drain_until > now)
      out = std::min(out.value_or(*engine.drain_until), *engine.drain_until);
  return out;
}

bool is_converged(reconcile_goal const& wanted, std::span<observed_engine const> engines) {
  if (!wanted.content) return engines.empty();
  return engines.size() == 1 && engines[0].content == *wanted.content && !engines[0].stopping &&
         engines[0].status == engine_status::ready && engines[0].admission == engine_admission::offered;
}

} // namespace paddler
