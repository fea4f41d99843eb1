#include "core/dispatch/blame.hpp"

#include <algorithm>

namespace paddler {

void blame::lost(request_serial serial, agent_process const& where, mono_time now) {
  auto& of = known_[serial];
  if (auto const died = died_.find(where); died != died_.end() && now - died->second <= word_within_) {
    ++of.deaths;
    return;
  }
  of.charges.insert(where);
  at_[where].insert(serial);
  deadlines_.set({serial, where}, now + word_within_);
}

std::vector<request_serial> blame::engine_died(agent_process const& where, mono_time now) {
  std::erase_if(died_, [&](auto const& each) { return now - each.second > word_within_; });
  died_.insert_or_assign(where, now);
  auto out = charged_at(where);
  for (auto const serial : out) {
    ++known_.at(serial).deaths;
    drop({serial, where});
  }
  return out;
}

std::vector<request_serial> blame::agent_gone(agent_process const& where) {
  died_.erase(where);
  auto out = charged_at(where);
  for (auto const serial : out) drop({serial, where});
  return out;
}

std::vector<request_serial> blame::expire(mono_time now) {
  std::vector<request_serial> out;
  for (auto const& due : deadlines_.take_due(now)) {
    drop(due);
    out.push_back(due.first);
  }
  std::ranges::sort(out);
  auto const again = std::ranges::unique(out);
  out.erase(again.begin(), again.end());
  return out;
}

void blame::acquit(request_serial serial) {
  auto const at = known_.find(serial);
  if (at == known_.end()) return;
  for (auto const& where : std::set(at->second.charges)) drop({serial, where});
  known_.erase(serial);
}

std::uint64_t blame::deaths(request_serial serial) const {
  auto const at = known_.find(serial);
  return at == known_.end() ? 0 : at->second.deaths;
}

std::uint64_t blame::charges(request_serial serial) const {
  auto const at = known_.find(serial);
  return at == known_.end() ? 0 : at->second.charges.size();
}

// The charge is no more. Who is charged with nothing and no death is not suspected.
void blame::drop(charge const& which) {
  deadlines_.erase(which);
  auto const at = at_.find(which.second);
  if (at != at_.end() && at->second.erase(which.first) > 0 && at->second.empty()) at_.erase(at);
  auto const known = known_.find(which.first);
  if (known == known_.end()) return;
  known->second.charges.erase(which.second);
  if (known->second.charges.empty() && known->second.deaths == 0) known_.erase(known);
}

std::vector<request_serial> blame::charged_at(agent_process const& where) const {
  auto const at = at_.find(where);
  if (at == at_.end()) return {};
  return {at->second.begin(), at->second.end()};
}

} // namespace paddler
