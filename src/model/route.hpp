// Words of the decision where an attempt of a request goes (core/dispatch/routing.hpp).
#pragma once
#include <boost/describe/enum.hpp>

namespace paddler {

// Why an engine cannot take a request.
enum class route_filter {
  none,
  no_idle_slot,
  drained,        // it is to get nothing new
  breaker_open,   // it failed too often
  stale_link,     // nothing was heard of its agent for too long
  other_identity, // it would not go on with the answer as the first one began it
  suspect_aboard, // it tries a request that may have killed an engine
  small_context,  // the prompt does not fit
};

enum class route_reason {
  nowhere, // no engine can take it
  prefix,  // it has read more of the prompt than the others, or is worth it all the same
  session, // the session was there
  load,    // it costs least
  turn,    // it was its turn
  kept,    // all fail too often, and it is the first that is to be tried again
};

BOOST_DESCRIBE_ENUM(route_filter, none, no_idle_slot, drained, breaker_open, stale_link, other_identity, suspect_aboard,
                    small_context)
BOOST_DESCRIBE_ENUM(route_reason, nowhere, prefix, session, load, turn, kept)

} // namespace paddler
