// The agent: one per machine with compute. It dials a balancer, keeps the engine that its applicable state asks for,
// and serves the balancer's requests on slot connections (docs/protocol.md).
//
//   agent it(loop.executor(), config);
//   group.spawn("agent", run_and_note(it));  // awaits it.run()
//   ...
//   it.stop(seconds(3));                     // run() returns soon after that time at the latest
#pragma once
#include "agent/agent_config.hpp"
#include "base/result.hpp"
#include "model/current.hpp"
#include "runtime/task.hpp"

#include <memory>

namespace paddler {

// Lives on one executor; all functions are called from its thread. Must outlive run().
class agent {
public:
  agent(asio::any_io_executor executor, agent_config config);
  ~agent();
  agent(agent const&) = delete;
  agent& operator=(agent const&) = delete;

  // Serves until it is stopped; then everything that it started (engine, connections, tasks) has ended. Fails where it
  // cannot begin (an address is wrong, no runtime directory) and where no balancer will ever let it in; the words say
  // why and what to do. Cancelling the task is stop() without patience.
  task<result<void>> run();

  // Ends run(): running requests get up to `polite`, then their connections are broken; then the engine is stopped. May
  // be called again with less patience.
  void stop(duration polite);

  // What it would report now, and to whom; for those who live in the same process.
  [[nodiscard]] engine_report engine() const;
  [[nodiscard]] bool is_connected() const;
  [[nodiscard]] agent_id const& id() const;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace paddler
