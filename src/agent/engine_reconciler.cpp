#include "agent/engine_reconciler.hpp"

#include "agent/model_check.hpp"
#include "core/reconcile/content_digest.hpp"
#include "model/words.hpp"
#include "runtime/check.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/race.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace paddler {
namespace {

bool is_withdrawn(observed_engine const& engine) {
  return engine.admission == engine_admission::withdrawn || engine.admission == engine_admission::draining;
}

instant now() { return {mono_now(), wall_now()}; }

} // namespace

engine_reconciler::engine_reconciler(asio::any_io_executor const& executor, blocking_executor& pool,
                                     agent_config const& config, machine_facts const& machine,
                                     std::function<void()> on_change)
    : executor_(executor),
      pool_(pool),
      config_(config),
      machine_(machine),
      on_change_(std::move(on_change)),
      table_({.drain = config.drain,
              .memory_bytes = memory_for_engines(machine, config),
              .log_entries = config.link.actions_kept,
              .retry_given_up = config.engine.parked_retry,
              .load_limit = config.engine.start_timeout}),
      changed_(executor),
      tasks_(executor, "engines", on_escape::fail_process),
      endings_(executor, "engines.end", on_escape::fail_process) {
  commons_.machine = machine.hostname;
  tasks_.spawn("engines.clock", keep_time());
}

task<std::vector<field_error>> engine_reconciler::check(applicable_state state) {
  auto model = state.model;
  auto found = co_await examine(std::move(state));
  if (model && found.errors.empty()) checked_ = checked_model{*std::move(model), found.memory_bytes};
  co_return std::move(found.errors);
}

task<link_answer> engine_reconciler::examine(applicable_state state) {
  link_answer out;
  if (!state.model) co_return out;
  auto const need = co_await run_blocking(pool_, [this, &state, machine = machine_] {
    return blocking_check_model(*state.model, config_, machine, headers_);
  });
  if (need) {
    out.memory_bytes = need->memory_bytes;
    co_return out;
  }
  auto const& why = need.error();
  out.errors = why.fields;
  if (out.errors.empty()) out.errors.push_back({"model", why.message, why.hint, 0});
  co_return out;
}

void engine_reconciler::measured(machine_facts machine) {
  machine_ = std::move(machine);
  table_.set_memory(memory_for_engines(machine_, config_));
  reconcile();
}

void engine_reconciler::ask_health() {
  for (auto const& [number, place] : places_) place->ask_health();
}

task<> engine_reconciler::look_at_files() {
  std::vector<std::shared_ptr<loaded_file>> files;
  for (auto const& [number, place] : places_) files.push_back(place->file());
  bool changed = false;
  for (auto const& file : files) {
    auto const news = co_await run_blocking(pool_, [file] { return file->blocking_look(); });
    changed = changed || news.value_or(false);
  }
  if (changed) on_change_();
}

void engine_reconciler::run(applicable_state const& state) {
  if (withdrawn_) return;
  bool const same_content = state.model == table_.wanted().model;
  ensure(same_content || !state.model || (checked_ && checked_->model == *state.model),
         "a state is to run that did not pass its check");
  table_.want(state, checked_ ? checked_->memory_bytes : std::nullopt, now());
  reconcile();
}

void engine_reconciler::serve(std::optional<slot_audience> audience) {
  audience_ = std::move(audience);
  offer_slots();
}

void engine_reconciler::withdraw() {
  withdrawn_ = true;
  offer_slots();
}

task<bool> engine_reconciler::wait_idle() {
  while (busy() > 0)
    if (!co_await changed_.wait()) co_return false;
  co_return true;
}

task<> engine_reconciler::stop() {
  std::vector<engine_number> live;
  for (auto const& [number, place] : places_)
    if (!table_.find(number)->stopping) live.push_back(number);
  for (auto const number : live) endings_.spawn("engine", end_place(number));
  co_await endings_.join();
  tasks_.cancel();
  co_await tasks_.join();
}

int engine_reconciler::busy() const {
  int out = 0;
  for (auto const& [number, place] : places_) out += place->facts().busy;
  return out;
}

// --- one action after the other ---

