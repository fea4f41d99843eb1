// The place of one engine: its supervisor, and the slot connections that lead to it.
#pragma once
#include "agent/agent_config.hpp"
#include "agent/slot_service.hpp"
#include "agent/slot_target.hpp"
#include "core/reconcile/engine_table.hpp"
#include "engine/engine_service.hpp"
#include "runtime/blocking.hpp"
#include "runtime/task_group.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace paddler {

// Lives on one executor. Destroy it after end() returned.
class engine_place {
public:
  // Starts the engine on `content`. `on_change` is called when facts() may have changed; `pool` and `config` outlive
  // the place.
  engine_place(asio::any_io_executor const& executor, blocking_executor& pool, agent_config const& config,
               engine_number number, applicable_model const& content, std::function<void()> on_change);

  // While the engine is ready its slots are offered to `audience`, under this version; none: to nobody. Idle
  // connections to anything else close at once, busy ones after their answer.
  void offer(std::optional<slot_audience> const& audience, generation version);

  [[nodiscard]] engine_facts facts() const;

  // Of its process; 0 where there is none.
  [[nodiscard]] std::int64_t pid() const { return service_.pid(); }

  // Breaks the requests that it answers.
  void drop() { slots_.drop(); }

  // The engine and everything else of this place ends; running requests break. Not cancellable; call it once.
  task<> end();

private:
  void serve_slots();
  void suspect(ready_engine const& which);
  task<> trust_again(std::string socket);
  [[nodiscard]] std::optional<ready_engine> ready() const;

  applicable_model const content_;
  std::function<void()> const on_change_;
  std::optional<slot_audience> audience_;
  generation version_;
  std::shared_ptr<slot_target const> target_;
  std::string suspect_; // socket of an engine that failed a request a moment ago
  engine_service service_;
  slot_service slots_;
  task_group tasks_;
};

} // namespace paddler
