// Desired state at one revision, with all that is needed to go on folding log records as if the records before it were
// still there: fold(all) == fold(snapshot, records after it), claims and generations included.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/desired.hpp"

#include <boost/describe/class.hpp>

#include <optional>
#include <string>
#include <vector>

namespace paddler {

// When a source said a field so first.
struct claim_since {
  std::string path; // as in core/state/field_map.hpp: agents/ID.slots
  revision since;
  friend bool operator==(claim_since const&, claim_since const&) = default;
};

// What one source says. `since` has a line for each field of the document, in order of path.
struct source_snapshot {
  source_id source;
  desired_document document; // entries in order of id
  std::vector<claim_since> since;
  friend bool operator==(source_snapshot const&, source_snapshot const&) = default;
};

// The version of one agent's applicable state; its content follows from the documents.
struct agent_generation {
  agent_id agent;
  generation version;
  friend bool operator==(agent_generation const&, agent_generation const&) = default;
};

struct state_snapshot {
  revision at; // the last record that is folded in; 0: none
  wall_time taken;
  std::vector<source_snapshot> sources;    // in order of priority
  std::vector<agent_generation> agents;    // in order of id; those that ever got a version
  std::optional<generation> policies = {}; // version of the applicable policies; none: they never had one
  friend bool operator==(state_snapshot const&, state_snapshot const&) = default;
};

BOOST_DESCRIBE_STRUCT(claim_since, (), (path, since))
BOOST_DESCRIBE_STRUCT(source_snapshot, (), (source, document, since))
BOOST_DESCRIBE_STRUCT(agent_generation, (), (agent, version))
BOOST_DESCRIBE_STRUCT(state_snapshot, (), (at, taken, sources, agents, policies))

} // namespace paddler
