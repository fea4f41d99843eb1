// Engines as simulated processes: the simulated engine of src/engine, over the simulated network's Unix sockets.
#pragma once
#include "engine/engine_host.hpp"
#include "sim/life.hpp"

#include <memory>
#include <vector>

namespace paddler_sim {

class sim_child;

// One agent's engines. They die with it.
class sim_engine_host final : public engine_host {
public:
  sim_engine_host(simulator& sim, sim_network& net, host_id host) : sim_(sim), net_(net), host_(host) {}

  result<void> blocking_prepare(std::vector<std::string> const&, engine_files const&, std::string const&) override {
    return {};
  }

  result<std::shared_ptr<engine_child>> start(asio::any_io_executor const& executor, child_command const& command,
                                              output_lines::handler on_line) override;

  void blocking_clean(engine_files const&) override {}

  // Whether there was one.
  bool kill_one();
  void kill_all();

  // Whether they answer requests with 500, those that are started later too.
  void break_all(bool broken);

  [[nodiscard]] bool were_ever_broken() const { return ever_broken_; }

private:
  simulator& sim_;
  sim_network& net_;
  host_id host_;
  std::vector<std::weak_ptr<sim_child>> children_;
  std::int64_t pids_ = 1000;
  std::shared_ptr<bool> broken_ = std::make_shared<bool>(false); // engines outlive their host
  bool ever_broken_ = false;
};

} // namespace paddler_sim
