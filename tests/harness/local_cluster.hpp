// A balancer and agents on the test's own event loop, over real sockets; their simulated engines are real processes
// (this program again, see main.cpp). What processes cannot be told by flags, such as short heartbeats, is told here.
#pragma once
#include "agent/agent.hpp"
#include "balancer/balancer.hpp"
#include "harness/cluster_api.hpp"
#include "harness/temporary_directory.hpp"
#include "runtime/task_group.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace paddler_test {

class local_cluster {
public:
  explicit local_cluster(asio::any_io_executor executor);
  ~local_cluster();
  local_cluster(local_cluster const&) = delete;
  local_cluster& operator=(local_cluster const&) = delete;

  // Until start(): what the balancer is told. Ports are free ones; state is kept in a folder of the test.
  balancer_config config;

  // For agents that are added after it was set. Answers are endless (chat.hpp).
  engine_simulation simulation;

  // Starts the balancer and, where a document is given, wants it.
  task<> start(std::string desired = {});

  // `change` is told what the agent would be told, and may tell it something else. `handle` names it here where two are
  // to have one id.
  void add_agent(std::string id, std::function<void(agent_config&)> const& change = {}, std::string handle = {});
  task<> stop_agent(std::string id, duration polite);
  [[nodiscard]] agent const& agent_named(std::string const& id) const;

  [[nodiscard]] cluster_api const& api() const { return api_; }

  [[nodiscard]] std::string directory(std::string_view name) const { return directory_.path(name); }

  task<> stop_balancer();
  task<> stop();
  void print_logs() const;

private:
  struct member {
    explicit member(asio::any_io_executor const& executor) : tasks(executor, "agent of the test") {}

    std::unique_ptr<agent> it;
    task_group tasks;
  };

  asio::any_io_executor executor_;
  temporary_directory directory_;
  std::unique_ptr<balancer> balancer_;
  std::map<std::string, std::unique_ptr<member>> agents_;
  cluster_api api_;
};

} // namespace paddler_test
