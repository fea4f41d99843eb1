// The agent's half of the link protocol (model/link.hpp, docs/protocol.md) as a pure machine: which balancer to dial
// and when, what to say on the link, and what to make of the state that comes.
//
//   waiting ──▶ dialling ──▶ greeting ──▶ live          any ──▶ stopped
//      ▲            │            │          │           (asked to, or refused for good)
//      └────────────┴────────────┴──────────┘
//
// - Each dial has a serial; what happened to an earlier dial is ignored.
// - Addresses are tried in turn; after a round without a welcome, and after the loss of a link, it waits with
//   exponential backoff and full jitter.
// - The newest state that was accepted stays, whatever becomes of the link. A state that was refused is checked again
//   now and then: what it lacked may have come.
// - The shell keeps these promises: each dial_balancer is answered by dial_opened or dial_ended, each end of an open
//   link by dial_ended, each check_state by state_checked, each examine_state by state_examined; when `next_deadline()`
//   has come it applies agent_timer_fired.
#pragma once
#include "base/time.hpp"
#include "model/link.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace paddler {

// Times and limits; the defaults serve production.
struct agent_link_policy {
  duration backoff_first = std::chrono::milliseconds(100);
  duration backoff_limit = std::chrono::seconds(3);
  duration greeting_deadline = std::chrono::seconds(10);    // from dialling to the welcome
  duration report_spacing = std::chrono::milliseconds(100); // of those that tell of busy slots only
  duration report_at_least = std::chrono::seconds(10);      // also where nothing changed: what was said expires
  duration recheck_refused = std::chrono::seconds(15);
  duration shortest_heartbeat = std::chrono::milliseconds(10); // whatever the balancer asks for
  duration longest_heartbeat = std::chrono::minutes(1);
  std::size_t actions_kept = 64;     // the newest, told to each balancer that greets
  bool deltas = true;                // to offer them (wire/link_compressor.hpp)
  std::size_t questions_at_once = 8; // under examination; more are not answered
};

// What stays the same as long as the process lives.
struct agent_identity {
  agent_id agent;
  incarnation process;
  agent_capabilities capabilities;
  std::optional<agent_spec> discovered;
};

// Names one dial of one process; 0 before the first.
using dial_serial = std::uint64_t;

// --- events ---

struct agent_started {};

// The WebSocket is open.
struct dial_opened {
  dial_serial dial = 0;
};

// It could not be opened, or it ended.
struct dial_ended {
  dial_serial dial = 0;
  std::string reason;
};

struct balancer_spoke {
  dial_serial dial = 0;
  balancer_message message;
};

// What the report is to say of the agent's engines.
struct engines_observed {
  engine_report engine;
  std::optional<engine_report> beside;
  std::string given_up;
  std::vector<reconciliation> actions; // of the log: new ones, and those that were closed
  std::vector<state_issue> issues = {};
};

// No errors: the agent can run this state. Whole, since two balancers may give one version to different content.
struct state_checked {
  applicable_state state;
  std::vector<field_error> errors;
};

// What became of an examine_state.
struct state_examined {
  dial_serial dial = 0;
  link_answer answer;
};

// What the agent's machine is and has, looked at again.
struct machine_measured {
  agent_capabilities capabilities;
};

struct agent_timer_fired {};

struct agent_stopped {};

using agent_link_event =
    std::variant<agent_started, dial_opened, dial_ended, balancer_spoke, engines_observed, state_checked,
                 state_examined, machine_measured, agent_timer_fired, agent_stopped>;

// --- effects, to be carried out in order ---

struct dial_balancer {
  dial_serial dial = 0;
  std::size_t address = 0; // index into the configured ones
};

struct end_dial {
  dial_serial dial = 0;
  std::string reason;
};

struct send_to_balancer {
  dial_serial dial = 0;
  agent_message message;
};

struct check_state {
  applicable_state state;
};

// Could it be run? Answered with state_examined; nothing else follows from it.
struct examine_state {
  dial_serial dial = 0;
  std::uint64_t number = 0; // of the question
  applicable_state state;
};

// The engine is to run this from now on. Where only the version is new, the engine stays as it is.
struct run_state {
  applicable_state state;
};

// Words for the person who runs the agent.
struct tell_operator {
  std::string text;
  bool at_each_dial = false; // so it will be said again; everything else is said once, and not to be left out
};

// No balancer will ever let this agent in as it is.
struct give_up {
  std::string reason;
};

using agent_link_effect = std::variant<dial_balancer, end_dial, send_to_balancer, check_state, examine_state, run_state,
                                       tell_operator, give_up>;
using agent_link_effects = std::vector<agent_link_effect>;

class agent_link_machine {
public:
  // `addresses` counts the configured balancers; at least one.
  agent_link_machine(agent_link_policy const& policy, agent_identity identity, std::size_t addresses)
      : policy_(policy), self_(std::move(identity)), addresses_(addresses) {}

  // `random` is uniform in [0, 1); it spreads the dials of many agents.
  agent_link_effects apply(agent_link_event const& event, mono_time now, double random);
  [[nodiscard]] std::optional<mono_time> next_deadline() const;

  [[nodiscard]] bool is_live() const { return phase_ == phase::live; }

  // The newest state that was accepted; none before the first.
  [[nodiscard]] std::optional<applicable_state> const& accepted() const { return accepted_; }

private:
  enum class phase { idle, waiting, dialling, greeting, live, stopped };
  struct step; // one apply() in progress; agent_link_machine.cpp

  [[nodiscard]] duration patience() const { return heartbeat_ * missed_heartbeats_until_dead; }

  agent_link_policy policy_;
  agent_identity self_;
  std::size_t addresses_;

  phase phase_ = phase::idle;
  epoch highest_epoch_;
  epoch state_from_; // of the balancer that sent the newest state

  // of dialling
  dial_serial dial_ = 0;
  std::size_t address_ = 0;
  std::size_t tried_in_round_ = 0;
  int failed_rounds_ = 0; // since the last welcome
  mono_time deadline_{};  // of waiting, dialling and greeting

  // of the live link
  duration heartbeat_{};
  mono_time heard_at_{};
  mono_time next_heartbeat_{};
  std::uint64_t heartbeats_ = 0;
  std::size_t questions_ = 0; // under examination

  // of state
  std::optional<applicable_state> accepted_;
  std::optional<applicable_state> pending_; // being checked
  std::optional<applicable_state> refused_;
  std::vector<field_error> refusal_;
  mono_time recheck_at_{};

  // of reports
  agent_report report_;
  std::map<std::uint64_t, reconciliation> actions_; // by number
  std::set<std::uint64_t> untold_;                  // numbers of actions that this balancer does not know as they are
  bool report_due_ = false;
  bool capabilities_untold_ = false; // they are others than this link's balancer knows
  mono_time next_report_{};
  mono_time reported_at_{};
};

} // namespace paddler
