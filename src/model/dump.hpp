// Everything that a balancer knew at one moment, in one value: to look at it elsewhere, and to decide it all again.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/applicable.hpp"
#include "model/desired.hpp"
#include "model/events.hpp"
#include "model/fields.hpp"
#include "model/reconciliation.hpp"
#include "model/record.hpp"
#include "model/snapshot.hpp"

#include <boost/describe/class.hpp>

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

// What of a dump can be decided again from its log: what was decided, and what was told of it.
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
  std::vector<cluster_event> events; // the newest ones, in order
};

BOOST_DESCRIBE_STRUCT(agent_applicable, (), (agent, state))

} // namespace paddler
