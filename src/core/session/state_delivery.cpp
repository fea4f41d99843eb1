#include "core/session/state_delivery.hpp"

#include "base/backoff.hpp"

#include <utility>

namespace paddler {

void state_delivery::want(held_state wanted) {
  if (wanted == wanted_) return;
  wanted_ = std::move(wanted);
  settle();
}

void state_delivery::report(held_state held) {
  bool const is_news = held != held_;
  held_ = std::move(held);
  if (is_news && wanted_ == held_) settle();
}

void state_delivery::acknowledge(generation version) {
  if (version != wanted_.version) return;
  held_ = wanted_;
  settle();
}

void state_delivery::refuse(generation version, std::vector<field_error> errors) {
  if (version != wanted_.version || wanted_ == held_) return;
  settle();
  refused_ = true;
  refusal_ = std::move(errors);
}

// Nothing is under way any more.
void state_delivery::settle() {
  refused_ = false;
  refusal_.clear();
  unanswered_ = 0;
  again_at_.reset();
}

void state_delivery::note_sent(mono_time now, double random) {
  auto const pause = full_jitter(policy_.backoff_first, policy_.backoff_limit, unanswered_, random);
  again_at_ = now + policy_.answer_within + pause;
  ++unanswered_;
}

delivery_phase state_delivery::phase(mono_time now) const {
  if (refused_) return delivery_phase::refused;
  if (is_settled()) return delivery_phase::delivered;
  if (!again_at_ || *again_at_ <= now) return delivery_phase::due;
  return unanswered_ >= policy_.stuck_after ? delivery_phase::stuck : delivery_phase::sent;
}

std::optional<mono_time> state_delivery::next_due() const {
  if (is_settled()) return std::nullopt;
  return again_at_;
}

} // namespace paddler
