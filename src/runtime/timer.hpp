// Time for tasks.
#pragma once
#include "base/time.hpp"
#include "runtime/task.hpp"

#include <functional>

namespace paddler {

// True when the time passed; false when the task is (or was already) cancelled.
task<bool> sleep_for(duration time);

// The same for races, where the reason does not matter.
task<> sleep_until_cancelled_or(duration time);

// Runs `work` every `period`, each time earlier or later by up to `jitter` of it (0..1), until cancelled. The first
// time after one period; a run that takes longer than the period delays the next and is not made up for.
task<> periodic(duration period, double jitter, std::function<task<>()> work);

} // namespace paddler
