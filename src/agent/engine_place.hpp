// The place of one engine: its supervisor, and the slot connections that lead to it.
#pragma once
#include "agent/agent_config.hpp"
#include "agent/slot_service.hpp"
#include "agent/slot_target.hpp"
#include "core/reconcile/engine_table.hpp"
#include "engine/engine_service.hpp"
#include "hub/loaded_file.hpp"
#include "runtime/blocking.hpp"
#include "runtime/task_group.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace paddler {

// What the places of one agent share.
struct engine_commons {
  std::shared_ptr<model_digests> digests = std::make_shared<model_digests>(); // also of places that end
  std::string machine;                                                        // its name
  std::uint64_t starts = 0;                                                   // of engines' processes so far
};

// Lives on one executor. Destroy it after end() returned.
class engine_place {
public:
  // Starts the engine on `content`. `on_change` is called when facts() may have changed; `pool`, `config` and
  // `commons` outlive the place.
  engine_place(asio::any_io_executor const& executor, blocking_executor& pool, agent_config const& config,
               engine_number number, applicable_model const& content, engine_commons& commons,
               std::function<void()> on_change);

  // While the engine is ready its slots are offered to `audience`, under this version; none: to nobody. Idle
  // connections to anything else close at once, busy ones after their answer.
  void offer(std::optional<slot_audience> const& audience, generation version);

  [[nodiscard]] engine_facts facts() const;

  // Of its process; 0 where there is none.
  [[nodiscard]] std::int64_t pid() const { return service_.pid(); }

  // The file that its model comes from, watched over.
  [[nodiscard]] std::shared_ptr<loaded_file> const& file() const { return file_; }

  // Asks the engine for a sign of life, now.
  void ask_health() { service_.probe_now(); }

  // Breaks the requests that it answers.
  void drop() { slots_.drop(); }

  // The engine and everything else of this place ends; running requests break. Not cancellable; call it once.
  task<> end();

private:
  void changed(engine_condition const& condition);
  void identify();
  [[nodiscard]] std::string content_of_file() const;
  task<> work_out_digest();
  task<> serve_without_digest();
  void serve_slots();
  void suspect(ready_engine const& which);
  task<> trust_again(std::string socket);
  [[nodiscard]] std::optional<ready_engine> ready() const;

  applicable_model const content_;
  agent_config const& config_;
  engine_commons& commons_;
  std::function<void()> const on_change_;
  blocking_executor& pool_;
  std::shared_ptr<loaded_file> const file_; // also of calls under way on the pool
  child_serial child_ = 0;                  // the newest, and
  std::uint64_t started_ = 0;               // which of the agent's it is
  std::uint64_t identity_ = 0;
  bool reads_file_ = false; // for its digest, which is waited for
  std::optional<slot_audience> audience_;
  generation version_;
  std::shared_ptr<slot_target const> target_;
  std::string suspect_; // socket of an engine that failed a request a moment ago
  engine_service service_;
  slot_service slots_;
  task_group tasks_;
};

} // namespace paddler
