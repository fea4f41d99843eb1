// Rows of the tables that people query in the state database: agents, models, slots, requests and conflicts. They are
// projections, behind what the balancer knows by some milliseconds, and are never read back. Texts that say JSON hold
// a whole document.
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

struct agent_row {
  agent_id id;
  std::string status; // of its engine; "unknown" where it is not known now
  std::optional<wall_time> last_seen;
  std::optional<std::string> configuration; // JSON: its applicable state; none: as it stands there
  std::optional<std::string> capabilities;  // JSON; the same
  bool connected = false;
  std::string reason; // why it is not ready; empty where it is
  friend bool operator==(agent_row const&, agent_row const&) = default;
};

struct model_row {
  std::string id; // what clients put in "model"
  std::string source_type;
  std::string source_location;
  std::string metadata;               // JSON
  std::optional<wall_time> loaded_at; // by the first agent, since the balancer started
  friend bool operator==(model_row const&, model_row const&) = default;
};

struct slot_row {
  std::string id; // AGENT/NUMBER
  agent_id agent;
  std::string status; // idle, busy, closed
  std::string model;
  int context_length = 0;
  std::optional<wall_time> last_request;
  friend bool operator==(slot_row const&, slot_row const&) = default;
};

// Clients choose ids, and may choose one again: before this process began, or so much later that the first one is not
// remembered. So a request is its id and its arrival, and each has a row of its own: that of another one is never
// overwritten. News of the same request always are written, also over an end: what stands there when a balancer starts,
// or says everything again, is settled as ended first, and those that are alive take that back.
struct request_row {
  request_id id;
  std::string slot; // empty: it never had one
  std::string status;
  wall_time created_at;
  std::optional<wall_time> completed_at;
  std::string parameters; // JSON: what was asked for, never the prompt
  agent_id agent;         // of the newest attempt; empty: none
  std::string failure;    // empty: none
  std::uint64_t attempts = 0;
  std::uint64_t queue_milliseconds = 0;
  std::string priority;      // interactive, default, bulk
  std::uint64_t resumes = 0; // how often its stream lost its engine and was to go on
  std::string not_resumed;   // why it did not; empty: it did, or did not have to
  std::optional<wall_time> first_byte_at;
  std::string timeline; // JSON: the steps and attempts of its page (model/views.hpp)
  friend bool operator==(request_row const&, request_row const&) = default;
};

// One source's wish for a field that another source decides.
struct conflict_row {
  std::string path;
  std::string owner; // empty: a model reference that lost as a whole
  std::string value;
  revision owner_since;
  std::string loser;
  std::string lost_value;
  revision loser_since;
  friend bool operator==(conflict_row const&, conflict_row const&) = default;
};

// Rows that are new or otherwise, and rows that are gone.
struct table_changes {
  bool is_first = false; // of all there is to say: what stands there from before is not true any more
  std::vector<agent_row> agents;
  std::vector<model_row> models;
  std::vector<slot_row> slots;
  std::vector<request_row> requests;
  std::vector<agent_id> agents_gone; // their slots with them
  std::vector<std::string> models_gone;
  std::optional<std::vector<conflict_row>> conflicts; // all there are

  [[nodiscard]] std::size_t size() const {
    return agents.size() + models.size() + slots.size() + requests.size() + agents_gone.size() + models_gone.size() +
           (conflicts ? conflicts->size() + 1 : 0);
  }
};

} // namespace paddler
