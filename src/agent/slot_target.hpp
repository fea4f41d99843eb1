// What slot connections lead from and to: one balancer, and one run of one engine.
#pragma once
#include "agent/engine_keeper.hpp"
#include "base/ids.hpp"
#include "net/transport.hpp"

namespace paddler {

struct slot_target {
  host_and_port balancer;
  agent_id agent;
  incarnation process;
  ready_engine engine;
};

} // namespace paddler
