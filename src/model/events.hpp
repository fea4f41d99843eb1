// What happened in the cluster, for those who watch it: agents that came and went, desired state that changed, what
// serves and what does not, and each step of reconciling. Requests are not among them: see the request table.
#pragma once
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/breaker.hpp"
#include "model/current.hpp"
#include "model/fields.hpp"
#include "model/reconciliation.hpp"
#include "model/record.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace paddler {

struct agent_joined {
  static constexpr std::string_view type = "agent.joined";
  agent_id agent;
  incarnation process;
  std::string hostname;
  std::string version; // of paddler
};

struct agent_left {
  static constexpr std::string_view type = "agent.left";
  agent_id agent;
  incarnation process;
};

// The event's revision is that of the change.
struct config_changed {
  static constexpr std::string_view type = "config.changed";
  source_id source;
  change_origin origin;
  std::vector<field_change> changes; // of what is in effect, the first ones; none where another source's word counts
  std::uint64_t more_changes = 0;    // that are not listed
  std::vector<agent_id> agents;      // whose applicable state is another one now
};

struct config_lost {
  static constexpr std::string_view type = "config.lost";
  lost_field loss;
};

// The agent holds this version of its applicable state now.
struct config_accepted {
  static constexpr std::string_view type = "config.accepted";
  agent_id agent;
  generation version;
};

struct config_refused {
  static constexpr std::string_view type = "config.refused";
  agent_id agent;
  generation version;
  std::vector<field_error> errors;
};

// What an agent serves, or why it does not.
struct health_changed {
  static constexpr std::string_view type = "health.changed";
  agent_id agent;
  engine_status status = engine_status::none; // unknown: it is not connected, or silent for too long
  std::string model;
  std::string reason; // empty where all is well
};

// Requests for the model go there again, or not any more, by how those before them ended.
struct breaker_changed {
  static constexpr std::string_view type = "health.breaker";
  agent_id agent;
  std::string model;
  breaker_standing breaker;
};

// An action was begun, or closed.
struct reconcile_changed {
  static constexpr std::string_view type = "reconcile.changed";
  logged_action entry;
};

using event_content = std::variant<agent_joined, agent_left, config_changed, config_lost, config_accepted,
                                   config_refused, health_changed, breaker_changed, reconcile_changed>;

struct cluster_event {
  std::uint64_t number = 0; // counted from 1 in one epoch of the balancer
  revision at;              // of desired state, right after it
  wall_time time;
  event_content what;
};

inline std::string_view type_of(cluster_event const& event) {
  return std::visit([](auto const& content) { return content.type; }, event.what);
}

BOOST_DESCRIBE_STRUCT(agent_joined, (), (agent, process, hostname, version))
BOOST_DESCRIBE_STRUCT(agent_left, (), (agent, process))
BOOST_DESCRIBE_STRUCT(config_changed, (), (source, origin, changes, more_changes, agents))
BOOST_DESCRIBE_STRUCT(config_lost, (), (loss))
BOOST_DESCRIBE_STRUCT(config_accepted, (), (agent, version))
BOOST_DESCRIBE_STRUCT(config_refused, (), (agent, version, errors))
BOOST_DESCRIBE_STRUCT(health_changed, (), (agent, status, model, reason))
BOOST_DESCRIBE_STRUCT(breaker_changed, (), (agent, model, breaker))
BOOST_DESCRIBE_STRUCT(reconcile_changed, (), (entry))

} // namespace paddler
