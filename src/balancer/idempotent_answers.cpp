#include "balancer/idempotent_answers.hpp"

#include <utility>

namespace paddler {
namespace {

std::size_t size_of(kept_answer const& answer) { return answer.content_type.size() + answer.body.size(); }

} // namespace

idempotent_answers::found idempotent_answers::ask(idempotency_key const& key, std::uint64_t request, mono_time now) {
  auto at = entries_.find(key);
  if (at != entries_.end() && at->second.what != standing::runs && at->second.until <= now) {
    forget(at);
    at = entries_.end();
  }
  if (at != entries_.end()) {
    if (at->second.request != request) return {.what = standing::other_request};
    return {.what = at->second.what, .answer = at->second.answer};
  }
  if (entries_.size() >= policy_.max_keys && !over_.empty()) forget(entries_.find(over_.front()));
  if (entries_.size() >= policy_.max_keys) return {.what = standing::no_room};
  entries_.emplace(key, entry{.request = request, .until = now + policy_.keep, .place = over_.end()});
  return {.what = standing::begins};
}

void idempotent_answers::answered(idempotency_key const& key, kept_answer answer) {
  auto const at = entries_.find(key);
  if (at == entries_.end()) return;
  if (size_of(answer) > policy_.max_answer) return end(at, standing::not_kept);
  bytes_ += size_of(answer);
  at->second.answer = std::make_shared<kept_answer const>(std::move(answer));
  end(at, standing::answered);
  while (bytes_ > policy_.max_bytes) forget(entries_.find(over_.front()));
}

void idempotent_answers::answered_at_length(idempotency_key const& key) {
  if (auto const at = entries_.find(key); at != entries_.end()) end(at, standing::not_kept);
}

void idempotent_answers::failed(idempotency_key const& key) {
  if (auto const at = entries_.find(key); at != entries_.end()) forget(at);
}

void idempotent_answers::end(entries::iterator at, standing how) {
  at->second.what = how;
  at->second.place = over_.insert(over_.end(), at->first);
}

void idempotent_answers::forget(entries::iterator at) {
  if (at->second.answer) bytes_ -= size_of(*at->second.answer);
  if (at->second.what != standing::runs) over_.erase(at->second.place);
  entries_.erase(at);
}

} // namespace paddler
