// One inference request as the ledger sees it (design.md section 5). Bodies never stand here.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace paddler {

using request_serial = counter_id<struct request_serial_tag>; // of one request, in the order of their arrival

enum class request_state { queued, routed, processing, streaming, completed, failed };

enum class request_failure {
  none,
  queue_full,         // the bounded queue had no place
  queue_timeout,      // no slot became free in time
  no_model,           // nobody wants to serve a model of this name
  shutdown,           // the balancer is stopping
  client_gone,        // the client closed its connection
  agent_lost,         // the agent or its engine went away after the first byte
  attempts_exhausted, // it was lost before the first byte, too often
  timeout,            // the engine sent nothing for too long
  slow_client,        // the client read nothing for too long
  engine_error,       // the engine broke the protocol
};

// How urgent a request is. `normal` is what people call "default".
enum class request_class { interactive, normal, bulk };

// Who sent a request: a digest of its key, or of its address where it has none. `others` stands for all those together
// of whom there are too many to be told apart.
enum class client_key : std::uint64_t { others = 0 };

struct request_record {
  request_id id;
  std::string model;
  std::string endpoint; // as in "/v1/chat/completions"
  request_state state = request_state::queued;
  request_failure failure = request_failure::none;
  attempt tries;
  agent_id agent; // of the newest attempt
  slot_serial slot;
  std::size_t body_bytes = 0;
  wall_time created_at;
  wall_time completed_at; // of the terminal state
  mono_time queued_since; // of the newest attempt
  mono_time routed_at;
  std::uint64_t queue_milliseconds = 0; // waited in all
};

inline bool is_terminal(request_state state) {
  return state == request_state::completed || state == request_state::failed;
}

BOOST_DESCRIBE_ENUM(request_state, queued, routed, processing, streaming, completed, failed)
BOOST_DESCRIBE_ENUM(request_failure, none, queue_full, queue_timeout, no_model, shutdown, client_gone, agent_lost,
                    attempts_exhausted, timeout, slow_client, engine_error)

} // namespace paddler
