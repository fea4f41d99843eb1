// What `up`, `balancer` and `agent` have in common: servers on one loop, and how they end.
#pragma once
#include "agent/agent.hpp"
#include "balancer/balancer.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <functional>
#include <optional>

namespace paddler {

// A balancer, an agent or both, in this process. They serve until SIGINT or SIGTERM, or until one of them ends by
// itself. Then the balancer finishes what runs, and after it the agent; a second signal ends the process at once.
class serving {
public:
  serving(event_loop& loop, console& terminal);
  ~serving();
  serving(serving const&) = delete;
  serving& operator=(serving const&) = delete;

  task<result<void>> start_balancer(balancer_config config);
  void start_agent(agent_config config);

  // Runs beside the servers until they stop.
  void beside(char const* name, task<> work) { tasks_.spawn(name, std::move(work)); }

  task<exit_code> until_stopped();

  [[nodiscard]] balancer const& front() const { return *balancer_; }

  [[nodiscard]] agent const& worker() const { return *agent_; }

private:
  task<> run_agent();
  task<> wait_for_failure();
  task<> stop_all();
  task<> abort_at_next_signal();

  event_loop& loop_;
  console& terminal_;
  std::optional<balancer> balancer_;
  std::optional<agent> agent_;
  bool agent_ended_ = true;
  std::optional<error> failure_; // why it ends by itself
  wakeup changed_;
  task_group tasks_;
};

} // namespace paddler
