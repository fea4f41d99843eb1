#include "harness/process_cluster.hpp"

#include "harness/system_test.hpp"

#include <csignal>
#include <filesystem>
#include <iostream>

namespace paddler_test {
namespace {

constexpr std::size_t shown_log_bytes = 20'000;

void print_end_of(std::string const& name, std::string const& output) {
  std::cerr << "--- " << name << " ---\n"
            << (output.size() > shown_log_bytes ? output.substr(output.size() - shown_log_bytes) : output);
}

} // namespace

task<> process_cluster::start_balancer(std::vector<std::string> flags) {
  bool const again = !api_.management().empty();
  std::vector<std::string> arguments = {"balancer",
                                        "--state-dir",
                                        state_directory(),
                                        "--inference-addr",
                                        again ? api_.inference() : "127.0.0.1:0",
                                        "--management-addr",
                                        again ? api_.management() : "127.0.0.1:0"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  auto const& started = start("balancer", std::move(arguments));
  bool const listens = co_await eventually(patience, [&started] {
    return started.has_ended() || !started.logged("balancer.listening", "management").empty();
  });
  require(listens && !started.has_ended(), "the balancer did not start: " + started.output());
  api_ = cluster_api(started.logged("balancer.listening", "inference"),
                     started.logged("balancer.listening", "management"));
}

void process_cluster::start_agent(std::string id, std::string simulation, std::vector<std::string> flags) {
  std::vector<std::string> arguments = {"agent", "--balancer", api_.management(), "--name", id};
  arguments.push_back("--simulate=answer-tokens=" + std::to_string(endless) + (simulation.empty() ? "" : ",") +
                      simulation);
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  start(std::move(id), std::move(arguments));
}

paddler_process& process_cluster::start(std::string name, std::vector<std::string> arguments) {
  auto& place = processes_[name];
  if (place) {
    require(place->has_ended(), name + " runs already");
    ended_logs_.push_back(place->output());
  }
  auto const home = directory_.path(name);
  std::filesystem::create_directories(home);
  place = std::make_unique<paddler_process>(executor_, home, std::move(arguments));
  return *place;
}

paddler_process& process_cluster::named(std::string const& name) {
  auto const at = processes_.find(name);
  require(at != processes_.end(), "there is no process " + name);
  return *at->second;
}

task<finished_process> process_cluster::run(std::vector<std::string> arguments) {
  auto& started = start("command", std::move(arguments));
  finished_process out;
  out.exit = co_await started.wait_end(patience);
  out.output = started.output();
  co_return out;
}

task<> process_cluster::stop() {
  // A stopped process takes no other signal but the one that kills.
  for (auto const& [name, each] : processes_) co_await each->kill();
}

void process_cluster::print_logs() const {
  for (auto const& output : ended_logs_) print_end_of("an earlier one", output);
  for (auto const& [name, each] : processes_) print_end_of(name, each->output());
}

} // namespace paddler_test
