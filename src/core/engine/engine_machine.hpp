// One engine's life as a pure machine: what is wanted and what happened go in, what to do comes out.
//
//   stopped ──▶ starting ──▶ ready ──▶ draining ──▶ terminating ──▶ stopped
//                  │           │                         ▲
//                  ▼           ▼ (died, hung)            │ (another specification is wanted)
//               backing off ◀──┘
//                  │ the same failure, time after time
//                  ▼
//               parked (waits for another specification, tries again now and then)
//
// - Ready means that the engine served a probe through its whole stack; an open port or /health is not enough.
// - An engine that answers no probe is hung when it also uses hardly any processor time (less than a tenth of one
//   core); one that computes gets longer, because llama.cpp answers nothing while it works on a large batch.
// - Each child has a serial; what happened to an earlier child is ignored.
// - The shell keeps these promises: every probe gets exactly one answer (probe_served or probe_missed) unless the child
//   exits first; every child's end is told once (child_exited); one timer is enough, a newer arm_timer replaces it.
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/engine/engine_spec.hpp"
#include "model/current.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace paddler {

// Times and limits; the defaults serve production.
struct engine_policy {
  duration start_timeout = std::chrono::minutes(15); // from spawn to the first served probe
  duration start_probe_interval = std::chrono::milliseconds(100);
  duration start_probe_deadline = std::chrono::seconds(60); // the first token may have to read the whole model
  duration probe_interval = std::chrono::seconds(2);
  duration probe_deadline = std::chrono::seconds(5);
  duration hang_after = std::chrono::seconds(20);      // silent and idle for so long: hung
  duration busy_hang_after = std::chrono::minutes(10); // silent for so long: hung, however busy
  duration drain_probe_interval = std::chrono::milliseconds(100);
  duration stop_grace = std::chrono::seconds(5); // between SIGTERM and SIGKILL
  duration backoff_first = std::chrono::milliseconds(250);
  duration backoff_limit = std::chrono::minutes(1);
  duration stable_after = std::chrono::minutes(1);   // ready for so long: earlier failures are forgotten
  int same_failures_until_parked = 3;                // failed starts in a row with one cause
  int failures_until_parked = 6;                     // failed starts in a row, whatever their causes
  duration parked_retry = std::chrono::minutes(5);   // after failed starts
  duration refused_retry = std::chrono::seconds(15); // after a failed check of the model file, which is cheap
};

// Names one child process of one machine; 0 before the first.
using child_serial = std::uint64_t;

// --- events ---

// Run this; where something else runs, let its requests end for at most `drain` first.
struct engine_wanted {
  engine_spec spec;
  duration drain{};
};

struct engine_unwanted {
  duration drain{};
};

// No child was started: the model file or the command line is wrong, or the system refused.
struct spawn_refused {
  child_serial child = 0;
  error cause;
};

struct child_exited {
  child_serial child = 0;
  std::string reason; // explain_exit()
  std::string hint;
};

struct probe_served {
  child_serial child = 0;
  int slots_busy = 0;
};

struct probe_missed {
  child_serial child = 0;
  std::string reason;  // as in "503 Loading model"
  duration cpu_time{}; // processor time that the child has used since it was started
};

// Ask whether it serves now, not only when that is due.
struct engine_probe_wanted {};

struct engine_timer_fired {};

using engine_event = std::variant<engine_wanted, engine_unwanted, spawn_refused, child_exited, probe_served,
                                  probe_missed, engine_probe_wanted, engine_timer_fired>;

// --- effects, to be carried out in order ---

struct spawn_engine {
  child_serial child = 0;
  engine_spec spec;
};

enum class probe_kind {
  readiness, // one token, or one embedding, through the whole stack
  liveness,  // anything that goes through the engine's queue of tasks, and how many slots are busy
};

struct probe_engine {
  child_serial child = 0;
  probe_kind kind = probe_kind::readiness;
  duration deadline{};
};

struct terminate_engine {
  child_serial child = 0;
};

struct kill_engine {
  child_serial child = 0;
};

struct arm_engine_timer {
  mono_time at;
};

// What to tell the outside. Sent when it differs from the last one.
struct engine_condition {
  engine_status status = engine_status::none;
  std::string reason; // why it is not ready
  std::string hint;   // what to do about it; may be empty
  child_serial child = 0;
  std::uint64_t restarts = 0; // children started because an earlier one failed
  int slots_busy = 0;         // as of the newest probe
  std::optional<mono_time> retry_at;
  friend bool operator==(engine_condition const&, engine_condition const&) = default;
};

using engine_effect =
    std::variant<spawn_engine, probe_engine, terminate_engine, kill_engine, arm_engine_timer, engine_condition>;
using engine_effects = std::vector<engine_effect>;

class engine_machine {
public:
  explicit engine_machine(engine_policy policy = {});

  // `random` is uniform in [0, 1); it spreads retries.
  engine_effects apply(engine_event const& event, mono_time now, double random);

  [[nodiscard]] engine_condition const& condition() const { return condition_; }

private:
  enum class phase { stopped, starting, ready, draining, terminating, backing_off, parked };
  struct step; // one apply() in progress; engine_machine.cpp

  engine_policy policy_;
  phase phase_ = phase::stopped;
  std::optional<engine_spec> wanted_;
  engine_condition condition_;
  engine_condition reported_;
  std::optional<mono_time> armed_;
  mono_time deadline_{}; // of the phase: of starting, draining, being polite, or waiting to retry

  // of the newest child
  engine_spec running_;
  child_serial child_ = 0;
  bool served_ = false; // it was ready once
  bool killed_ = false;
  std::optional<error> fault_; // why it is being ended, where that is not a wish
  mono_time ready_since_{};

  // of its probes
  bool probing_ = false;
  mono_time next_probe_{};
  mono_time answered_at_{};          // the newest served one
  mono_time progress_at_{};          // the newest sign of life: an answer, or processor time used
  std::optional<duration> cpu_time_; // as of the newest missed one
  mono_time cpu_time_at_{};          // when that was
  std::string missed_reason_;        // of the newest missed one

  // of failures since the last stable time
  int failures_ = 0;
  int failed_starts_ = 0; // in a row
  int same_failures_ = 0; // of these, the newest ones with one cause
  std::string last_cause_;
};

} // namespace paddler
