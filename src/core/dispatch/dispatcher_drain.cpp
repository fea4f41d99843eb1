// The dispatcher and the agents that are to become empty.
#include "base/canary.hpp"
#include "core/dispatch/dispatcher.hpp"

namespace paddler {

dispatch_decisions dispatcher::set_drained(agent_id const& agent, std::optional<drain_wish> const& wish, instant now) {
  if (is_loose(canary::drained_agent_routed)) return {};
  if (!wish && !drains_.contains(agent)) return {}; // as it is with almost all of a change's agents
  bool const changed = drains_.set(agent, wish, now.mono);
  dispatch_decisions out;
  for (auto const& model : models_) {
    if (changed) let_or_withhold({agent, model});
    append(out, match(model, now));
  }
  return out;
}

dispatch_decisions dispatcher::stays(request_serial serial, attempt number) {
  auto* request = current(serial, number);
  if (!request || moving_ != serial) return {};
  moving_.reset();
  request->moves = move_state::cannot;
  return move_on(request->record.model);
}

// One request after the other, each when there is an idle slot elsewhere where it can go on: so none waits for a slot,
// and none is lost for it. What can go on nowhere stays to its end.
dispatch_decisions dispatcher::move_on(std::string const& model) {
  if (moving_ || !drains_.is_any_overdue() || !is_any_idle(model)) return {};
  for (auto& [serial, request] : live_) {
    if (!request.record.has_slot || request.record.model != model || request.moves != move_state::may) continue;
    if (!drains_.is_overdue(request.slot->agent)) continue;
    bool const begun = request.record.state == request_state::streaming;
    if (begun && (request.identity == 0 || request.record.resumes >= policy_.max_resumes)) continue;
    engine_wish const wish{.identity = begun ? request.identity : 0, .apart = blame_.is_suspect(serial)};
    if (!search(model, &request, wish).choice.engine) continue;
    moving_ = serial;
    request.moves = move_state::does;
    return {interrupt_attempt{serial, request.record.tries}};
  }
  return {};
}

} // namespace paddler
