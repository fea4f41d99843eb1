// What slot connections lead from and to: one balancer, and one run of one engine.
#pragma once
#include "base/ids.hpp"
#include "model/slot_papers.hpp"
#include "net/transport.hpp"

#include <cstdint>
#include <string>

namespace paddler {

// An engine that serves.
struct ready_engine {
  generation version; // of the applicable state that it runs
  std::string model;  // the name it serves
  std::string socket_path;
  int slots = 0;
  std::uint64_t number = 0; // of its process among all that this agent started
  resumable_apis resumes = {};
  std::uint64_t identity = 0; // engine_identity(); 0 where nothing is known of its model's content
  friend bool operator==(ready_engine const&, ready_engine const&) = default;
};

// Who is offered slots, and in whose name.
struct slot_audience {
  host_and_port balancer;
  agent_id agent;
  incarnation process;
};

struct slot_target {
  slot_audience from;
  ready_engine engine;
};

} // namespace paddler
