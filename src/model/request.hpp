// One inference request as the ledger sees it (design.md section 5). Bodies never stand here.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/resume_refusal.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

using request_serial = counter_id<struct request_serial_tag>; // of one request, in the order of their arrival

enum class request_state { queued, routed, processing, streaming, resuming, completed, failed };

enum class request_failure {
  none,
  queue_full,          // the bounded queue had no place
  queue_timeout,       // no slot became free in time
  overloaded,          // it would not be answered in time
  short_of_memory,     // the balancer could not afford it any longer
  no_model,            // nobody wants to serve a model of this name
  rate_limited,        // its client sent too many of late
  concurrency_limited, // its client has too many at once
  shutdown,            // the balancer is stopping
  client_gone,         // the client closed its connection
  deadline,            // no slot became free while its client still waited
  agent_lost,          // the agent or its engine went away after the first byte, and the stream could not go on
  attempts_exhausted,  // it was lost before the first byte, too often
  retry_budget,        // it was lost, and too many others were
  poison,              // engines die of it
  quarantined,         // it is one of which engines died before
  timeout,             // the engine sent nothing for too long
  slow_client,         // the client read nothing for too long
  engine_error,        // the engine broke the protocol
};

// How urgent a request is. `normal` is what people call "default".
enum class request_class { interactive, normal, bulk };

// Who sent a request: a digest of its key, or of its address where it has none. `others` stands for all those together
// of whom there are too many to be told apart.
enum class client_key : std::uint64_t { others = 0 };

// How an attempt ended, as the shell saw it.
enum class attempt_outcome {
  completed,      // the answer was delivered whole; the slot connection can take the next request
  completed_last, // the same, but the connection cannot be used again
  lost_early,     // the connection broke before the client got a byte
  lost_late,      // it broke after that
  moved,          // its agent is to become empty, and it goes on elsewhere
  refused,        // the engine runs another version by now; nothing was done
  not_continued,  // it was to go on with a stream, and that cannot be gone on with
  timeout,        // the engine was silent for too long
  slow_client,    // the client did not read
  engine_error,   // the engine's answer was not HTTP
};

// One step on a request's way: when it came into a state, and on which attempt.
struct request_step {
  wall_time at;
  request_state state = request_state::queued;
  attempt number; // 0: before the first
  friend bool operator==(request_step const&, request_step const&) = default;
};

// Of one try on one slot.
struct request_attempt {
  attempt number;
  agent_id agent;
  slot_serial slot;
  generation version;                     // of the applicable state that the engine ran
  std::optional<attempt_outcome> outcome; // none while it runs, and where the client left
  friend bool operator==(request_attempt const&, request_attempt const&) = default;
};

// Kept of one request: the first `early` ones and the newest.
inline constexpr std::size_t max_request_steps = 32;
inline constexpr std::size_t early_request_steps = 8;
inline constexpr std::size_t max_request_attempts = 8; // the newest

struct request_record {
  request_serial serial;
  request_id id;
  std::string model;
  std::string endpoint; // as in "/v1/chat/completions"
  request_state state = request_state::queued;
  request_failure failure = request_failure::none;
  std::optional<resume_refusal> not_resumed; // why its stream did not go on elsewhere
  client_key client = client_key::others;
  request_class level = request_class::normal;
  attempt tries;
  std::uint64_t resumes = 0; // how often its stream lost its engine and was to go on
  agent_id agent;            // of the newest attempt
  slot_serial slot;
  bool has_slot = false; // now
  std::size_t body_bytes = 0;
  wall_time created_at;
  wall_time completed_at; // of the terminal state
  mono_time queued_since; // of the newest attempt
  mono_time routed_at;
  std::uint64_t queue_milliseconds = 0; // waited in all
  std::vector<request_step> steps;
  std::vector<request_attempt> attempts;
};

inline bool is_terminal(request_state state) {
  return state == request_state::completed || state == request_state::failed;
}

BOOST_DESCRIBE_ENUM(request_state, queued, routed, processing, streaming, resuming, completed, failed)
BOOST_DESCRIBE_ENUM(request_failure, none, queue_full, queue_timeout, overloaded, short_of_memory, no_model,
                    rate_limited, concurrency_limited, shutdown, client_gone, deadline, agent_lost, attempts_exhausted,
                    retry_budget, poison, quarantined, timeout, slow_client, engine_error)
BOOST_DESCRIBE_ENUM(attempt_outcome, completed, completed_last, lost_early, lost_late, refused, moved, not_continued,
                    timeout, slow_client, engine_error)

} // namespace paddler
