#include "core/dispatch/dispatcher.hpp"

#include "base/canary.hpp"

#include <algorithm>

namespace paddler {
namespace {

void append(dispatch_decisions& out, dispatch_decisions more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::uint64_t milliseconds(duration d) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

} // namespace

dispatch_decisions dispatcher::set_models(std::set<std::string> names, mono_time now, wall_time wall_now) {
  models_ = std::move(names);
  dispatch_decisions out;
  std::vector<request_id> orphans;
  for (auto const& [name, waiting] : pools_)
    if (!models_.contains(name)) orphans.insert(orphans.end(), waiting.queue.begin(), waiting.queue.end());
  for (auto const& id : orphans) append(out, fail(id, request_failure::no_model, wall_now));
  for (auto const& name : models_) append(out, match(name, now));
  std::erase_if(pools_, [](auto const& each) { return each.second.queue.empty() && each.second.agents.empty(); });
  return out;
}

dispatch_decisions dispatcher::arrived(request_arrival const& request, mono_time now, wall_time wall_now) {
  auto const [at, is_new] = live_.try_emplace(request.id);
  if (!is_new) return {};
  auto& added = at->second;
  added.arrival = ++arrivals_;
  added.deadline = now + policy_.queue_timeout;
  added.record = {.id = request.id,
                  .model = request.model,
                  .endpoint = request.endpoint,
                  .body_bytes = request.body_bytes,
                  .created_at = wall_now,
                  .queued_since = now};
  if (request.model.empty() && models_.size() == 1) added.record.model = *models_.begin();
  auto const& model = added.record.model;
  if (shutting_down_) return fail(request.id, request_failure::shutdown, wall_now);
  // Before it waits: names that clients make up must leave nothing behind.
  if (!models_.contains(model)) return fail(request.id, request_failure::no_model, wall_now);
  ++queued_;
  queued_bytes_ += request.body_bytes;
  pools_[model].queue.push_back(request.id);
  auto out = match(model, now);
  // Only what is still waiting takes a place in the queue, which may be overfull: what was lost early is back in it.
  bool const overfull = queued_ > policy_.max_queued || queued_bytes_ > policy_.max_queued_bytes;
  if (overfull && added.record.state == request_state::queued)
    append(out, fail(request.id, request_failure::queue_full, wall_now));
  return out;
}

dispatch_decisions dispatcher::client_gone(request_id const& id, wall_time wall_now) {
  auto const at = live_.find(id);
  if (at == live_.end()) return {};
  release(at->second, false);
  if (is_loose(canary::place_in_queue_kept)) ++queued_;
  finish(id, request_state::failed, request_failure::client_gone, wall_now);
  return {};
}

dispatch_decisions dispatcher::slot_opened(slot_offer const& slot, mono_time now) {
  if (!idle_.emplace(slot.serial, slot).second) return {};
  pools_[slot.model].agents[slot.agent].idle.push_back(slot);
  return match(slot.model, now);
}

void dispatcher::slot_closed(slot_serial serial) {
  auto const at = idle_.find(serial);
  if (at == idle_.end()) return;
  auto& from = pools_[at->second.model];
  auto& slots = from.agents[at->second.agent];
  std::erase_if(slots.idle, [&](slot_offer const& offer) { return offer.serial == serial; });
  if (slots.idle.empty() && slots.busy == 0) from.agents.erase(at->second.agent);
  idle_.erase(at);
}

void dispatcher::sent(request_id const& id, attempt number) {
  auto* request = current(id, number);
  if (request && request->record.state == request_state::routed) request->record.state = request_state::processing;
}

void dispatcher::first_byte(request_id const& id, attempt number) {
  if (auto* request = current(id, number)) request->record.state = request_state::streaming;
}

dispatch_decisions dispatcher::ended(request_id const& id, attempt number, attempt_outcome outcome, mono_time now,
                                     wall_time wall_now) {
  auto* request = current(id, number);
  if (!request) return {};
  std::string const model = request->record.model;
  bool const reusable = outcome == attempt_outcome::completed || outcome == attempt_outcome::refused;
  release(*request, reusable);
  dispatch_decisions out;
  switch (outcome) {
  case attempt_outcome::completed:
  case attempt_outcome::completed_last: finish(id, request_state::completed, request_failure::none, wall_now); break;
  case attempt_outcome::lost_early: out = retry(id, true, now, wall_now); break;
  case attempt_outcome::refused: out = retry(id, false, now, wall_now); break;
  case attempt_outcome::lost_late: out = fail(id, request_failure::agent_lost, wall_now); break;
  case attempt_outcome::timeout: out = fail(id, request_failure::timeout, wall_now); break;
  case attempt_outcome::slow_client: out = fail(id, request_failure::slow_client, wall_now); break;
  case attempt_outcome::engine_error: out = fail(id, request_failure::engine_error, wall_now); break;
  }
  append(out, match(model, now));
  return out;
}

dispatch_decisions dispatcher::expire(mono_time now, wall_time wall_now) {
  std::vector<request_id> late;
  for (auto const& [name, waiting] : pools_)
    for (auto const& id : waiting.queue)
      if (live_.at(id).deadline <= now && !is_loose(canary::queue_timeout_forgotten)) late.push_back(id);
  dispatch_decisions out;
  for (auto const& id : late) append(out, fail(id, request_failure::queue_timeout, wall_now));
  return out;
}

std::optional<mono_time> dispatcher::next_deadline() const {
  std::optional<mono_time> earliest;
  for (auto const& [name, waiting] : pools_)
    for (auto const& id : waiting.queue)
      if (auto const deadline = live_.at(id).deadline; !earliest || deadline < *earliest) earliest = deadline;
  return earliest;
}

dispatch_decisions dispatcher::shut_down(wall_time wall_now) {
  shutting_down_ = true;
  std::vector<request_id> waiting;
  for (auto const& [name, from] : pools_) waiting.insert(waiting.end(), from.queue.begin(), from.queue.end());
  dispatch_decisions out;
  for (auto const& id : waiting) append(out, fail(id, request_failure::shutdown, wall_now));
  return out;
}

dispatcher::totals dispatcher::count() const {
  totals out{.accepted = arrivals_,
             .completed = completed_,
             .failed = failed_,
             .live = live_.size(),
             .queued = queued_,
             .queued_bytes = queued_bytes_,
             .pools = pools_.size()};
  for (auto const& [name, from] : pools_)
    for (auto const& [agent, slots] : from.agents) out.slots_busy += slots.busy;
  out.slots = idle_.size() + out.slots_busy;
  return out;
}

std::size_t dispatcher::slots_of(agent_id const& agent, bool busy) const {
  std::size_t out = 0;
  for (auto const& [name, from] : pools_)
    if (auto const at = from.agents.find(agent); at != from.agents.end())
      out += busy ? at->second.busy : at->second.idle.size();
  return out;
}

std::vector<request_record> dispatcher::requests() const {
  std::vector<live_request const*> living;
  for (auto const& [id, request] : live_) living.push_back(&request);
  std::ranges::sort(living, {}, &live_request::arrival);
  std::vector<request_record> out;
  for (auto const* request : living) out.push_back(request->record);
  std::vector<request_record> over(ended_.begin(), ended_.end());
  out.insert(out.end(), over.rbegin(), over.rend());
  return out;
}

request_record const* dispatcher::find(request_id const& id) const {
  if (auto const at = live_.find(id); at != live_.end()) return &at->second.record;
  auto const at = std::ranges::find(ended_, id, &request_record::id);
  return at == ended_.end() ? nullptr : &*at;
}

// Binds waiting requests to idle slots until one of the two is used up.
dispatch_decisions dispatcher::match(std::string const& model, mono_time now) {
  dispatch_decisions out;
  auto const at = pools_.find(model);
  if (at == pools_.end() || shutting_down_) return out;
  auto& from = at->second;
  while (!from.queue.empty()) {
    auto& request = live_.at(from.queue.front());
    auto* slots = best_agent(from, request.record.agent);
    if (!slots) break;
    slot_offer const slot = slots->idle.front();
    slots->idle.pop_front();
    ++slots->busy;
    idle_.erase(slot.serial);
    remove_from_queue(request);
    request.slot = slot;
    auto& record = request.record;
    record.state = request_state::routed;
    record.agent = slot.agent;
    record.slot = slot.serial;
    record.tries = record.tries.next();
    record.routed_at = now;
    record.queue_milliseconds += milliseconds(now - record.queued_since);
    out.push_back(run_request{record.id, record.tries, slot, record.queue_milliseconds});
  }
  return out;
}

// The agent with the smallest share of busy slots; one that just lost this request only if there is no other.
dispatcher::agent_slots* dispatcher::best_agent(pool& from, agent_id const& avoid) {
  agent_slots* best = nullptr;
  agent_slots* avoided = nullptr;
  for (auto& [agent, slots] : from.agents) {
    if (slots.idle.empty()) continue;
    if (agent == avoid) {
      avoided = &slots;
      continue;
    }
    // busy/total compared without division
    auto const total = [](agent_slots const& s) { return s.busy + s.idle.size(); };
    if (!best || slots.busy * total(*best) < best->busy * total(slots)) best = &slots;
  }
  return best ? best : avoided;
}

void dispatcher::remove_from_queue(live_request const& request) {
  auto const waiting = pools_.find(request.record.model);
  if (waiting == pools_.end()) return;
  auto& queue = waiting->second.queue;
  auto const at = std::ranges::find(queue, request.record.id);
  if (at == queue.end()) return;
  queue.erase(at);
  --queued_;
  queued_bytes_ -= request.record.body_bytes;
}

void dispatcher::release(live_request& request, bool reusable) {
  if (!request.slot) return;
  auto const slot = *request.slot;
  request.slot.reset();
  auto& from = pools_[slot.model];
  auto& slots = from.agents[slot.agent];
  if (reusable || !is_loose(canary::slot_kept_busy)) --slots.busy;
  if (reusable) {
    idle_.emplace(slot.serial, slot);
    slots.idle.push_back(slot);
  } else if (slots.idle.empty() && slots.busy == 0) {
    from.agents.erase(slot.agent);
  }
}

dispatch_decisions dispatcher::retry(request_id const& id, bool counts, mono_time now, wall_time wall_now) {
  auto& request = live_.at(id);
  if (shutting_down_) return fail(id, request_failure::shutdown, wall_now);
  if (counts && request.record.tries.value >= policy_.max_attempts)
    return fail(id, request_failure::attempts_exhausted, wall_now);
  if (!models_.contains(request.record.model)) return fail(id, request_failure::no_model, wall_now);
  request.record.state = request_state::queued;
  request.record.queued_since = now;
  ++queued_;
  queued_bytes_ += request.record.body_bytes;
  pools_[request.record.model].queue.push_front(id);
  return {};
}

dispatch_decisions dispatcher::fail(request_id const& id, request_failure reason, wall_time wall_now) {
  finish(id, request_state::failed, reason, wall_now);
  return {fail_request{id, reason}};
}

// The one place where a request becomes terminal. It is alive, and holds no slot any more.
void dispatcher::finish(request_id const& id, request_state state, request_failure reason, wall_time wall_now) {
  auto const at = live_.find(id);
  remove_from_queue(at->second);
  at->second.record.state = state;
  at->second.record.failure = reason;
  at->second.record.completed_at = wall_now;
  ++(state == request_state::completed ? completed_ : failed_);
  if (is_loose(canary::terminal_counted_twice)) ++failed_;
  ended_.push(std::move(at->second.record));
  live_.erase(at);
}

dispatcher::live_request* dispatcher::current(request_id const& id, attempt number) {
  auto const at = live_.find(id);
  return at != live_.end() && at->second.record.tries == number && at->second.slot ? &at->second : nullptr;
}

} // namespace paddler
