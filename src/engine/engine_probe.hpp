// Asking an engine whether it works.
#pragma once
#include "core/engine/engine_machine.hpp"
#include "runtime/task.hpp"

#include <string>

namespace paddler {

struct probe_target {
  std::string socket_path = {};
  bool embedding = false;
};

struct probe_answer {
  bool served = false;
  int slots_busy = 0;      // liveness only
  std::string reason = {}; // why it was not served
};

// One request over a connection of its own. Readiness asks for one token (or one embedding), liveness for the slots:
// both go through the engine's queue of tasks, which /health does not. Ends with the deadline at the latest, or early
// when cancelled.
task<probe_answer> probe_engine_once(probe_target target, probe_kind kind, duration deadline);

} // namespace paddler
