// Everything that a balancer knew at one moment, in one value: to look at it elsewhere, and to decide it all again.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/applicable.hpp"
#include "model/desired.hpp"
#include "model/events.hpp"
#include "model/fields.hpp"
#include "model/policies.hpp"
#include "model/reconciliation.hpp"
#include "model/record.hpp"
#include "model/request.hpp"
#include "model/route.hpp"
#include "model/snapshot.hpp"
#include "model/views.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// The applicable state of one agent, as lists have it.
struct agent_applicable {
  agent_id agent;
  applicable_state state;
  friend bool operator==(agent_applicable const&, agent_applicable const&) = default;
};

// What one engine would have cost an attempt (core/dispatch/routing.hpp).
struct dumped_score {
  route_filter filter = route_filter::none;
  bool avoided = false;
  bool saturated = false;
  std::uint64_t cached_blocks = 0;
  std::int64_t prefill_nanoseconds = 0;
  std::int64_t load_nanoseconds = 0;
  std::int64_t token_nanoseconds = 0;
  std::int64_t away_nanoseconds = 0;
  std::int64_t pace_nanoseconds = 0;
};

// One engine that was looked at for an attempt: all that was known of it, and what that came to.
struct dumped_candidate {
  agent_id agent;
  std::uint16_t engine = 0; // to be compared with those of the same route only
  std::uint16_t busy = 0;
  std::uint16_t total = 0;
  route_filter filter = route_filter::none;
  bool lost_it = false;
  bool kept = false;
  bool has_session = false;
  std::uint64_t cached_blocks = 0;
  std::uint32_t prefill_speed = 0;
  std::uint32_t decode_speed = 0;
  std::int64_t ahead_nanoseconds = 0;
  dumped_score score;
};

// Where an attempt went, and all that this was decided by.
struct dumped_route {
  std::uint64_t attempt = 0;
  agent_id agent;
  std::uint16_t engine = 0; // of it
  route_reason reason = route_reason::nowhere;
  generation policies;
  routing_strategy strategy = routing_strategy::prefix;
  std::uint32_t saturation_percent = 0;
  std::int64_t full_load_nanoseconds = 0;
  std::uint32_t pace_percent = 0;
  std::uint64_t prompt_blocks = 0;
  std::uint16_t turn = 0;
  std::vector<dumped_candidate> candidates;
};

struct dumped_request {
  request_id id;
  request_state state = request_state::queued;
  std::uint64_t tries = 0;
  std::vector<request_step_view> steps;
  std::vector<request_attempt_view> attempts;
  std::vector<dumped_route> routes;
};

struct dumped_ledger {
  std::uint64_t left_out = 0;           // older requests that were known too
  std::vector<dumped_request> requests; // the newest first
};

// What of a dump can be decided again: what was decided, and what was told of it.
struct cluster_dump {
  std::string version; // of the balancer
  wall_time taken;
  revision at; // of desired state
  std::optional<state_snapshot> base;
  std::vector<log_record> log; // behind `base`, or from the first one on
  desired_document desired;
  std::vector<agent_applicable> applicable;
  std::optional<applicable_policies> policies; // none: by a version that had none
  std::vector<field_provenance> conflicts;
  std::vector<logged_action> actions;
  std::vector<cluster_event> events;   // the newest ones, in order
  std::optional<dumped_ledger> ledger; // none: by a version that told none
};

BOOST_DESCRIBE_STRUCT(agent_applicable, (), (agent, state))
BOOST_DESCRIBE_STRUCT(dumped_score, (),
                      (filter, avoided, saturated, cached_blocks, prefill_nanoseconds, load_nanoseconds,
                       token_nanoseconds, away_nanoseconds, pace_nanoseconds))
BOOST_DESCRIBE_STRUCT(dumped_candidate, (),
                      (agent, engine, busy, total, filter, lost_it, kept, has_session, cached_blocks, prefill_speed,
                       decode_speed, ahead_nanoseconds, score))
BOOST_DESCRIBE_STRUCT(dumped_route, (),
                      (attempt, agent, engine, reason, policies, strategy, saturation_percent, full_load_nanoseconds,
                       pace_percent, prompt_blocks, turn, candidates))
BOOST_DESCRIBE_STRUCT(dumped_request, (), (id, state, tries, steps, attempts, routes))
BOOST_DESCRIBE_STRUCT(dumped_ledger, (), (left_out, requests))

} // namespace paddler
