// Current state: what agents observed. A report is true of one moment and one agent process: `process` and `sequence`
// say which.
#pragma once
#include "base/ids.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

enum class engine_status {
  none,     // nothing is wanted
  loading,  // the engine runs but does not yet answer
  ready,    // a served probe came back
  draining, // finishing its requests before it stops
  backoff,  // it died or failed; it will be started again
  failed,   // it cannot work as configured; waits for a change
  unknown,  // what was reported is too old to be believed; in views only
};

struct engine_report {
  engine_status status = engine_status::none;
  std::string model;  // the name it serves
  generation version; // of the applicable state it runs
  int slots = 0;
  int slots_busy = 0;
  int max_context_length = 0;                     // tokens per slot
  std::int64_t pid = 0;                           // of the engine's process; 0 where there is none
  std::uint64_t restarts = 0;                     // since the agent started
  std::string reason;                             // why it is not ready, for people
  std::string content;                            // content_digest() of what it runs
  std::optional<std::uint64_t> memory_bytes;      // that it needs, where that is known
  std::optional<std::uint64_t> load_milliseconds; // from its load to the first served probe
  friend bool operator==(engine_report const&, engine_report const&) = default;
};

// What the agent's machine is and has.
struct agent_capabilities {
  std::string version; // of paddler
  std::string hostname;
  int cpu_cores = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<std::string> gpus;
  friend bool operator==(agent_capabilities const&, agent_capabilities const&) = default;
};

struct agent_report {
  std::uint64_t sequence = 0;          // grows with every report of one process
  generation applied;                  // the newest applicable state that the agent accepted
  std::string applied_content;         // its content_digest()
  engine_report engine;                // that serves, or is to
  std::optional<engine_report> beside; // another one: it takes over, or was taken over from
  std::string given_up;                // why what was accepted is not what serves, where it was given up
  friend bool operator==(agent_report const&, agent_report const&) = default;
};

BOOST_DESCRIBE_ENUM(engine_status, none, loading, ready, draining, backoff, failed, unknown)
BOOST_DESCRIBE_STRUCT(engine_report, (),
                      (status, model, version, slots, slots_busy, max_context_length, pid, restarts, reason, content,
                       memory_bytes, load_milliseconds))
BOOST_DESCRIBE_STRUCT(agent_capabilities, (), (version, hostname, cpu_cores, memory_bytes, gpus))
BOOST_DESCRIBE_STRUCT(agent_report, (), (sequence, applied, applied_content, engine, beside, given_up))

} // namespace paddler
