// Whether the balancer can serve.
#pragma once
#include "balancer/core_service.hpp"
#include "net/http_server.hpp"

namespace paddler {

// `GET /readyz`: 200 while state can be written; with `?slots=N` also N slots must be there. Says what is missing.
task<> answer_readiness(http_exchange& exchange, core_service& core);

// `GET /healthz`: 200 as long as the loop turns.
task<> answer_health(http_exchange& exchange);

} // namespace paddler
