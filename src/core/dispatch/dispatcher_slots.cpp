// The dispatcher's slots: which request runs on which.
#include "base/canary.hpp"
#include "core/dispatch/dispatcher.hpp"
#include "core/dispatch/request_states.hpp"

#include <iterator>
#include <utility>

namespace paddler {
namespace {

std::uint64_t milliseconds(duration d) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

void note_attempt(request_record& record, slot_offer const& slot) {
  auto& attempts = record.attempts;
  if (attempts.size() == max_request_attempts) attempts.erase(attempts.begin());
  attempts.push_back({record.tries, slot.agent, slot.serial, slot.version, {}});
}

// Twice in a row by the same agent.
bool was_lost_there_again(request_record const& record) {
  auto const newest = record.attempts.rbegin();
  return record.attempts.size() > 1 && newest->agent == std::next(newest)->agent;
}

} // namespace

// One beyond the limits of the table is never used.
dispatch_decisions dispatcher::slot_opened(slot_offer const& slot, instant now) {
  if (idle_.contains(slot.serial)) return {};
  auto const engine = slots_.open(slot.serial, {slot.model, slot.agent, slot.process, slot.engine_number});
  if (!engine) return {};
  auto const [facts, is_new] = engines_.try_emplace(*engine, engine_facts{.identity = slot.identity});
  if (std::exchange(facts->second.identity, slot.identity) != slot.identity) {
    // Until its agent has read the model's file the engine goes by the file's name. It makes the same all the time.
    for (auto& [serial, request] : live_)
      if (request.record.has_slot && request.engine == *engine && request.identity != 0)
        request.identity = slot.identity;
  }
  if (is_new) let_or_withhold({slot.agent, slot.model});
  idle_.emplace(slot.serial, std::make_shared<slot_offer const>(slot));
  ++by_agent_[slot.agent].idle;
  return match(slot.model, now);
}

// With it may go the last engine that others waited for instead of one that fails too often.
dispatch_decisions dispatcher::slot_closed(slot_serial serial, instant now, std::optional<request_serial> reader) {
  if (auto const slot = idle_.extract(serial)) {
    close(*slot.mapped(), &slot_count::idle);
    return match(slot.mapped()->model, now);
  }
  auto const at = reader ? live_.find(*reader) : live_.end();
  if (at == live_.end() || !at->second.record.has_slot || at->second.slot->serial != serial) return {};
  std::string const model = at->second.record.model;
  vacate(at->second, false);
  return match(model, now);
}

// It counted as idle, or as busy. An engine that has no slot any more is forgotten.
void dispatcher::close(slot_offer const& slot, std::size_t slot_count::* as) {
  auto const at = by_agent_.find(slot.agent);
  --(at->second.*as);
  if (at->second.idle + at->second.busy == 0) by_agent_.erase(at);
  auto const engine = slots_.close(slot.serial);
  if (!engine) return;
  engines_.erase(*engine);
  index_.end(*engine);
}

// The attempt is over.
void dispatcher::release(live_request& request, bool reusable) {
  if (request.record.has_slot) vacate(request, reusable);
  request.slot = nullptr;
}

void dispatcher::vacate(live_request& request, bool reusable) {
  auto const& slot = request.slot;
  request.record.has_slot = false;
  if (std::exchange(request.apart, false)) --engines_.at(request.engine).apart;
  if (!reusable) {
    if (!is_loose(canary::slot_kept_busy)) close(*slot, &slot_count::busy);
    return;
  }
  slots_.give_back(slot->serial);
  idle_.emplace(slot->serial, slot);
  auto& of = by_agent_.at(slot->agent);
  --of.busy;
  ++of.idle;
}

// In the line where it belongs. Who may already have cost as many engines as one may waits for the word of their
// agents. So does who could only go back to the agent that just lost it: if that is gone, its slots end one after the
// other, and each would cost an attempt.
void dispatcher::wait_again(live_request& request) {
  auto const& record = request.record;
  bool const resumes = record.state == request_state::resuming;
  engine_wish const wish{resumes ? request.identity : 0, blame_.is_suspect(record.serial)};
  if (auto const charges = blame_.charges(record.serial); charges > 0) {
    bool const may_kill = blame_.deaths(record.serial) + charges >= policy_.max_deaths;
    auto const next = search(record.model, &request, wish).choice.engine;
    bool const goes_back = next && slots_.key_of(*next)->agent == record.agent;
    bool const others = slots_.engines_of(record.model) > slots_.engines_at(record.model, record.agent).size();
    if (may_kill || (goes_back && (others || was_lost_there_again(record)))) {
      held_.insert(record.serial);
      return;
    }
  }
  auto const line = line_of(record.model, wish.identity, wish.apart);
  resumes ? queue_.resume(line, request.place) : queue_.put_back(line, request.place);
}

// Binds waiting requests to idle slots until one of the two is used up.
dispatch_decisions dispatcher::match(std::string const& model, instant now) {
  if (shutting_down_ || !(is_any_idle(model) || slots_.withheld_of(model) > 0)) return {};
  auto out = expire(now);
  // Streams go on only where an engine makes the same answer, so each identity has a line of its own.
  std::set<std::uint64_t> identities;
  if (queue_.count().resuming > 0)
    for (auto const& [engine, facts] : engines_)
      if (facts.identity != 0) identities.insert(facts.identity);
  for (auto const identity : identities)
    for (bool const suspect : {false, true})
      run_waiting(line_of(model, identity, suspect), {identity, suspect}, model, now, out);
  if (blame_.has_suspects()) run_waiting(line_of(model, 0, true), {.apart = true}, model, now, out);
  run_waiting(model, {}, model, now, out);
  append(out, move_on(model));
  return out;
}

void dispatcher::run_waiting(std::string const& line, engine_wish const& wish, std::string const& model, instant now,
                             dispatch_decisions& out) {
  while (queue_.is_waited_for(line)) {
    bool const any_will_do = wish.identity == 0 && !wish.apart && is_any_idle(model);
    if (!any_will_do && !search(model, nullptr, wish).choice.engine) break;
    auto const next = queue_.pop(line, now.mono);
    if (!next) break;
    auto& request = live_.at(*next);
    out.emplace_back(run_on(request, search(model, &request, wish), now));
  }
}

// Without a request: whether anybody's could go anywhere.
route_search_result dispatcher::search(std::string const& model, live_request const* request,
                                       engine_wish const& wish) const {
  route_request asked{.model = model, .turn = turn_};
  if (request != nullptr) {
    asked.blocks = request->blocks;
    asked.prompt_blocks = request->prompt_blocks;
    if (auto const at = sessions_.find(request->session); at != sessions_.end()) asked.session_engine = at->second;
  }
  auto found = search_route(slots_, index_, asked, policy_.routing, [&](auto& each) { know(each, request, wish); });
  if (!found.choice.engine) keep_last(model, request, wish, found);
  return found;
}

void dispatcher::know(route_candidate& each, live_request const* request, engine_wish const& wish) const {
  auto const& facts = engines_.at(each.engine);
  auto const* const key = slots_.key_of(each.engine);
  if (slots_.is_withheld(each.engine)) each.filter = route_filter::breaker_open;
  if (drains_.contains(key->agent)) each.filter = route_filter::drained;
  if (wish.identity != 0 && facts.identity != wish.identity) each.filter = route_filter::other_identity;
  if (wish.apart && facts.apart > 0) each.filter = route_filter::suspect_aboard;
  each.lost_it = request != nullptr && key->agent == request->record.agent;
  if (auto const clock = clocks_.find(key->model); clock != clocks_.end()) each.ahead = facts.pace.ahead(clock->second);
}

// `found` says where.
run_request dispatcher::run_on(live_request& request, route_search_result const& found, instant now) {
  auto const engine = *found.choice.engine;
  request.record.tries = request.record.tries.next();
  ++attempts_;
  note_route(request, found);
  auto const slot = idle_.extract(*slots_.take(engine)).mapped();
  auto& of = by_agent_.at(slot->agent);
  --of.idle;
  ++of.busy;
  turn_ = next_turn(engine);
  index_.insert(request.blocks, engine);
  if (request.session != 0) remember_session(request.session, engine);
  request.apart = blame_.is_suspect(request.record.serial);
  if (request.apart) ++engines_.at(engine).apart;
  request.slot = slot;
  request.engine = engine;
  request.moves = move_state::may;
  begin_at(request);
  auto& record = request.record;
  record.agent = slot->agent;
  record.slot = slot->serial;
  record.has_slot = true;
  record.routed_at = now.mono;
  record.queue_milliseconds += milliseconds(now.mono - record.queued_since);
  note_attempt(record, *slot);
  bool const resumes = record.state == request_state::resuming;
  if (!resumes) move_to(record, request_state::routed, now);
  return {record.serial, record.tries, slot, resumes, record.queue_milliseconds};
}

void dispatcher::note_route(live_request& request, route_search_result const& found) const {
  auto const& model = request.record.model;
  route_note note{.number = request.record.tries,
                  .policies = policy_version_,
                  .by = policy_.routing,
                  .turn = turn_,
                  .reason = found.choice.reason,
                  .chosen = slots_.key_of(*found.choice.engine)->agent,
                  .engine = *found.choice.engine,
                  .prompt_blocks = request.prompt_blocks,
                  .rows = {},
                  .others = slots_.engines_of(model) - found.candidates.size(),
                  .others_open = slots_.withheld_of(model) - slots_.drained_of(model),
                  .others_drained = slots_.drained_of(model)};
  for (std::size_t i = 0; i < found.candidates.size(); ++i) {
    auto const& each = found.candidates[i];
    auto const why = slots_.withheld_for(each.engine);
    if (why != route_filter::none) --(why == route_filter::drained ? note.others_drained : note.others_open);
    note.rows.push_back({slots_.key_of(each.engine)->agent, each, found.choice.scores[i]});
  }
  note.others -= note.others_open + note.others_drained;
  if (request.routes.size() == max_request_attempts) request.routes.erase(request.routes.begin());
  request.routes.push_back(std::move(note));
}

void dispatcher::remember_session(std::uint64_t session, engine_ordinal engine) {
  auto const [at, is_new] = sessions_.insert_or_assign(session, engine);
  if (is_new) session_order_.push_back(session);
  if (session_order_.size() <= policy_.max_sessions) return;
  sessions_.erase(session_order_.front());
  session_order_.pop_front();
}

} // namespace paddler
