// The rows that the management API shows and the command line prints: desired, applicable and current state joined for
// people.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/breaker.hpp"
#include "model/current.hpp"
#include "model/fields.hpp"
#include "model/reconciliation.hpp"
#include "model/request.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// What travelled over a link in one direction since it was opened.
struct link_traffic {
  std::uint64_t messages = 0;
  std::uint64_t deltas = 0;      // of these, those that said only what differs
  std::uint64_t bytes = 0;       // of all messages, as they travelled
  std::uint64_t whole_bytes = 0; // that the same messages would have taken whole
  friend bool operator==(link_traffic const&, link_traffic const&) = default;
};

// As the balancer sees it.
struct link_view {
  link_traffic sent;
  link_traffic received;
};

// Of an agent whose machine is to become empty.
enum class drain_state { draining, drained }; // with requests, and with none

struct agent_view {
  agent_id id;
  bool connected = false;
  engine_status status = engine_status::none; // of its engine, as last reported
  std::optional<std::string> model;           // what it serves or is to serve
  int slots = 0;
  int slots_busy = 0;
  std::optional<drain_state> drain;                  // nothing where it is wanted
  std::optional<breaker_standing> breaker;           // how its requests went; nothing where nothing speaks against it
  std::optional<std::uint64_t> request_milliseconds; // that one takes its slot, on average
  generation wanted;                                 // version of its applicable state
  generation applied;                                // version that it accepted
  std::optional<generation> serving;                 // version that its engine runs, where that is ready
  bool refused = false; // it refuses the version that is wanted, and will until the content changes
  std::string reason;   // why it is not ready, for people; empty where it is
  wall_time last_seen;
  std::int64_t engine_pid = 0;
  std::uint64_t engine_restarts = 0;
  agent_capabilities capabilities;
  std::optional<model_file> file; // that its engine's model was loaded from
  std::vector<state_issue> issues;
  std::optional<link_view> link; // while it is connected
};

struct model_view {
  std::string name;
  int agents_wanted = 0; // agents that are to serve it
  int agents_ready = 0;
  int slots = 0;
  int slots_busy = 0;
  std::vector<agent_id> agents;
};

enum class slot_status { idle, busy };

struct slot_view {
  std::string id; // AGENT/NUMBER
  agent_id agent;
  std::string model;
  slot_status status = slot_status::idle;
  std::optional<request_id> request;
};

struct request_view {
  request_id id;
  std::string model;
  std::string endpoint;
  request_state status = request_state::queued;
  std::optional<request_failure> failure;
  std::optional<resume_refusal> not_resumed; // why its stream did not go on elsewhere
  std::optional<agent_id> agent;             // of the newest attempt
  std::string priority;                      // interactive, default, bulk
  std::uint64_t attempts = 0;
  std::uint64_t resumes = 0; // how often its stream lost its engine and was to go on
  std::uint64_t queue_milliseconds = 0;
  wall_time created_at;
  std::optional<wall_time> completed_at;
};

// One step on a request's way.
struct request_step_view {
  wall_time at;
  request_state state = request_state::queued;
  std::uint64_t attempt = 0; // 0: before the first
};

// One try on one slot.
struct request_attempt_view {
  std::uint64_t number = 0;
  agent_id agent;
  generation version;                     // of the applicable state that its engine ran
  std::optional<attempt_outcome> outcome; // none while it runs, and where the client left
};

// An engine that was looked at for an attempt, and what it would have cost to go there: the least won.
struct route_candidate_view {
  agent_id agent;
  bool chosen = false;
  int slots = 0;
  int slots_busy = 0;
  std::optional<std::string> left_out; // why it could not take it
  bool saturated = false;              // so busy that what it has read did not count
  std::uint64_t cached_blocks = 0;     // of the prompt, that counted
  std::uint64_t prefill_microseconds = 0;
  std::uint64_t load_microseconds = 0;
  std::uint64_t token_microseconds = 0;
  std::uint64_t away_microseconds = 0; // from its session
  std::uint64_t pace_microseconds = 0; // it had more than its turn, by how fast it is
};

