// Opening one slot connection (docs/protocol.md).
#pragma once
#include "agent/slot_target.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "net/http_server.hpp"

#include <memory>

namespace paddler {

// Dials the balancer and asks it to reverse the roles; each of the two steps within `limit`. The error says what the
// balancer answered instead.
task<result<taken_connection>> dial_slot(std::shared_ptr<slot_target const> target, duration limit);

} // namespace paddler
