#include "core/dispatch/agent_health.hpp"

#include "base/keyed_hash.hpp"

#include <algorithm>

namespace paddler {

begin_number agent_health::began(agent_model const& where) {
  begin_number const out{++begun_};
  auto const at = known_.find(where);
  if (at != known_.end() && at->second.shown.state == breaker_state::half_open && !at->second.probe)
    at->second.probe = out;
  return out;
}

void agent_health::worked(agent_model const& where, begin_number number, instant now) {
  passed(where, number);
  auto const at = known_.find(where);
  if (at == known_.end()) return;
  auto& it = at->second;
  if (it.shown.state == breaker_state::closed) {
    it.shown.failures = 0;
    if (it.openings == 0) erase(at, now);
    return;
  }
  if (number <= it.counted || ++it.successes < policy_.successes) return;
  it.shown.failures = 0;
  move_to(where, it, breaker_state::closed, now);
}

bool agent_health::failed(agent_model const& where, begin_number number, agent_fault fault, instant now,
                          std::uint64_t body) {
  passed(where, number);
  auto* const it = record_of(where);
  if (it == nullptr || number <= it->counted) return false;
  bool const is_of_one = fault == agent_fault::server_error && body != 0;
  if (is_of_one && std::exchange(it->body, body) == body) return false;
  it->counted = begin_number{begun_};
  it->shown.last = fault;
  it->successes = 0;
  ++it->shown.failures;
  if (it->shown.state == breaker_state::half_open ||
      (it->shown.state == breaker_state::closed && it->shown.failures >= policy_.failures))
    open(where, *it, now);
  else if (it->shown.state == breaker_state::closed)
    deadlines_.set(where, now.mono + policy_.memory);
  return true;
}

void agent_health::passed(agent_model const& where, begin_number number) {
  auto const at = known_.find(where);
  if (at != known_.end() && at->second.probe == number) at->second.probe.reset();
}

void agent_health::forgive(agent_model const& where, instant now) {
  auto const at = known_.find(where);
  if (at == known_.end() || at->second.shown.failures == 0) return;
  auto& it = at->second;
  --it.shown.failures;
  if (it.shown.state == breaker_state::closed) {
    if (it.shown.failures == 0 && it.openings == 0) erase(at, now);
  } else if (it.shown.failures < policy_.failures) {
    --it.openings;
    move_to(where, it, breaker_state::closed, now);
  }
}

std::vector<agent_model> agent_health::expire(instant now) {
  std::vector<agent_model> out;
  for (auto const& where : deadlines_.take_due(now.mono)) {
    auto const at = known_.find(where);
    if (at->second.probe) {
      deadlines_.set(where, now.mono + policy_.memory);
      continue;
    }
    if (at->second.shown.state == breaker_state::open)
      move_to(where, at->second, breaker_state::half_open, now);
    else
      erase(at, now);
    out.push_back(where);
  }
  return out;
}

bool agent_health::takes(agent_model const& where) const {
  auto const at = known_.find(where);
  if (at == known_.end()) return true;
  auto const state = at->second.shown.state;
  return state == breaker_state::closed || (state == breaker_state::half_open && !at->second.probe);
}

std::optional<breaker_standing> agent_health::standing(agent_model const& where) const {
  auto const at = known_.find(where);
  return at == known_.end() ? std::nullopt : std::optional(at->second.shown);
}

agent_health::agents_by_due const& agent_health::by_due(std::string const& model) const {
  static agents_by_due const nobody;
  auto const at = unwell_.find(model);
  return at == unwell_.end() ? nobody : at->second;
}

// Null where there are too many.
agent_health::record* agent_health::record_of(agent_model const& where) {
  auto const at = known_.find(where);
  if (at != known_.end()) return &at->second;
  return known_.size() < policy_.max_remembered ? &known_[where] : nullptr;
}

void agent_health::open(agent_model const& where, record& it, instant now) {
  auto const time = time_open(where, it.openings++);
  if (it.shown.state != breaker_state::closed) unwell_[where.model].erase({it.due, where.agent});
  it.due = now.mono + time;
  it.shown.until = now.wall + time;
  it.successes = 0;
  it.probe.reset();
  unwell_[where.model].emplace(it.due, where.agent);
  move_to(where, it, breaker_state::open, now);
}

void agent_health::move_to(agent_model const& where, record& it, breaker_state state, instant now) {
  it.shown.state = state;
  if (state != breaker_state::open) it.shown.until.reset();
  if (state == breaker_state::closed) {
    auto const of = unwell_.find(where.model);
    of->second.erase({it.due, where.agent});
    if (of->second.empty()) unwell_.erase(of);
    it.probe.reset();
  }
  deadlines_.set(where, state == breaker_state::open ? it.due : now.mono + policy_.memory);
  news_.push_back({where, it.shown});
}

// Who is asked for nothing so long that it is forgotten is taken to be well.
void agent_health::erase(records::iterator at, instant now) {
  if (at->second.shown.state != breaker_state::closed) {
    at->second.shown.failures = 0;
    move_to(at->first, at->second, breaker_state::closed, now);
  }
  deadlines_.erase(at->first);
  known_.erase(at);
}

duration agent_health::time_open(agent_model const& where, int openings) const {
  auto time = policy_.open_first;
  for (int i = 0; i < openings && time < policy_.open_limit; ++i) time *= 2;
  time = std::min(time, policy_.open_limit);
  keyed_hash drawn({static_cast<std::uint64_t>(openings), 0});
  drawn.add(where.agent.value);
  drawn.add(where.model);
  constexpr std::uint64_t parts = 1000;
  return time + time * policy_.jitter_percent / 100 * static_cast<duration::rep>(drawn.value() % (parts + 1)) / parts;
}

} // namespace paddler
