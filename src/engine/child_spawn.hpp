// The moment between two programs: how a child is made. Used by child_process only.
#pragma once
#include "base/result.hpp"

#include <cstdint>

namespace paddler {

struct child_command;

struct spawned_child {
  int pid = 0;
  int pidfd = -1; // close-on-exec; owned by the caller
};

// Makes the child with `output` as its output and error output. Returns after its exec, or with the reason why that was
// refused (then no process is left).
result<spawned_child> spawn_child(child_command const& command, int output);

} // namespace paddler
