#include "core/dispatch/drain_table.hpp"

namespace paddler {

std::vector<agent_id> drain_table::set(drain_wishes const& wishes, mono_time now) {
  std::vector<agent_id> changed;
  std::erase_if(began_, [&](auto const& each) {
    bool const is_gone = !wishes.contains(each.first);
    if (is_gone) changed.push_back(each.first);
    return is_gone;
  });
  for (auto const& agent : changed) {
    deadlines_.erase(agent);
    overdue_.erase(agent);
  }
  for (auto const& [agent, stays] : wishes) {
    auto const [at, is_new] = began_.try_emplace(agent, now);
    if (is_new) changed.push_back(agent);
    deadlines_.erase(agent);
    overdue_.erase(agent);
    if (stays) deadlines_.set(agent, at->second + *stays);
  }
  return changed;
}

bool drain_table::take_due(mono_time now) {
  auto const due = deadlines_.take_due(now);
  overdue_.insert(due.begin(), due.end());
  return !due.empty();
}

} // namespace paddler
