#include "core/dispatch/drain_table.hpp"

namespace paddler {

bool drain_table::set(agent_id const& agent, std::optional<drain_wish> const& wish, mono_time now) {
  deadlines_.erase(agent);
  overdue_.erase(agent);
  if (!wish) return began_.erase(agent) > 0;
  auto const [began, is_new] = began_.try_emplace(agent, now);
  deadlines_.set(agent, began->second + wish->stays);
  return is_new;
}

bool drain_table::take_due(mono_time now) {
  auto const due = deadlines_.take_due(now);
  overdue_.insert(due.begin(), due.end());
  return !due.empty();
}

} // namespace paddler
