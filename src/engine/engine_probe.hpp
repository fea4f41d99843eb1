// Asking an engine whether it works.
#pragma once
#include "core/engine/engine_machine.hpp"
#include "model/slot_papers.hpp"
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
  std::string build = {};  // readiness only: which program it is, as its answers say; empty where they do not
  std::string reason = {}; // why it was not served
};

// One request over a connection of its own. Readiness asks for one token (or one embedding), liveness for the slots:
// both go through the engine's queue of tasks, which /health does not. Ends with the deadline at the latest, or early
// when cancelled.
task<probe_answer> probe_engine_once(probe_target target, probe_kind kind, duration deadline);

// Which streams an engine that serves can continue (wire/resume_request.hpp). Texts: all those that we know can. Chats:
// those that know the fields for it: asked to render a chat they leave the last message open, and they refuse to open
// another one behind it, which an engine that passes over fields it does not know would do. An engine that is silent
// until the deadline, or answers anything else, cannot.
task<resumable_apis> probe_resumable_apis(probe_target target, duration deadline);

} // namespace paddler
