// The agent's engines, brought to what is wanted: core/reconcile/engine_table.hpp decides, this class carries out and
// tells the table what came of it.
//
//   engine_reconciler engines(executor, pool, config, machine, [&] { ... engines.report() ... });
//   errors = co_await engines.check(state);  // before run()
//   engines.run(state);                      // as often as wanted: the same content does nothing
//   engines.serve(audience);                 // who is offered the slots of the engine that is admitted
//   engines.withdraw();                      // the end begins: no slots, no more actions
//   co_await engines.stop();
#pragma once
#include "agent/agent_config.hpp"
#include "agent/engine_place.hpp"
#include "core/reconcile/engine_table.hpp"
#include "core/session/agent_link_machine.hpp"
#include "hub/model_digest.hpp"
#include "hub/model_headers.hpp"
#include "model/applicable.hpp"
#include "runtime/blocking.hpp"
#include "runtime/machine.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace paddler {

// Lives on one executor. Destroy it after stop() returned.
class engine_reconciler {
public:
  // `on_change` is called when the report, or the log, may have changed. `pool` and `config` outlive it.
  engine_reconciler(asio::any_io_executor const& executor, blocking_executor& pool, agent_config const& config,
                    machine_facts const& machine, std::function<void()> on_change);

  // What is wrong with the state, if anything, as far as can be told without an engine.
  task<std::vector<field_error>> check(applicable_state state);

  // The same without any consequence.
  task<link_answer> examine(applicable_state state);

  // A state that passed its check, or that wants no model.
  void run(applicable_state const& state);

  // The machine, measured again.
  void measured(machine_facts machine);

  // Asks each engine for a sign of life, now.
  void ask_health();

  // Looks whether the files that engines were loaded from are still there as they were.
  task<> look_at_files();

  void serve(std::optional<slot_audience> audience);

  void withdraw();

  // Ends when no request is being answered; false when cancelled.
  task<bool> wait_idle();

  // Ends every engine; requests that still run break. Not cancellable; call it once, after withdraw().
  task<> stop();

  // Requests that are being answered.
  [[nodiscard]] int busy() const;

  [[nodiscard]] engines_observed report() const;

  // Of the reconciliation log: what is new, or was closed, since the last call.
  std::vector<reconciliation> take_log_news() { return table_.take_log_news(); }

private:
  // What a check found out about the newest state that passed it.
  struct checked_model {
    applicable_model model;
    std::optional<std::uint64_t> memory_bytes;
  };

  void reconcile();
  void observe_places();
  void carry_out(engine_action const& action);
  void offer_slots();
  [[nodiscard]] observed_engine const* find_primary() const;
  [[nodiscard]] engine_report report_of(observed_engine const& engine) const;
  task<> end_place(engine_number number);
  task<> keep_time();

  asio::any_io_executor const executor_;
  blocking_executor& pool_;
  agent_config const& config_;
  machine_facts machine_;
  model_headers headers_;
  engine_commons commons_;
  std::function<void()> const on_change_;
  engine_table table_;
  std::optional<checked_model> checked_;
  std::optional<slot_audience> audience_;
  std::map<engine_number, std::unique_ptr<engine_place>> places_;
  std::uint64_t retired_restarts_ = 0; // of engines that are gone
  bool withdrawn_ = false;
  bool reconciling_ = false;
  bool again_ = false; // something changed while an action was carried out
  wakeup changed_;
  task_group tasks_;
  task_group endings_;
};

} // namespace paddler
