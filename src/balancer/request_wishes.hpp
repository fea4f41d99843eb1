// What the headers of an inference request say of how it is to be treated: whose it is, how urgent, how long its client
// waits, and what it belongs to. Pure.
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/policies.hpp"
#include "model/request.hpp"
#include "net/http_types.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace paddler {

struct request_wishes {
  client_key client = client_key::others;      // of its API key; where it sends none, of its address
  request_class level = request_class::normal; // X-Paddler-Priority: interactive, default, bulk
  std::optional<duration> patience;            // X-Paddler-Deadline-Ms; the official clients' X-Stainless-Timeout
  std::uint64_t session = 0;                   // of X-Session-Id; 0: none
  std::string_view idempotency_key;            // Idempotency-Key, as long as the head lives; empty: none
};

// `peer` is the client's address, "host:port"; `trust`: whether it may ask for more than others get. Errors:
// invalid_input, for a header of ours that cannot be understood.
result<request_wishes> read_wishes(http_head const& head, std::string_view peer, priority_trust trust);

} // namespace paddler
