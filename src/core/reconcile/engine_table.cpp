#include "core/reconcile/engine_table.hpp"

#include "core/reconcile/content_digest.hpp"
#include "model/words.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace paddler {
namespace {

std::string milliseconds(duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + " ms";
}

std::string requests(int count) { return std::to_string(count) + (count == 1 ? " request" : " requests"); }

} // namespace

void engine_table::want(applicable_state const& state, std::optional<std::uint64_t> memory_bytes, instant now) {
  bool const same_content = state.model == goal_.content;
  wanted_ = state;
  goal_ = {state.model, memory_bytes};
  for (auto& engine : engines_)
    if (engine.content == state.model) engine.version = state.version;
  if (same_content) return;
  given_up_.reset();
  for (auto const& engine : engines_) {
    auto const* const entry = open_entry_of(engine.engine);
    if (entry && entry->action == reconcile_action::load && engine.content != state.model)
      close_entry(engine.engine, reconcile_outcome::superseded, "something else is wanted by now", now);
  }
}

void engine_table::observe(engine_number number, engine_facts const& seen, instant now) {
  auto* const engine = find_mutable(number);
  if (!engine) return;
  bool const only_busy = seen.status == engine->status && seen.restarts == engine->restarts;
  if (only_busy && engine->admission == engine_admission::offered) {
    engine->busy = seen.busy; // the path of each request
    return;
  }
  bool const restarted = seen.restarts > engine->restarts;
  engine->status = seen.status;
  engine->reason = seen.reason;
  engine->restarts = seen.restarts;
  engine->busy = seen.busy;
  if (engine->stopping) return;
  if (restarted && !open_entry_of(number)) {
    planned_action const why{.action = reconcile_action::restart,
                             .engine = number,
                             .gives_up = false,
                             .retries = false,
                             .difference = "engine " + std::to_string(number.value) + ": " + seen.reason};
    open_entry(*engine, why, now);
  }
  follow_load(*engine, now);
}

// Closes what waited for this status.
void engine_table::follow_load(observed_engine& engine, instant now) {
  auto const* const entry = open_entry_of(engine.engine);
  if (engine.status == engine_status::ready && !engine.loaded_in) engine.loaded_in = now.mono - engine.load_began;
  if (!entry) return;
  if (entry->action == reconcile_action::drain) {
    if (engine.busy == 0) close_entry(engine.engine, reconcile_outcome::done, "no request is left", now);
  } else if (engine.status == engine_status::ready) {
    bool const loaded = entry->action == reconcile_action::load;
    close_entry(engine.engine, reconcile_outcome::done,
                loaded ? "it serves, " + milliseconds(*engine.loaded_in) + " after its load" : "it serves again", now);
  } else if (engine.status == engine_status::failed) {
    close_entry(engine.engine, reconcile_outcome::failed, engine.reason, now);
  }
}

void engine_table::gone(engine_number number, instant now) {
  close_entry(number, reconcile_outcome::done, "its process has ended", now);
  std::erase_if(engines_, [number](observed_engine const& engine) { return engine.engine == number; });
}

std::optional<engine_action> engine_table::step(instant now) {
  note_overdue(now.mono);
  auto const planned = plan(goal_, engines_, facts(now.mono), now.mono);
  if (!planned) return std::nullopt;
  if (planned->retries) given_up_.reset();
  auto const number = planned->action == reconcile_action::load ? add_engine(now) : planned->engine;
  auto& engine = *find_mutable(number);
  if (planned->gives_up) given_up_ = failed_goal{engine.reason, now.mono + policy_.retry_given_up};
  if (planned->action == reconcile_action::unload && open_entry_of(number)) {
    auto const& open = *open_entry_of(number);
    bool const drain_cut_short = open.action == reconcile_action::drain;
    close_entry(number, drain_cut_short ? reconcile_outcome::failed : reconcile_outcome::superseded,
                drain_cut_short ? requests(engine.busy) + " had to be broken off" : "it is unloaded", now);
  }
  open_entry(engine, *planned, now);
  switch (planned->action) {
  case reconcile_action::admit:
    admit(engine);
    close_entry(number, reconcile_outcome::done, "its slots are offered", now);
    break;
  case reconcile_action::drain: drain(engine, now); break;
  case reconcile_action::unload: engine.stopping = true; break;
  case reconcile_action::load:
  case reconcile_action::restart:
  case reconcile_action::deliver: break;
  }
  return engine_action{planned->action, number, engine.content, planned->difference};
}

engine_number engine_table::add_engine(instant now) {
  auto const& target = given_up_ && last_good_ ? *last_good_ : goal_;
  engines_.push_back({.engine = {++newest_engine_},
                      .content = *target.content,
                      .version = target.content == goal_.content ? wanted_.version : last_good_version_,
                      .memory_bytes = target.memory_bytes,
                      .status = engine_status::loading,
                      .reason = {},
                      .admission = engine_admission::never,
                      .busy = 0,
                      .drain_until = {},
                      .stopping = false,
                      .restarts = 0,
                      .load_began = now.mono,
                      .loaded_in = {},
                      .overdue_at = {},
                      .overdue = {}});
  return engines_.back().engine;
}

