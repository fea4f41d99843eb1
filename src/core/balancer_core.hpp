// Everything a balancer decides, behind one door: an event goes in, a batch of effects comes out (design.md section 2).
//
// The shell carries effects out in two lanes, each in order:
//   control: persist → send → close → answer. Nothing of this lane leaves before every earlier record is durable.
//   data:    run, fail, drop. These depend on observed facts only, never on a record that is still being written.
// The core owns no clock and no timer: call `apply(time_passed{}, now)` when `next_deadline()` has come.
#pragma once
#include "core/dispatch/dispatcher.hpp"
#include "core/session/agent_table.hpp"
#include "core/state/desired_state.hpp"

#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace paddler {

// --- events ---

struct link_greeted {
  link_id link;
  link_hello hello;
};

struct link_spoke {
  link_id link;
  agent_message message;
};

struct link_closed {
  link_id link;
};

// A desired document was handed in. The answer carries the same command.
struct desired_submitted {
  command_id command;
  desired_change change;
};

struct request_arrived {
  request_arrival request;
};

struct request_left {
  request_id id;
};

struct slot_arrived {
  slot_offer slot;
};

struct slot_left {
  slot_serial serial;
};

struct attempt_sent {
  request_id id;
  attempt number;
};

struct attempt_first_byte {
  request_id id;
  attempt number;
};

struct attempt_ended {
  request_id id;
  attempt number;
  attempt_outcome outcome = attempt_outcome::completed;
};

struct time_passed {};

struct stop_requested {};

using balancer_event =
    std::variant<link_greeted, link_spoke, link_closed, desired_submitted, request_arrived, request_left, slot_arrived,
                 slot_left, attempt_sent, attempt_first_byte, attempt_ended, time_passed, stop_requested>;

// --- effects ---

struct persist_record {
  log_record record;
};

struct answer_command {
  command_id command;
  result<revision> outcome;
};

// Every slot connection of this agent process is worthless.
struct drop_slots {
  agent_id agent;
  incarnation process;
};

struct drop_slot {
  slot_serial serial;
  std::string reason;
};

// A source set a field that another one decides, and is to be told.
struct tell_loser {
  lost_field loss;
};

using balancer_effect = std::variant<persist_record, send_to_agent, close_link, answer_command, tell_loser, run_request,
                                     fail_request, drop_slots, drop_slot>;
using balancer_effects = std::vector<balancer_effect>;

struct balancer_policy {
  dispatch_policy dispatch;
  link_policy link;
};

class balancer_core {
public:
  balancer_core(balancer_policy const& policy, epoch leader)
      : leader_(leader), agents_(policy.link, leader), dispatch_(policy.dispatch) {}

  // Folds the log in, before the first event.
  void restore(std::span<log_record const> log);

  balancer_effects apply(balancer_event const& event, instant now);
  [[nodiscard]] std::optional<mono_time> next_deadline() const;

  [[nodiscard]] desired_state const& desired() const { return desired_; }

  [[nodiscard]] agent_table const& agents() const { return agents_; }

  [[nodiscard]] dispatcher const& requests() const { return dispatch_; }

  [[nodiscard]] epoch leader() const { return leader_; }

private:
  struct handler;

  epoch leader_;
  desired_state desired_;
  agent_table agents_;
  dispatcher dispatch_;
};

} // namespace paddler
