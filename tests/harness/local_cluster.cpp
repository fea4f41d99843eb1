#include "harness/local_cluster.hpp"

#include "base/result.hpp"
#include "harness/system_test.hpp"
#include "runtime/log.hpp"

#include <iostream>

namespace paddler_test {
namespace {

task<> run_and_note(agent& it) {
  auto const ended = co_await it.run();
  EXPECT_TRUE(ended.has_value()) << "the agent gave up: " << describe(ended.error());
}

} // namespace

local_cluster::local_cluster(asio::any_io_executor executor) : executor_(executor) {
  config.inference_address = "127.0.0.1:0";
  config.management_address = "127.0.0.1:0";
  config.state_directory = directory_.path("state");
  simulation.answer_tokens = endless;
}

local_cluster::~local_cluster() = default;

task<> local_cluster::start(std::string desired) {
  balancer_ = std::make_unique<balancer>(executor_, config);
  balancer_->on_fatal = [](error const& why) { ADD_FAILURE() << "the balancer gave up: " << describe(why); };
  auto const started = co_await balancer_->start();
  require(started.has_value(), started ? "" : describe(started.error()));
  api_ = cluster_api(balancer_->inference_address(), balancer_->management_address());
  if (!desired.empty()) co_await api_.apply(std::move(desired));
}

void local_cluster::add_agent(std::string id, std::function<void(agent_config&)> const& change, std::string handle) {
  if (handle.empty()) handle = id;
  agent_config told;
  told.balancers = {api_.management()};
  told.id = {std::move(id)};
  told.version = "test";
  told.program.kind = engine_kind::simulated;
  told.program.simulation = simulation;
  told.runtime_directory = directory_.path(handle);
  told.engine.backoff_first = std::chrono::milliseconds(20);
  if (change) change(told);
  auto added = std::make_unique<member>(executor_);
  added->it = std::make_unique<agent>(executor_, std::move(told));
  added->tasks.spawn("run", run_and_note(*added->it));
  require(agents_.emplace(std::move(handle), std::move(added)).second, "an agent of this name runs already");
}

task<> local_cluster::stop_agent(std::string id, duration polite) {
  auto const at = agents_.find(id);
  require(at != agents_.end(), "no agent of this name runs");
  at->second->it->stop(polite);
  co_await at->second->tasks.join();
  agents_.erase(id);
}

agent const& local_cluster::agent_named(std::string const& id) const { return *agents_.at(id)->it; }

task<> local_cluster::stop_balancer() {
  if (balancer_) co_await balancer_->stop();
  balancer_.reset();
}

task<> local_cluster::stop() {
  for (auto const& [id, each] : agents_) each->it->stop(duration::zero());
  for (auto const& [id, each] : agents_) co_await each->tasks.join();
  agents_.clear();
  config.stop_deadline = duration::zero();
  co_await stop_balancer();
}

void local_cluster::print_logs() const {
  for (auto const& line : log_recent()) std::cerr << line << '\n';
}

} // namespace paddler_test