void engine_table::admit(observed_engine& engine) {
  for (auto& other : engines_)
    if (other.admission == engine_admission::offered) other.admission = engine_admission::withdrawn;
  engine.admission = engine_admission::offered;
  engine.drain_until.reset();
  last_good_ = reconcile_goal{engine.content, engine.memory_bytes};
  last_good_version_ = engine.version;
}

void engine_table::drain(observed_engine& engine, instant now) {
  engine.admission = engine_admission::draining;
  engine.drain_until = now.mono + policy_.drain;
  if (engine.busy == 0) close_entry(engine.engine, reconcile_outcome::done, "no request is left", now);
}

reconcile_facts engine_table::facts(mono_time now) const {
  return {.memory_bytes = policy_.memory_bytes,
          .last_good = last_good_ ? &*last_good_ : nullptr,
          .given_up = given_up_.has_value(),
          .retry_due = given_up_ && given_up_->retry_at <= now};
}

std::optional<std::string> engine_table::given_up() const {
  return given_up_ ? std::optional(given_up_->reason) : std::nullopt;
}

std::optional<mono_time> engine_table::next_step(mono_time now) const {
  auto out = next_plan(engines_, now);
  auto const consider = [&out, now](std::optional<mono_time> due) {
    if (due && *due > now) out = std::min(out.value_or(*due), *due);
  };
  if (given_up_) consider(given_up_->retry_at);
  for (auto const& engine : engines_) consider(engine.overdue_at);
  return out;
}

// --- the watchdog ---

duration engine_table::limit_of(reconcile_action action) const {
  switch (action) {
  case reconcile_action::load:
  case reconcile_action::restart: return policy_.load_limit + policy_.overdue_after;
  case reconcile_action::drain: return policy_.drain + policy_.overdue_after;
  case reconcile_action::admit:
  case reconcile_action::unload:
  case reconcile_action::deliver: break;
  }
  return policy_.overdue_after;
}

// An action is overdue once: the words stay with its engine until it is closed.
void engine_table::note_overdue(mono_time now) {
  for (auto& engine : engines_) {
    auto const* const entry = open_entry_of(engine.engine);
    if (!entry || !engine.overdue_at || *engine.overdue_at > now || !engine.overdue.empty()) continue;
    auto const minutes = std::chrono::duration_cast<std::chrono::minutes>(limit_of(entry->action)).count();
    engine.overdue = "the " + std::string(to_string(entry->action)) + " of " + engine.content.name +
                     " has been under way for more than " + std::to_string(minutes) + " min";
    overdue_.insert(engine.engine);
  }
}

std::vector<observed_engine> engine_table::take_overdue() {
  std::vector<observed_engine> out;
  for (auto const number : std::exchange(overdue_, {}))
    if (auto const* const engine = find(number)) out.push_back(*engine);
  return out;
}

observed_engine* engine_table::find_mutable(engine_number number) {
  auto const at = std::ranges::find(engines_, number, &observed_engine::engine);
  return at == engines_.end() ? nullptr : &*at;
}

observed_engine const* engine_table::find(engine_number number) const {
  auto const at = std::ranges::find(engines_, number, &observed_engine::engine);
  return at == engines_.end() ? nullptr : &*at;
}

observed_engine const* engine_table::admitted() const {
  auto const at = std::ranges::find(engines_, engine_admission::offered, &observed_engine::admission);
  return at == engines_.end() ? nullptr : &*at;
}

// --- the log ---

void engine_table::open_entry(observed_engine& engine, planned_action const& why, instant now) {
  close_entry(engine.engine, reconcile_outcome::superseded, "another action followed", now);
  engine.overdue_at = now.mono + limit_of(why.action);
  log_.push({.number = ++newest_entry_,
             .action = why.action,
             .engine = engine.engine,
             .model = engine.content.name,
             .content = content_digest(engine.content),
             .goal = wanted_.version,
             .goal_content = content_digest(goal_.content),
             .gives_up = why.gives_up,
             .difference = why.difference,
             .started_at = now.wall,
             .outcome = reconcile_outcome::open,
             .observation = {},
             .ended_at = {},
             .ended_after = 0});
  log_news_.insert(newest_entry_);
}

reconciliation* engine_table::open_entry_of(engine_number engine) {
  auto const is_open = [engine](reconciliation const& e) {
    return e.engine == engine && e.outcome == reconcile_outcome::open;
  };
  auto const at = std::ranges::find_if(log_, is_open);
  return at == log_.end() ? nullptr : &*at;
}

void engine_table::close_entry(engine_number engine, reconcile_outcome outcome, std::string observation, instant now) {
  if (auto* const about = find_mutable(engine)) {
    about->overdue_at.reset();
    about->overdue.clear();
  }
  auto* const entry = open_entry_of(engine);
  if (!entry) return;
  entry->outcome = outcome;
  entry->observation = std::move(observation);
  entry->ended_at = now.wall;
  entry->ended_after = newest_entry_;
  log_news_.insert(entry->number);
}

std::vector<reconciliation> engine_table::take_log_news() {
  std::vector<reconciliation> out;
  if (log_news_.empty()) return out;
  for (auto const& entry : log_)
    if (log_news_.contains(entry.number)) out.push_back(entry);
  log_news_.clear();
  return out;
}

} // namespace paddler
