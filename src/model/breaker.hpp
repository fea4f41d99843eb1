// Whether an agent gets requests, as the balancer judges it by how they ended there.
#pragma once
#include "base/time.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace paddler {

enum class breaker_state {
  closed,    // it gets requests like any other
  open,      // it gets none while others are left
  half_open, // it gets one at a time, to see whether it works again
};

// What went wrong with a request by an agent's fault.
enum class agent_fault {
  lost,         // its connection broke, or its engine died
  silent,       // nothing came for too long
  garbled,      // what came was not HTTP
  server_error, // 5xx, other than 503
};

struct breaker_standing {
  breaker_state state = breaker_state::closed;
  std::uint64_t failures = 0; // in a row
  agent_fault last = agent_fault::lost;
  std::optional<wall_time> until; // while it is open
  friend bool operator==(breaker_standing const&, breaker_standing const&) = default;
};

// For people: what it means for requests, and why.
std::string describe(breaker_standing const& it);

BOOST_DESCRIBE_ENUM(breaker_state, closed, open, half_open)
BOOST_DESCRIBE_ENUM(agent_fault, lost, silent, garbled, server_error)
BOOST_DESCRIBE_STRUCT(breaker_standing, (), (state, failures, last, until))

} // namespace paddler
