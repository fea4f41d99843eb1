// Everything a balancer decides, behind one door: an event goes in, a batch of effects comes out (design.md section 2).
//
// A change of desired state is decided, persisted, and only then made: the shell stores the records that it is told to
// persist, in order, and says so (`records_stored`, `records_refused`). Everything that is shown, sent, answered or
// routed by follows from what is durable; what waits is known to nobody but the next decision. So a disk that is full
// takes nothing back.
//
// The core owns no clock and no timer: call `apply(time_passed{}, now)` when `next_deadline()` has come.
#pragma once
#include "core/dispatch/dispatch_settings.hpp"
#include "core/dispatch/dispatcher.hpp"
#include "core/events/event_feed.hpp"
#include "core/session/agent_table.hpp"
#include "core/state/desired_state.hpp"
#include "core/state/history.hpp"
#include "model/history.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace paddler {

// --- events ---

// Everything is restored, and the shell carries effects out.
struct balancer_started {};

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

// The caller has ended it: its client left, or it was given up for the reason that is given.
struct request_left {
  request_serial serial;
  request_failure why = request_failure::client_gone;
};

struct slot_arrived {
  slot_offer slot;
};

struct slot_left {
  slot_serial serial;
  std::optional<request_serial> reader = {}; // whose attempt runs on it, and may still read what came
};

struct attempt_sent {
  request_serial serial;
  attempt number;
};

// It was to be interrupted, and cannot go on elsewhere.
struct attempt_stays {
  request_serial serial;
  attempt number;
};

// The first of this attempt that the client gets.
struct attempt_first_byte {
  request_serial serial;
  attempt number;
};

struct attempt_ended {
  request_serial serial;
  attempt number;
  attempt_outcome outcome = attempt_outcome::completed;
  std::optional<resume_refusal> not_resumable = {}; // of a stream that was lost: why it cannot go on
  unsigned status = 200;                            // of the engine's answer, where that was completed
};

// The records up to this one are durable.
struct records_stored {
  revision last;
};

// Of the records that wait none was stored, nor will be; the next ones take their numbers.
struct records_refused {
  error why;
};

// What compact_log asked for is done: this snapshot took the place of the records up to its revision.
struct log_compacted {
  std::shared_ptr<state_snapshot const> base;
};

// It could not be done; every record is still there.
struct log_not_compacted {};

struct time_passed {};

struct stop_requested {};

using balancer_event =
    std::variant<balancer_started, link_greeted, link_spoke, link_closed, desired_submitted, request_arrived,
                 request_left, slot_arrived, slot_left, attempt_sent, attempt_first_byte, attempt_stays, attempt_ended,
                 records_stored, records_refused, log_compacted, log_not_compacted, time_passed, stop_requested>;

// --- effects ---

struct persist_record {
  log_record record;
};

struct answer_command {
  command_id command;
  result<change_outcome> outcome;
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

// A source set a field that another one decides, and is to be told: when it begins, and once more by each process that
// starts later, as long as it is so. An agent is told by a link_notice, in the same way by each link.
struct tell_loser {
  lost_field loss;
};

// An agent gets requests again, or not any more.
struct tell_breaker {
  breaker_changed what;
};

// The records up to `last` are to be folded into the snapshot before them, which takes their place in the log.
struct compact_log {
  revision last;
};

using balancer_effect = std::variant<persist_record, send_to_agent, close_link, answer_command, tell_loser, run_request,
                                     fail_request, interrupt_attempt, drop_slots, drop_slot, tell_breaker, compact_log>;
using balancer_effects = std::vector<balancer_effect>;

struct balancer_policy {
  duration discovery_retry = std::chrono::seconds(5); // where what an agent said of itself could not be stored
  history_policy history;
  dispatch_policy dispatch;
  link_policy link;
};

class balancer_core {
public:
  balancer_core(balancer_policy const& policy, epoch leader)
      : leader_(leader),
        discovery_retry_(policy.discovery_retry),
        started_with_(policy.dispatch),
        policies_{{}, settings_of(policy.dispatch)},
        history_(policy.history),
        agents_(policy.link, leader),
        dispatch_(policy.dispatch) {}

  // Goes on from what was stored, before the first event.
  void restore(state_snapshot base, std::span<log_record const> log);

  balancer_effects apply(balancer_event const& event, instant now);
  [[nodiscard]] std::optional<mono_time> next_deadline() const;

  // As far as it is durable.
  [[nodiscard]] desired_state const& desired() const { return desired_; }

  // What requests are served by: what is desired, else what the balancer was started with.
  [[nodiscard]] applicable_policies const& policies() const { return policies_; }

  // As far as it is durable, too.
  [[nodiscard]] state_history const& history() const { return history_; }

  [[nodiscard]] agent_table const& agents() const { return agents_; }

  [[nodiscard]] dispatcher const& requests() const { return dispatch_; }

  // What happened, for those who watch.
  [[nodiscard]] event_feed const& events() const { return events_; }

  // The agents whose entry or whose applicable state the last apply() changed.
  [[nodiscard]] std::vector<agent_id> const& restated() const { return restated_; }

  [[nodiscard]] epoch leader() const { return leader_; }

private:
  struct handler;

  void take_policies();

  // Of an agent, as its newest report told.
  struct engine_seen {
    incarnation process;
    engine_status status = engine_status::none; // of its engine, while it is connected
    std::uint64_t restarts = 0;
  };

  // A decision that waits for the records up to `after`.
  struct waiting_decision {
    revision after;
    std::optional<log_record> record;
    std::optional<command_id> command; // who is to be answered
    std::optional<error> refused;      // the answer, where it was not accepted
    std::optional<agent_spec> discovered;
    agent_id agent; // who said that of itself; empty: nobody did
    link_id link;   // on which it is to be told what of that is lost
  };

  epoch leader_;
  duration discovery_retry_;
  dispatch_policy started_with_;
  applicable_policies policies_;
  desired_state desired_;
  std::vector<agent_id> restated_;
  desired_state decided_; // ahead of it by the records that wait
  state_history history_;
  bool compacting_ = false;
  std::optional<mono_time> look_at_age_;
  std::deque<waiting_decision> waiting_;
  std::map<agent_id, std::optional<agent_spec>> undiscovered_; // what agents said of themselves and was not stored
  std::optional<mono_time> discover_at_;
  std::map<agent_id, link_id> told_on_; // the link on which an agent was told last what it lost
  agent_table agents_;
  std::map<agent_id, engine_seen> engines_;
  event_feed events_;
  dispatcher dispatch_;
};

} // namespace paddler
