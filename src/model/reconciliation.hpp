// The reconciliation log: each action that an agent took to bring what runs to what is wanted, with the difference that
// caused it and the observation that closed it. core/reconcile/log_check.hpp says whether such a log is sound.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace paddler {

using engine_number = counter_id<struct engine_tag>; // one of an agent's engines; counted from 1 in each process

enum class reconcile_action {
  load,    // start an engine on a model
  admit,   // let requests in, and withdraw the slots of the engine that had them before
  drain,   // let its requests end, until a deadline
  unload,  // end its process
  restart, // its process ended; the engine's supervisor started another one
  deliver, // the balancer's only one: send the applicable state to its agent
};

enum class reconcile_outcome {
  open,
  done,
  failed,
  superseded, // something else was wanted before it was through
};

struct reconciliation {
  std::uint64_t number = 0; // counted from 1 in each process, of an agent or of the balancer
  reconcile_action action = reconcile_action::load;
  engine_number engine;     // none for deliver
  std::string model;        // the name that it serves
  std::string content;      // content_digest() of what the engine runs, or of what is delivered
  generation goal;          // the version that was wanted
  std::string goal_content; // its content_digest()
  bool gives_up = false;    // of the goal: it does not load, and what served before comes back
  std::string difference;   // that caused the action
  wall_time started_at;
  reconcile_outcome outcome = reconcile_outcome::open;
  std::string observation; // that closed it
  std::optional<wall_time> ended_at;
  std::uint64_t ended_after = 0; // the newest number when it was closed
  friend bool operator==(reconciliation const&, reconciliation const&) = default;
};

// As the balancer keeps it.
struct logged_action {
  agent_id agent;
  incarnation process;      // of the agent
  bool by_balancer = false; // numbers count for each of the two
  reconciliation action;
  friend bool operator==(logged_action const&, logged_action const&) = default;
};

BOOST_DESCRIBE_ENUM(reconcile_action, load, admit, drain, unload, restart, deliver)
BOOST_DESCRIBE_ENUM(reconcile_outcome, open, done, failed, superseded)
BOOST_DESCRIBE_STRUCT(reconciliation, (),
                      (number, action, engine, model, content, goal, goal_content, gives_up, difference, started_at,
                       outcome, observation, ended_at, ended_after))
BOOST_DESCRIBE_STRUCT(logged_action, (), (agent, process, by_balancer, action))

} // namespace paddler
