// Current state: what agents observed. A report is true of one moment and one agent process: `process` and `sequence`
// say which.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"

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

// The file that an engine's model was loaded from, as it was then.
struct model_file {
  std::uint64_t bytes = 0;
  wall_time modified;
  std::string digest; // "sha256:HEX", or "edges:HEX" of a very large file; empty until it was worked out
  friend bool operator==(model_file const&, model_file const&) = default;
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
  std::optional<model_file> file;                 // none where it needs no file
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

enum class state_issue_kind {
  model_changed, // the file under the engine's path is not the one that was loaded
};

// Something about what runs that a person should know, though it may serve on.
struct state_issue {
  state_issue_kind kind = state_issue_kind::model_changed;
  std::string text; // what, and what to do about it
  friend bool operator==(state_issue const&, state_issue const&) = default;
};

struct agent_report {
  std::uint64_t sequence = 0;          // grows with every report of one process
  generation applied;                  // the newest applicable state that the agent accepted
  std::string applied_content;         // its content_digest()
  engine_report engine;                // that serves, or is to
  std::optional<engine_report> beside; // another one: it takes over, or was taken over from
  std::string given_up;                // why what was accepted is not what serves, where it was given up
  std::vector<state_issue> issues;
  friend bool operator==(agent_report const&, agent_report const&) = default;
};

BOOST_DESCRIBE_ENUM(engine_status, none, loading, ready, draining, backoff, failed, unknown)
BOOST_DESCRIBE_ENUM(state_issue_kind, model_changed)
BOOST_DESCRIBE_STRUCT(model_file, (), (bytes, modified, digest))
BOOST_DESCRIBE_STRUCT(state_issue, (), (kind, text))
BOOST_DESCRIBE_STRUCT(engine_report, (),
                      (status, model, version, slots, slots_busy, max_context_length, pid, restarts, reason, content,
                       memory_bytes, load_milliseconds, file))
BOOST_DESCRIBE_STRUCT(agent_capabilities, (), (version, hostname, cpu_cores, memory_bytes, gpus))
BOOST_DESCRIBE_STRUCT(agent_report, (), (sequence, applied, applied_content, engine, beside, given_up, issues))

} // namespace paddler
