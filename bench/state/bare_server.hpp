// What the balancer is measured against: the same server, sockets and frames with nothing behind them. It welcomes
// every agent, sends it heartbeats, throws away what it says, and sends what it is told to send to many agents at once.
// It decodes, decides and stores nothing.
#pragma once
#include "runtime/event_loop.hpp"

#include <string>

namespace paddler {

// Listens on the address ("127.0.0.1:8060") and logs "balancer.listening" as the balancer does. Runs until SIGTERM or
// SIGINT.
task<> run_bare_server(event_loop* loop, std::string address);

} // namespace paddler
