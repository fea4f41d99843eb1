#include "sim/engines.hpp"

#include "engine/engine_main.hpp"
#include "engine/simulated_engine.hpp"
#include "runtime/race.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

namespace paddler_sim {
namespace {

class engine_life final : public life {
public:
  engine_life(simulator& sim, sim_network& net, process& where, simulated_engine_config config)
      : life(sim, net, where), config_(std::move(config)) {}

  process_exit exit{true, SIGKILL};

  void ask_to_end() {
    exit = {false, 0};
    end();
  }

private:
  task<> run() override {
    config_.crash = [this] {
      exit = {true, SIGABRT};
      sim_.count("engine.crashed");
      sim_.at(sim_.now(), [self = shared_from_this()] { self->kill(); });
    };
    simulated_engine engine(where().executor(), config_);
    if (auto const started = engine.start(); started) {
      auto const loaded = co_await unless(engine.run(), wait_for_end());
      if (loaded && !*loaded) exit = {false, 1};
    } else {
      exit = {false, 1};
    }
    co_await engine.stop();
  }

  task<> wait_for_end() {
    while (!ending())
      if (!co_await changed().wait()) co_return;
  }

  simulated_engine_config config_;
};

} // namespace

class sim_child final : public engine_child, public std::enable_shared_from_this<sim_child> {
public:
  sim_child(simulator& sim, process& agent, std::shared_ptr<engine_life> engine, std::int64_t pid)
      : sim_(sim), agent_(agent), engine_(std::move(engine)), pid_(pid), ended_(agent.executor()) {}

  void begin() {
    engine_->on_end = [self = shared_from_this()] {
      self->sim_.after(std::chrono::microseconds(200), self->agent_, [self] {
        self->exited_ = true;
        self->ended_.notify_all();
      });
    };
    engine_->start();
  }

  task<> read_output() override { co_return; }

  task<process_exit> wait() override {
    while (!exited_) co_await ended_.wait_uncancellable();
    co_return engine_->exit;
  }

  void terminate() override {
    sim_.after(std::chrono::milliseconds(1), engine_->where(), [engine = engine_] { engine->ask_to_end(); });
  }

  void kill() override {
    sim_.at(sim_.now(), [engine = engine_] { engine->kill(); });
  }

  [[nodiscard]] std::int64_t pid() const override { return exited_ ? 0 : pid_; }

  [[nodiscard]] duration cpu_time() const override { return {}; }

  [[nodiscard]] std::vector<std::string> last_lines() const override { return {}; }

  engine_life& engine() { return *engine_; }

private:
  simulator& sim_;
  process& agent_;
  std::shared_ptr<engine_life> engine_;
  std::int64_t pid_;
  bool exited_ = false;
  wakeup ended_;
};

result<std::shared_ptr<engine_child>> sim_engine_host::start(asio::any_io_executor const& /*executor*/,
                                                             child_command const& command,
                                                             output_lines::handler /*on_line*/) {
  std::vector<char const*> arguments;
  auto const first = std::ranges::find(command.arguments, "--simulate");
  for (auto at = first; at != command.arguments.end(); ++at) arguments.push_back(at->c_str());
  auto config = parse_simulated_engine(arguments);
  if (!config) return std::unexpected(std::move(config).error());
  auto& agent = *sim_.current();
  if (!agent.alive()) return fail(error_code::unavailable, "the agent's process is gone");
  config->broken = [broken = broken_] { return *broken; };
  auto& where = sim_.add_process(agent.name() + "/engine", host_);
  auto engine = std::make_shared<engine_life>(sim_, net_, where, std::move(*config));
  auto child = std::make_shared<sim_child>(sim_, agent, std::move(engine), ++pids_);
  std::erase_if(children_, [](auto const& each) { return each.expired(); });
  children_.push_back(child);
  child->begin();
  return std::shared_ptr<engine_child>(child);
}

bool sim_engine_host::kill_one() {
  std::vector<std::shared_ptr<sim_child>> alive;
  for (auto const& weak : children_)
    if (auto each = weak.lock(); each && !each->engine().killed() && !each->engine().over()) alive.push_back(each);
  if (alive.empty()) return false;
  alive[sim_.chance().below(alive.size())]->engine().kill();
  return true;
}

void sim_engine_host::break_all(bool broken) {
  *broken_ = broken;
  ever_broken_ = ever_broken_ || broken;
}

void sim_engine_host::kill_all() {
  while (kill_one()) {
  }
}

} // namespace paddler_sim
