// What an agent does next to bring the engines that it has to what is wanted of it: level-triggered, one action at a
// time, and nothing where nothing differs.
//
// A model swap is ordered: load the new engine beside the old one, admit it (slots move from the old to the new), drain
// the old one, unload it. Where both do not fit into memory, or it is not known that they do, the old one is drained
// and unloaded first. What serves goes on until something better is ready: an engine that does not load never takes
// away the one before it.
//
// No part of an engine's content can change while it runs (llama-server takes slots, context, template and sampling
// defaults at its start only): other content is another engine, on the same model file if need be.
#pragma once
#include "base/time.hpp"
#include "model/applicable.hpp"
#include "model/current.hpp"
#include "model/reconciliation.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace paddler {

// Of one agent at the same time: the one that serves, and the one that takes over from it.
inline constexpr std::size_t max_engines = 2;

// What engines may have of a machine's memory: a tenth is for whatever else runs there.
constexpr std::uint64_t share_for_engines(std::uint64_t memory_bytes) { return memory_bytes - memory_bytes / 10; }

// Whether requests are let in.
enum class engine_admission {
  never,     // not yet
  offered,   // its slots are offered to the balancer while it is ready
  withdrawn, // another engine was admitted
  draining,  // its requests may end until a deadline
};

// One of the agent's engines, as it is now.
struct observed_engine {
  engine_number engine;
  applicable_model content;
  generation version;                        // the newest whose content that was
  std::optional<std::uint64_t> memory_bytes; // that it needs; unknown where not given
  engine_status status = engine_status::loading;
  std::string reason; // why it is not ready
  engine_admission admission = engine_admission::never;
  int busy = 0;                         // requests that it answers
  std::optional<mono_time> drain_until; // while draining
  bool stopping = false;                // unloaded, but its process has not ended yet
  std::uint64_t restarts = 0;           // of its process, by its supervisor
  mono_time load_began{};
  std::optional<duration> loaded_in;   // from its load to the first served probe
  std::optional<mono_time> overdue_at; // when the action on it that is open will have taken too long
  std::string overdue;                 // that it has, in words; empty: it has not
};

struct reconcile_goal {
  std::optional<applicable_model> content;   // nothing: no engine
  std::optional<std::uint64_t> memory_bytes; // that an engine needs for it
};

struct reconcile_facts {
  std::optional<std::uint64_t> memory_bytes; // of the agent, for engines
  reconcile_goal const* last_good = nullptr; // what was admitted last
  bool given_up = false;                     // the goal does not load, and last_good is to serve in its place
  bool retry_due = false;                    // the goal was given up long enough ago to be tried again
};

struct planned_action {
  reconcile_action action = reconcile_action::load;
  engine_number engine;   // none for load
  bool gives_up = false;  // of the goal; last_good is to come back
  bool retries = false;   // the goal that was given up, beside what serves in its place
  std::string difference; // what is and what should be
};

std::optional<planned_action> plan(reconcile_goal const& wanted, std::span<observed_engine const> engines,
                                   reconcile_facts const& facts, mono_time now);

// When to plan again though nothing has happened: the next deadline of a drain after `now`.
std::optional<mono_time> next_plan(std::span<observed_engine const> engines, mono_time now);

// Whether exactly what is wanted runs and serves, and nothing else.
bool is_converged(reconcile_goal const& wanted, std::span<observed_engine const> engines);

} // namespace paddler
