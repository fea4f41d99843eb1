// Desired state through time, and what a change would do, as people read it.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/fields.hpp"
#include "model/reconciliation.hpp"
#include "model/record.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// What became of a change that was made, or of one that changed nothing.
struct change_outcome {
  revision at;                    // of desired state with it
  bool changed = false;           // false: the source said exactly this already
  std::vector<lost_field> losses; // of this source, that began with it: set, and decided by another one
};

// One change of desired state. Lists are cut off at a limit; what is not listed is counted.
struct revision_view {
  revision number;
  wall_time at;
  source_id source;
  change_origin origin;
  std::vector<field_change> said;    // what the source says otherwise since
  std::vector<field_change> changes; // what is in effect otherwise since
  std::uint64_t more_changes = 0;    // of both lists
  std::vector<agent_id> agents;      // whose applicable state is another one since
  std::uint64_t more_agents = 0;
  std::vector<lost_field> losses; // that began with it
};

// What can be compared: the layers, and the word of one kind of source.
enum class state_layer { desired, applicable, current, api, file, discovery };

// One of them at an instant; the newest where no revision is named. Only `current` has no past.
struct layer_instant {
  state_layer layer = state_layer::desired;
  std::optional<revision> at;
  friend bool operator==(layer_instant const&, layer_instant const&) = default;
};

// One action that an agent will take.
struct planned_step {
  reconcile_action action = reconcile_action::load;
  std::string model;
  std::string difference;                              // that will cause it
  std::optional<std::uint64_t> estimated_milliseconds; // as measured before; none: never measured. A drain: at most
  bool interrupts = false;                             // from here on to the next admission nothing is served
};

struct agent_plan {
  agent_id agent;
  bool connected = false; // where it is not, the steps come when it is back
  int slots_busy = 0;     // requests that run on it now
  std::vector<planned_step> steps;
};

// What a document would do if it were applied.
struct plan_view {
  revision at;          // that it was compared with: apply it with If-Match
  bool changed = false; // false: applying it does nothing at all
  std::vector<field_change> said;
  std::vector<field_change> changes;
  std::uint64_t more_changes = 0;
  std::vector<lost_field> losses;
  std::vector<agent_plan> agents; // whose applicable state would be another one
  std::uint64_t more_agents = 0;
};

BOOST_DESCRIBE_STRUCT(change_outcome, (), (at, changed, losses))
BOOST_DESCRIBE_STRUCT(revision_view, (),
                      (number, at, source, origin, said, changes, more_changes, agents, more_agents, losses))
BOOST_DESCRIBE_ENUM(state_layer, desired, applicable, current, api, file, discovery)
BOOST_DESCRIBE_STRUCT(planned_step, (), (action, model, difference, estimated_milliseconds, interrupts))
BOOST_DESCRIBE_STRUCT(agent_plan, (), (agent, connected, slots_busy, steps))
BOOST_DESCRIBE_STRUCT(plan_view, (), (at, changed, said, changes, more_changes, losses, agents, more_agents))

} // namespace paddler
