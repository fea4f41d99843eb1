#include "core/session/check_schedule.hpp"

#include <algorithm>
#include <utility>

namespace paddler {
namespace {

constexpr duration shortest_period = std::chrono::milliseconds(1); // whatever was configured

} // namespace

check_schedule::check_schedule(check_policy const& policy, mono_time begin)
    : turns_{turn{agent_check::health, std::max(policy.health_every, shortest_period), begin + policy.apart},
             turn{agent_check::model, std::max(policy.model_every, shortest_period), begin + 2 * policy.apart},
             turn{agent_check::machine, std::max(policy.machine_every, shortest_period), begin + 3 * policy.apart}} {}

std::vector<agent_check> check_schedule::take_due(mono_time now) {
  std::vector<turn> due;
  for (auto& each : turns_) {
    if (each.at > now) continue;
    due.push_back(each);
    each.at += each.period * ((now - each.at) / each.period + 1);
  }
  std::ranges::sort(due, {}, [](turn const& each) { return std::pair(each.at, each.what); });
  std::vector<agent_check> out;
  for (auto const& each : due) out.push_back(each.what);
  return out;
}

mono_time check_schedule::next() const { return std::ranges::min(turns_, {}, &turn::at).at; }

} // namespace paddler
