// How much one client may ask for: so many requests a minute, and so many at once. Each limit may be left out.
//
// The rate is kept by the generic cell rate algorithm (ITU-T I.371, annex A, "virtual scheduling"), a token bucket
// that stores one instant for each client: when all that it was let in with would have been paid off, at one request
// each 60 s / `requests_per_minute`. As many as a minute pays for may come at once. What is refused costs nothing.
//
// Pure: no clock. Owned by one thread. Every operation costs the logarithm of the clients. A client is remembered while
// it has a request or a debt; where there are `max_clients` of them, newcomers share `client_key::others`.
#pragma once
#include "base/deadline_queue.hpp"
#include "model/request.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace paddler {

struct client_limit_policy {
  std::optional<int> requests_per_minute; // at least 1
  std::optional<int> concurrent_requests; // that wait or run; at least 1
  std::size_t max_clients = 65'536;
};

class client_limits {
public:
  explicit client_limits(client_limit_policy policy) : policy_(policy) {}

  // From the next request on. Who has more at once than it may by now keeps that.
  void set_policy(client_limit_policy policy) { policy_ = policy; }

  struct admission {
    request_failure refused = request_failure::none; // or rate_limited, concurrency_limited
    client_key counted_as = client_key::others;      // to be given back by `left`, unless refused
    std::optional<duration> retry_after;             // of rate_limited: when one more may come
  };

  // One more request of this client.
  admission arrived(client_key client, mono_time now);

  // One that was let in is over.
  void left(client_key counted_as);

  // Clients remembered.
  [[nodiscard]] std::size_t size() const { return accounts_.size(); }

private:
  struct account {
    std::uint64_t live = 0;
    mono_time paid_off{}; // in the past where nothing is owed
  };

  void forget_unless_used(client_key client);

  client_limit_policy policy_;
  std::map<client_key, account> accounts_;
  deadline_queue<client_key> debts_; // when they are paid off
};

} // namespace paddler
