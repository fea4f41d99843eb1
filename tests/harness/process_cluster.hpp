// A balancer and agents as processes of the built `paddler` binary, with a folder and free ports of their own. Whatever
// a test does to them, they are gone when it ends.
#pragma once
#include "harness/cluster_api.hpp"
#include "harness/paddler_process.hpp"
#include "harness/temporary_directory.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace paddler_test {

struct command_call {
  std::vector<std::string> arguments;
  std::vector<std::string> variables; // of the environment, "NAME=VALUE" each
  std::string input;                  // standard input
};

struct finished_command {
  int code = 0; // 128 and more: the signal that ended it
  std::string output;
  std::string errors;
};

class process_cluster {
public:
  explicit process_cluster(asio::any_io_executor executor) : executor_(executor) {}

  process_cluster(process_cluster const&) = delete;
  process_cluster& operator=(process_cluster const&) = delete;

  // Starts the balancer and waits until it serves. The second and later times it gets the ports and the state of the
  // first. `flags` come after those that say where ports and state are.
  task<> start_balancer(std::vector<std::string> flags = {});

  // The next balancer takes free ports: for tests where nobody waits for the first one's. While a balancer is away any
  // client of the machine may get its port.
  void forget_ports() { api_ = {}; }

  // The same for `paddler up`, which is then up(). Its flags must name a model, or --simulate.
  task<> start_up(std::vector<std::string> flags);

  // Does not wait for it to connect. `simulation` as in `--simulate=...`, where answers are endless (chat.hpp); `flags`
  // come after it.
  void start_agent(std::string id, std::string simulation = {}, std::vector<std::string> flags = {});

  // Any other command of the binary; `name` is for logs.
  paddler_process& start(std::string name, std::vector<std::string> arguments);
  paddler_process& start(std::string name, process_launch launch);

  paddler_process& balancer() { return named("balancer"); }

  paddler_process& up() { return named("up"); }

  // An agent by its id, or what start() was told.
  paddler_process& named(std::string const& name);

  // Runs a command to its end, in directory().
  task<finished_command> run(command_call call);

  [[nodiscard]] cluster_api const& api() const { return api_; }

  [[nodiscard]] temporary_directory const& directory() const { return directory_; }

  [[nodiscard]] std::string state_directory() const { return directory_.path("state"); }

  // Kills whatever still runs.
  task<> stop();
  void print_logs() const;

private:
  task<> start_front(std::string name, std::vector<std::string> flags);

  asio::any_io_executor executor_;
  temporary_directory directory_;
  std::map<std::string, std::unique_ptr<paddler_process>> processes_;
  std::vector<std::string> ended_logs_; // of processes whose name was given again
  cluster_api api_;
};

} // namespace paddler_test
