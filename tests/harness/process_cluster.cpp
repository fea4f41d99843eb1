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
  return start_front("balancer", std::move(flags));
}

task<> process_cluster::start_up(std::vector<std::string> flags) { return start_front("up", std::move(flags)); }

task<> process_cluster::start_front(std::string name, std::vector<std::string> flags) {
  bool const again = !api_.management().empty();
  std::vector<std::string> arguments = {name,
                                        "--state-dir",
                                        state_directory(),
                                        "--inference-addr",
                                        again ? api_.inference() : "127.0.0.1:0",
                                        "--management-addr",
                                        again ? api_.management() : "127.0.0.1:0"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  auto& started = start(name, std::move(arguments));
  bool const listens = co_await eventually(patience, [&started] {
    return started.has_ended() || !started.logged("balancer.listening", "management").empty();
  });
  std::string how;
  if (started.has_ended()) {
    auto const exit = co_await started.wait_end(patience); // all of its words
    how = (exit.by_signal ? ", signal " : ", exit code ") + std::to_string(exit.number);
  }
  require(listens && !started.has_ended(), name + " did not start" + how + ": " + started.output());
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
  process_launch launch;
  launch.arguments = std::move(arguments);
  return start(std::move(name), std::move(launch));
}

paddler_process& process_cluster::start(std::string name, process_launch launch) {
  auto& place = processes_[name];
  if (place) {
    require(place->has_ended(), name + " runs already");
    ended_logs_.push_back(place->output());
  }
  launch.home = directory_.path(name);
  std::filesystem::create_directories(launch.home);
  place = std::make_unique<paddler_process>(executor_, std::move(launch));
  return *place;
}

paddler_process& process_cluster::named(std::string const& name) {
  auto const at = processes_.find(name);
  require(at != processes_.end(), "there is no process " + name);
  return *at->second;
}

task<finished_command> process_cluster::run(command_call call) {
  constexpr auto name = "command";
  process_launch launch;
  launch.arguments = std::move(call.arguments);
  launch.variables = std::move(call.variables);
  auto const input = directory_.write("standard-input", call.input);
  auto const errors = directory_.path("standard-error");
  launch.redirected = {directory_.path(), input, errors};
  auto& started = start(name, std::move(launch));
  auto const exit = co_await started.wait_end(patience);
  finished_command out;
  out.code = exit.by_signal ? 128 + exit.number : exit.number;
  out.output = started.output();
  out.errors = read_whole_file(errors);
  processes_.erase(name); // it was told whole, and is no part of the cluster
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
