// What the tables of the state database shall say (model/tables.hpp), from what the core is told and decides. Pure.
//
// It notes which rows may be otherwise, not what they say: whatever happens to one row between two batches is one row
// in the second. So a batch costs what changed, and what waits is bounded by what there is.
#pragma once
#include "core/balancer_core.hpp"
#include "model/tables.hpp"

#include <compare>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace paddler {

inline constexpr std::size_t waiting_requests_limit = 16'384; // what does not fit is lost for the table, and counted

class table_projector {
public:
  // One event that the core has handled, with its decisions.
  void saw(balancer_event const& event, balancer_effects const& effects, balancer_core const& core, wall_time now);

  // What was written is not there any more, or not known to be: all there is to say is said again.
  void start_over(balancer_core const& core);

  [[nodiscard]] bool empty() const;

  // The next rows to write, at most `limit` of those that come often. Models and conflicts, which follow from desired
  // state as a whole, are only looked at where `with_desired`.
  table_changes take(balancer_core const& core, std::size_t limit, bool with_desired);

  // Changes of requests that will not be seen in a row.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

private:
  struct slot_key {
    agent_id agent;
    int number = 0;
    friend auto operator<=>(slot_key const&, slot_key const&) = default;
  };

  struct slot_fact {
    std::optional<slot_serial> serial; // none: closed
    std::string model;
    bool busy = false;
    std::optional<wall_time> last_request;
  };

  struct running_request {
    attempt number;
    slot_serial slot;
  };

  // What an agent's row shows.
  struct written_agent {
    std::optional<generation> version;
    bool capabilities = false; // the newest
  };

  struct note; // the overloads for events and effects

  void touch(request_serial serial);
  void touch_slots_of(std::string const& model);
  void open_slot(slot_offer const& offer);
  void close_slot(slot_serial serial);
  void end_attempt(request_serial serial, attempt number, bool reusable);
  void take_agents(balancer_core const& core, std::size_t limit, table_changes& out);
  void take_desired(balancer_core const& core, table_changes& out);
  void take_models(balancer_core const& core, table_changes& out);

  bool started_ = false;
  bool desired_changed_ = true;
  std::map<link_id, agent_id> links_;
  std::set<agent_id> agents_;                 // whose rows may be otherwise
  std::set<agent_id> restated_;               // the same, as what is wanted of them changed
  std::map<agent_id, written_agent> written_; // those that have a row
  std::map<std::string, model_row> models_written_;
  std::map<std::string, wall_time> loaded_at_; // by model
  std::vector<conflict_row> conflicts_written_;
  std::map<slot_key, slot_fact> slots_;
  std::map<slot_serial, slot_key> open_;
  std::set<slot_key> slots_changed_;
  std::set<request_serial> requests_; // whose rows may be otherwise
  std::map<request_serial, running_request> running_;
  std::map<request_serial, std::string> ran_on_; // slots of requests that may be written again
  std::uint64_t lost_ = 0;
};

} // namespace paddler
