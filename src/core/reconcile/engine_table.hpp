// An agent's engines: what is wanted, what there is, what was done about the difference and why. The planner decides;
// this class remembers. Pure: the shell carries out the action that step() returns and says what came of it.
//
//   table.want(state, need, now);          // whenever a state was accepted
//   table.observe(engine, facts, now);     // whenever an engine changed
//   while (auto action = table.step(now))  // after each of them, and when next_step() has come
//     carry_out(*action);
//
// - load gives a new engine its number. Its end is told once, after unload, with gone().
// - A goal whose engine does not load while nothing else serves is given up: what served before is loaded again. The
//   goal is tried again after a while if it fits beside that one, which then stays whatever becomes of the goal;
//   otherwise it waits until its content changes.
// - An action that stays open for longer than it may take is told once, with take_overdue(), and goes on.
// - Every action is in the log, open until an observation closes it.
#pragma once
#include "base/bounded.hpp"
#include "core/reconcile/planner.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace paddler {

struct engine_table_policy {
  duration drain = std::chrono::seconds(30);         // for running requests, before their engine is unloaded
  std::optional<std::uint64_t> memory_bytes;         // for engines; not known where not given
  std::size_t log_entries = 64;                      // the newest are kept
  duration retry_given_up = std::chrono::minutes(5); // after a goal was given up
  duration load_limit = std::chrono::minutes(15);    // what a load, or a restart, may take
  duration overdue_after = std::chrono::minutes(1);  // on top of what an action may take
};

// What is known of an engine at one moment.
struct engine_facts {
  engine_status status = engine_status::loading;
  std::string reason;         // why it is not ready
  std::uint64_t restarts = 0; // of its process, by its supervisor
  int busy = 0;               // requests that it answers
};

// What to do now, with all that it takes.
struct engine_action {
  reconcile_action action = reconcile_action::load;
  engine_number engine;
  applicable_model content; // of that engine
  std::string difference;   // that caused it
};

class engine_table {
public:
  explicit engine_table(engine_table_policy const& policy) : policy_(policy), log_(policy.log_entries) {}

  // `memory_bytes` is what an engine needs for it, where that is known.
  void want(applicable_state const& state, std::optional<std::uint64_t> memory_bytes, instant now);

  // What there is for engines, measured again.
  void set_memory(std::optional<std::uint64_t> memory_bytes) { policy_.memory_bytes = memory_bytes; }

  // Facts of an engine that is not there change nothing.
  void observe(engine_number engine, engine_facts const& facts, instant now);
  void gone(engine_number engine, instant now);

  // One action, noted as taken, or nothing: then all is as wanted, or something is under way, or cannot be mended.
  std::optional<engine_action> step(instant now);

  // When to step again though nothing has happened.
  [[nodiscard]] std::optional<mono_time> next_step(mono_time now) const;

  // Engines whose action has been open for too long, since the last call: `overdue` says it in words.
  std::vector<observed_engine> take_overdue();

  [[nodiscard]] applicable_state const& wanted() const { return wanted_; }

  [[nodiscard]] std::vector<observed_engine> const& engines() const { return engines_; }

  [[nodiscard]] observed_engine const* find(engine_number engine) const;

  // The engine whose slots are offered while it is ready; none before the first was admitted.
  [[nodiscard]] observed_engine const* admitted() const;

  [[nodiscard]] bool converged() const { return is_converged(goal_, engines_); }

  // Why the goal was given up; nothing where it was not.
  [[nodiscard]] std::optional<std::string> given_up() const;

  // In order of number. An entry changes once after it was made: when it is closed.
  [[nodiscard]] bounded_ring<reconciliation> const& log() const { return log_; }

  // Entries that were made or closed since the last call, in order of number.
  std::vector<reconciliation> take_log_news();

private:
  struct failed_goal {
    std::string reason;
    mono_time retry_at{};
  };

  observed_engine* find_mutable(engine_number engine);
  [[nodiscard]] reconcile_facts facts(mono_time now) const;
  [[nodiscard]] duration limit_of(reconcile_action action) const;
  void note_overdue(mono_time now);
  engine_number add_engine(instant now);
  void admit(observed_engine& engine);
  void drain(observed_engine& engine, instant now);
  void follow_load(observed_engine& engine, instant now);
  void open_entry(observed_engine& engine, planned_action const& why, instant now);
  reconciliation* open_entry_of(engine_number engine);
  void close_entry(engine_number engine, reconcile_outcome outcome, std::string observation, instant now);

  engine_table_policy policy_;
  applicable_state wanted_;
  reconcile_goal goal_;
  std::optional<reconcile_goal> last_good_;
  generation last_good_version_;
  std::optional<failed_goal> given_up_;
  std::vector<observed_engine> engines_;
  std::set<engine_number> overdue_; // not yet taken
  std::uint64_t newest_engine_ = 0;
  std::uint64_t newest_entry_ = 0;
  bounded_ring<reconciliation> log_;
  std::set<std::uint64_t> log_news_; // numbers of entries in the log
};

} // namespace paddler
