// What a process meets outside itself: time, chance, threads, its log. It is the machine, unless a simulation stands in
// for it (sim/): then every clock, timer, random number and blocking call of the shell comes from here.
#pragma once
#include "base/time.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace paddler {

// Used by one thread. Every call is made by the process whose turn it is.
class world {
public:
  world() = default;
  virtual ~world() = default;
  world(world const&) = delete;
  world& operator=(world const&) = delete;

  virtual mono_time mono_now() = 0;
  virtual wall_time wall_now() = 0;
  virtual std::uint64_t random() = 0;

  // Calls `then` in the calling process once `delay` has passed. The answer names the call for forget().
  virtual std::uint64_t call_after(duration delay, std::move_only_function<void()> then) = 0;
  virtual void forget(std::uint64_t call) = 0;

  // Runs what blocks, in the calling process and after some time. Jobs of one `pool` run in turn.
  virtual void run_blocking(void const* pool, std::move_only_function<void()> job) = 0;

  // A line of the log, by its event's name.
  virtual void logged(std::string_view level, std::string_view event, std::string_view message) = 0;
};

} // namespace paddler
