// What the event log holds: each change of state, in order of its revision. State is the fold of these records.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/desired.hpp"

#include <boost/describe/class.hpp>

#include <string>
#include <vector>

namespace paddler {

// Who asked for a change, and from where; for the record only.
struct change_origin {
  std::string actor; // "anonymous", a key's name, "file", an agent's id
  std::string from;  // peer address, path
  friend bool operator==(change_origin const&, change_origin const&) = default;
};

// One source replaced what it says. An empty document releases everything the source had set.
struct layer_changed {
  revision number;
  wall_time at;
  source_id source;
  desired_document document;
  change_origin origin;
  friend bool operator==(layer_changed const&, layer_changed const&) = default;
};

using log_record = layer_changed;

BOOST_DESCRIBE_STRUCT(change_origin, (), (actor, from))
BOOST_DESCRIBE_STRUCT(layer_changed, (), (number, at, source, document, origin))

} // namespace paddler