// A place that changes because of an action tells so while it is carried out: that is looked at afterwards.
void engine_reconciler::reconcile() {
  again_ = true;
  if (reconciling_) return;
  reconciling_ = true;
  while (std::exchange(again_, false)) {
    observe_places();
    while (!withdrawn_) {
      auto const action = table_.step(now());
      if (!action) break;
      carry_out(*action);
    }
    for (auto const& engine : table_.take_overdue())
      log_warn("engine.overdue", engine.overdue + "; the engine is " + std::string(to_string(engine.status)),
               {{"engine", engine.engine.value}, {"model", engine.content.name}, {"reason", engine.reason}});
    offer_slots();
  }
  reconciling_ = false;
  changed_.notify_all();
  on_change_();
}

void engine_reconciler::observe_places() {
  for (auto const& [number, place] : places_) table_.observe(number, place->facts(), now());
}

void engine_reconciler::carry_out(engine_action const& action) {
  log_info("engine." + std::string(to_string(action.action)), action.difference,
           {{"engine", action.engine.value}, {"model", action.content.name}, {"slots", action.content.slots}});
  if (action.action == reconcile_action::load)
    places_.emplace(action.engine, std::make_unique<engine_place>(executor_, pool_, config_, action.engine,
                                                                  action.content, commons_, [this] { reconcile(); }));
  if (action.action == reconcile_action::unload) endings_.spawn("engine", end_place(action.engine));
}

// First to whom it is due, so that a swap leaves as short a gap as can be.
void engine_reconciler::offer_slots() {
  auto const* const admitted = withdrawn_ ? nullptr : table_.admitted();
  auto const place = admitted ? places_.find(admitted->engine) : places_.end();
  if (place != places_.end()) place->second->offer(audience_, admitted->version);
  for (auto const& [number, other] : places_)
    if (!admitted || number != admitted->engine) other->offer(std::nullopt, {});
}

task<> engine_reconciler::end_place(engine_number number) {
  auto& place = *places_.at(number);
  co_await place.end();
  retired_restarts_ += place.facts().restarts;
  places_.erase(number);
  table_.gone(number, now());
  reconcile();
}

// Drains have deadlines.
task<> engine_reconciler::keep_time() {
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  while (!is_cancelled(cancellation)) {
    auto const due = table_.next_step(mono_now());
    if (!due) {
      co_await changed_.wait();
      continue;
    }
    co_await with_deadline(*due - mono_now(), changed_.wait());
    if (*due <= mono_now()) reconcile();
  }
}

// --- the report ---

observed_engine const* engine_reconciler::find_primary() const {
  if (auto const* const admitted = table_.admitted()) return admitted;
  auto const& engines = table_.engines();
  auto const rank = [this](observed_engine const& e) {
    if (e.stopping) return 2;
    return e.content == table_.wanted().model ? 0 : 1;
  };
  auto const at = std::ranges::min_element(engines, {}, rank);
  return at == engines.end() ? nullptr : &*at;
}

engine_report engine_reconciler::report_of(observed_engine const& engine) const {
  auto const place = places_.find(engine.engine);
  engine_report out{.status = engine.status,
                    .model = engine.content.name,
                    .version = engine.version,
                    .slots = engine.content.slots,
                    .slots_busy = engine.busy,
                    .max_context_length = engine.content.max_context_length,
                    .pid = place == places_.end() ? 0 : place->second->pid(),
                    .restarts = engine.restarts + retired_restarts_,
                    .reason = engine.reason,
                    .content = content_digest(engine.content),
                    .memory_bytes = engine.memory_bytes};
  if (place != places_.end()) out.file = place->second->file()->facts();
  if (engine.loaded_in)
    out.load_milliseconds =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*engine.loaded_in).count());
  if (engine.stopping || (is_withdrawn(engine) && engine.status == engine_status::ready)) {
    out.status = engine_status::draining;
    out.reason = engine.stopping ? "it is being stopped" : "it finishes its requests";
  }
  if (!engine.overdue.empty()) out.reason = engine.overdue + (out.reason.empty() ? "" : ": " + out.reason);
  return out;
}

engines_observed engine_reconciler::report() const {
  engines_observed out;
  out.engine.restarts = retired_restarts_;
  auto const* const primary = find_primary();
  if (primary) out.engine = report_of(*primary);
  for (auto const& other : table_.engines())
    if (&other != primary) out.beside = report_of(other);
  for (auto const& [number, place] : places_)
    if (auto issue = place->file()->issue()) out.issues.push_back(*std::move(issue));
  if (table_.given_up())
    out.given_up = "version " + std::to_string(table_.wanted().version.value) + " does not load: " + *table_.given_up();
  return out;
}

} // namespace paddler