// Why an attempt went where it went.
struct route_view {
  std::uint64_t attempt = 0;
  agent_id agent;
  std::string strategy;
  std::string reason;
  std::uint64_t policies = 0; // version of those by which it was decided; 0: nobody ever set one
  std::uint64_t prompt_blocks = 0;
  std::vector<route_candidate_view> candidates;
  std::uint64_t others = 0;         // engines that had neither an idle slot nor a part of the prompt, or were busier
  std::uint64_t others_open = 0;    // beside these: that failed too often
  std::uint64_t others_drained = 0; // and that are to get nothing new
};

// One request's whole way, as far as it is kept (max_request_steps, max_request_attempts).
struct request_page {
  request_view request;
  std::optional<std::string> why_not_resumed; // `not_resumed` as a sentence
  std::vector<request_step_view> steps;
  std::vector<request_attempt_view> attempts;
  std::vector<route_view> routes; // of the attempts
};

// One policy that requests are served by.
struct policy_view {
  std::string name;                    // GROUP.FIELD, as in routing.strategy
  std::optional<field_value> value;    // none: no limit
  std::optional<source_id> decided_by; // none: nobody; it is as the balancer was started
  std::optional<revision> since;
};

// One line of the reconciliation log.
struct reconciliation_view {
  std::string id; // AGENT/PROCESS/NUMBER, or AGENT/balancer/NUMBER for what the balancer did
  agent_id agent;
  bool by_balancer = false;
  std::uint64_t number = 0; // counted by each process of its own
  reconcile_action action = reconcile_action::load;
  std::string model;
  generation goal;        // version of applicable state that was wanted
  std::string difference; // that caused it
  reconcile_outcome outcome = reconcile_outcome::open;
  std::string observation; // that closed it; empty while it is open
  wall_time started_at;
  std::optional<wall_time> ended_at;
};

// A list as the API answers it.
template <class View> struct view_list {
  std::vector<View> items;
  revision at; // of desired state when the list was made
};

BOOST_DESCRIBE_ENUM(drain_state, draining, drained)
BOOST_DESCRIBE_ENUM(slot_status, idle, busy)
BOOST_DESCRIBE_STRUCT(link_traffic, (), (messages, deltas, bytes, whole_bytes))
BOOST_DESCRIBE_STRUCT(link_view, (), (sent, received))
BOOST_DESCRIBE_STRUCT(agent_view, (),
                      (id, connected, status, model, slots, slots_busy, drain, breaker, request_milliseconds, wanted,
                       applied, serving, refused, reason, last_seen, engine_pid, engine_restarts, capabilities, file,
                       issues, link))
BOOST_DESCRIBE_STRUCT(model_view, (), (name, agents_wanted, agents_ready, slots, slots_busy, agents))
BOOST_DESCRIBE_STRUCT(slot_view, (), (id, agent, model, status, request))
BOOST_DESCRIBE_STRUCT(request_view, (),
                      (id, model, endpoint, status, failure, not_resumed, agent, priority, attempts, resumes,
                       queue_milliseconds, created_at, completed_at))
BOOST_DESCRIBE_STRUCT(request_step_view, (), (at, state, attempt))
BOOST_DESCRIBE_STRUCT(request_attempt_view, (), (number, agent, version, outcome))
BOOST_DESCRIBE_STRUCT(route_candidate_view, (),
                      (agent, chosen, slots, slots_busy, left_out, saturated, cached_blocks, prefill_microseconds,
                       load_microseconds, token_microseconds, away_microseconds, pace_microseconds))
BOOST_DESCRIBE_STRUCT(route_view, (),
                      (attempt, agent, strategy, reason, policies, prompt_blocks, candidates, others, others_open,
                       others_drained))
BOOST_DESCRIBE_STRUCT(policy_view, (), (name, value, decided_by, since))
BOOST_DESCRIBE_STRUCT(request_page, (), (request, why_not_resumed, steps, attempts, routes))
BOOST_DESCRIBE_STRUCT(reconciliation_view, (),
                      (id, agent, by_balancer, number, action, model, goal, difference, outcome, observation,
                       started_at, ended_at))

} // namespace paddler
