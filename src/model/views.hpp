// The rows that the management API shows and the command line prints: desired, applicable and current state joined for
// people.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/current.hpp"
#include "model/request.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

struct agent_view {
  agent_id id;
  bool connected = false;
  engine_status status = engine_status::none; // of its engine, as last reported
  std::optional<std::string> model;           // what it serves or is to serve
  int slots = 0;
  int slots_busy = 0;
  generation wanted;  // version of its applicable state
  generation applied; // version that it accepted
  std::string reason; // why it is not ready, for people; empty where it is
  wall_time last_seen;
  std::int64_t engine_pid = 0;
  std::uint64_t engine_restarts = 0;
  agent_capabilities capabilities;
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
  std::optional<agent_id> agent;
  std::uint64_t attempts = 0;
  std::uint64_t queue_milliseconds = 0;
  wall_time created_at;
  std::optional<wall_time> completed_at;
};

// A list as the API answers it.
template <class View> struct view_list {
  std::vector<View> items;
  revision at; // of desired state when the list was made
};

BOOST_DESCRIBE_ENUM(slot_status, idle, busy)
BOOST_DESCRIBE_STRUCT(agent_view, (),
                      (id, connected, status, model, slots, slots_busy, wanted, applied, reason, last_seen, engine_pid,
                       engine_restarts, capabilities))
BOOST_DESCRIBE_STRUCT(model_view, (), (name, agents_wanted, agents_ready, slots, slots_busy, agents))
BOOST_DESCRIBE_STRUCT(slot_view, (), (id, agent, model, status, request))
BOOST_DESCRIBE_STRUCT(request_view, (),
                      (id, model, endpoint, status, failure, agent, attempts, queue_milliseconds, created_at,
                       completed_at))

} // namespace paddler
