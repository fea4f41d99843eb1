// Following the management API's events through cut connections.
#pragma once
#include "cli/api_client.hpp"
#include "net/sse.hpp"
#include "runtime/task.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// Where a stream begins, and what it tells; see docs/events.md.
struct event_stream_request {
  std::optional<std::uint64_t> from; // a revision: what came since
  std::string kinds;                 // "agent,config"; empty: all
  std::string last_id;               // of the event behind which it begins
};

// Whether to go on.
using event_taker = std::function<bool(sse_event const&)>;

// Gives each event to `take` until that returns false. A stream that is cut is taken up again behind the last event;
// the error where it cannot be begun, or does not come back.
task<result<void>> follow_events(api_server server, event_stream_request wanted, event_taker take);

// Whether asking again later may help: nobody answers, or the connection broke.
bool may_pass(error const& why);

// The newest events that the balancer keeps, at most so many, the oldest first: their JSON. What comes meanwhile is not
// waited for.
task<result<std::vector<std::string>>> recent_events(api_server server, std::uint64_t count);

} // namespace paddler
