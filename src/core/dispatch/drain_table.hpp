// Which agents are to get nothing new, because somebody wants their machines empty, and from when on what still runs
// there is to move. Pure: no clock. Owned by one thread.
#pragma once
#include "base/deadline_queue.hpp"
#include "base/ids.hpp"

#include <map>
#include <optional>
#include <set>

namespace paddler {

struct drain_wish {
  duration stays{}; // how long what runs there may, from when the agent came into the table
};

class drain_table {
public:
  // Nothing: it is wanted again. Whether the agent came or went.
  bool set(agent_id const& agent, std::optional<drain_wish> const& wish, mono_time now);

  [[nodiscard]] bool contains(agent_id const& agent) const { return began_.contains(agent); }

  // Whose time is over, as of the newest take_due.
  [[nodiscard]] bool is_overdue(agent_id const& agent) const { return overdue_.contains(agent); }

  [[nodiscard]] bool is_any_overdue() const { return !overdue_.empty(); }

  [[nodiscard]] std::optional<mono_time> next_deadline() const { return deadlines_.next(); }

  // Whether any became overdue.
  bool take_due(mono_time now);

private:
  std::map<agent_id, mono_time> began_;
  deadline_queue<agent_id> deadlines_; // of those that are not overdue
  std::set<agent_id> overdue_;
};

} // namespace paddler
