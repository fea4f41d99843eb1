// The agent's engine: which applicable state it runs, and how it is.
#pragma once
#include "agent/agent_config.hpp"
#include "engine/engine_service.hpp"
#include "model/applicable.hpp"
#include "model/current.hpp"
#include "runtime/blocking.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// An engine that serves.
struct ready_engine {
  generation version; // of the applicable state that it runs
  std::string model;  // the name it serves
  std::string socket_path;
  int slots = 0;
  friend bool operator==(ready_engine const&, ready_engine const&) = default;
};

// Lives on one executor. Destroy it after stop() returned.
class engine_keeper {
public:
  // `on_change` is called when the report or readiness may have changed. `pool` outlives it.
  engine_keeper(asio::any_io_executor const& executor, blocking_executor& pool, agent_config const& config,
                std::function<void()> on_change);

  // What is wrong with the state, if anything, as far as can be told without an engine.
  task<std::vector<field_error>> check(applicable_state state);

  // Runs a state that passed its check. The same content under another version leaves the engine as it is.
  void run(applicable_state const& state);

  // Ends the engine; requests may go on for up to `drain`. Not cancellable; may be called again with less patience.
  task<> stop(duration drain);

  [[nodiscard]] engine_report report(int slots_busy) const;
  [[nodiscard]] std::optional<ready_engine> ready() const;

private:
  struct planned {
    applicable_model model;
    engine_spec spec;
  };

  void on_condition(engine_condition const& now);
  void follow_version();

  agent_config const& config_;
  blocking_executor& pool_;
  std::function<void()> const on_change_;
  std::optional<planned> plan_; // the newest that passed its check
  applicable_state wanted_;
  applicable_state running_; // what the newest child was started for
  child_serial child_ = 0;
  engine_service service_;
};

} // namespace paddler
