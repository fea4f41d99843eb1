// A balancer, agents and their engines in a simulated world: the product's own code, from start() on.
#pragma once
#include "agent/agent.hpp"
#include "balancer/balancer.hpp"
#include "sim/disk.hpp"
#include "sim/engines.hpp"
#include "sim/files.hpp"
#include "sim/life.hpp"
#include "sim/scenario.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paddler_sim {

inline constexpr host_id balancer_host = 0;
inline constexpr host_id client_host = 1;
inline constexpr host_id first_agent_host = 10;
inline constexpr char const* desired_file = "/etc/paddler.yaml";
inline constexpr char const* inference_place = "127.0.0.1:8061";
inline constexpr char const* management_place = "127.0.0.1:8060";

class balancer_life final : public life {
public:
  balancer_life(simulator& sim, sim_network& net, process& where, balancer_config config)
      : life(sim, net, where), config_(std::move(config)) {}

  // Null until it serves, and from its end on.
  [[nodiscard]] balancer_core const* core() const { return serving_ && !killed() ? &it_->core() : nullptr; }

  // What it restored as it began to serve, and what it knew to be durable in the end; nothing where it never served.
  struct span {
    revision from, to;
  };

  [[nodiscard]] std::optional<span> served() const;

private:
  task<> run() override;
  void dies() override;

  balancer_config config_;
  std::unique_ptr<balancer> it_;
  bool serving_ = false;
  std::optional<span> served_;
};

class agent_life final : public life {
public:
  agent_life(simulator& sim, sim_network& net, process& where, agent_config config)
      : life(sim, net, where), config_(std::move(config)) {}

  [[nodiscard]] agent const* it() const { return killed() ? nullptr : it_.get(); }

private:
  task<> run() override;
  task<> stop_at_end();

  agent_config config_;
  std::unique_ptr<agent> it_;
};

// Starts again what ended, a little later, as a process supervisor does.
class cluster {
public:
  cluster(simulator& sim, sim_network& net, sim_files& files, scenario const& what, dispatch_policy const& dispatch);
  cluster(cluster const&) = delete;
  cluster& operator=(cluster const&) = delete;

  struct machine {
    std::string id;
    host_id host = 0;
    std::shared_ptr<sim_engine_host> engines;
    std::shared_ptr<agent_life> agent;
    bool gone = false; // for ever
  };

  void start();

  void kill_balancer();
  void kill_agent(std::size_t which);
  void lose_agent_for_ever(std::size_t which);

  [[nodiscard]] balancer_core const* core() const { return balancer_ ? balancer_->core() : nullptr; }

  [[nodiscard]] process* balancer_process() const {
    return balancer_ && !balancer_->killed() ? &balancer_->where() : nullptr;
  }

  std::vector<machine>& machines() { return machines_; }

  [[nodiscard]] std::vector<machine> const& machines() const { return machines_; }

  // Where set, may change how an agent is started.
  std::function<void(std::size_t which, agent_config&)> adjust;

  sim_disk& disk() { return *disk_; }

  // Every one that ever lived, in order.
  [[nodiscard]] std::vector<std::shared_ptr<balancer_life>> const& balancers() const { return balancers_; }

  // What this agent's process says of itself.
  [[nodiscard]] std::optional<agent_spec> const& word_of(process const& agent) const { return words_.at(&agent); }

  // Kills everything and waits until all of it has unwound. False: something never ended.
  bool end();

private:
  void start_balancer();
  void start_agent(std::size_t which);

  simulator& sim_;
  sim_network& net_;
  sim_files& files_;
  scenario const& what_;
  dispatch_policy dispatch_;
  std::shared_ptr<sim_disk> disk_ = std::make_shared<sim_disk>();
  std::shared_ptr<balancer_life> balancer_;
  std::vector<std::shared_ptr<balancer_life>> balancers_;
  std::vector<machine> machines_;
  std::map<process const*, std::optional<agent_spec>> words_;
  std::vector<std::shared_ptr<life>> all_; // that ever lived
  bool ending_ = false;
};

} // namespace paddler_sim
