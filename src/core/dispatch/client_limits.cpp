#include "core/dispatch/client_limits.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr duration minute = std::chrono::minutes(1);

} // namespace

client_limits::admission client_limits::arrived(client_key client, mono_time now) {
  for (auto const paid : debts_.take_due(now)) forget_unless_used(paid);
  if (!accounts_.contains(client) && accounts_.size() >= policy_.max_clients) client = client_key::others;
  auto const known = accounts_.find(client);
  auto const [live, owed_until] = known == accounts_.end() ? account{} : known->second;
  if (policy_.concurrent_requests && live >= static_cast<std::uint64_t>(*policy_.concurrent_requests))
    return {.refused = request_failure::concurrency_limited};
  auto paid_off = owed_until;
  if (policy_.requests_per_minute) {
    paid_off = std::max(owed_until, now) + minute / *policy_.requests_per_minute;
    if (paid_off > now + minute)
      return {.refused = request_failure::rate_limited, .retry_after = paid_off - (now + minute)};
    debts_.set(client, paid_off);
  }
  accounts_[client] = {live + 1, paid_off};
  return {.counted_as = client};
}

void client_limits::left(client_key counted_as) {
  auto const known = accounts_.find(counted_as);
  if (known == accounts_.end() || known->second.live == 0) return;
  --known->second.live;
  forget_unless_used(counted_as);
}

void client_limits::forget_unless_used(client_key client) {
  auto const known = accounts_.find(client);
  if (known != accounts_.end() && known->second.live == 0 && !debts_.contains(client)) accounts_.erase(known);
}

} // namespace paddler
