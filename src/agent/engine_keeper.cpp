#include "agent/engine_keeper.hpp"

#include "agent/model_check.hpp"
#include "hub/local_models.hpp"
#include "runtime/check.hpp"
#include "runtime/log.hpp"

#include <utility>

namespace paddler {
namespace {

engine_settings settings_of(agent_config const& config) {
  return {.program = config.program,
          .runtime_directory = config.runtime_directory,
          .blocking_inspect = blocking_inspect_model,
          .policy = config.engine,
          .host = config.engines};
}

std::string reason_of(engine_condition const& condition) {
  return condition.hint.empty() ? condition.reason : condition.reason + "; " + condition.hint;
}

} // namespace

engine_keeper::engine_keeper(asio::any_io_executor const& executor, blocking_executor& pool, agent_config const& config,
                             std::function<void()> on_change)
    : config_(config),
      pool_(pool),
      on_change_(std::move(on_change)),
      service_(executor, pool, settings_of(config), [this](engine_condition const& now) { on_condition(now); }) {}

task<std::vector<field_error>> engine_keeper::check(applicable_state state) {
  if (!state.model) co_return std::vector<field_error>{};
  auto plan = co_await run_blocking(pool_, [this, &state] { return blocking_plan_engine(*state.model, config_); });
  if (plan) {
    plan_ = planned{std::move(*state.model), std::move(*plan)};
    co_return std::vector<field_error>{};
  }
  auto const& why = plan.error();
  if (!why.fields.empty()) co_return why.fields;
  co_return std::vector<field_error>(1, field_error{"model", why.message, why.hint, 0});
}

void engine_keeper::run(applicable_state const& state) {
  bool const same_content = state.model == wanted_.model;
  wanted_ = state;
  follow_version();
  if (same_content) return on_change_();
  if (!state.model) return service_.want_nothing(config_.drain);
  ensure(plan_ && plan_->model == *state.model, "a state is to run that did not pass its check");
  log_info("state.accepted", "the engine is to serve another state",
           {{"version", state.version.value}, {"model", state.model->name}, {"slots", state.model->slots}});
  service_.want(plan_->spec, config_.drain);
}

task<> engine_keeper::stop(duration drain) { co_await service_.stop(drain); }

void engine_keeper::on_condition(engine_condition const& now) {
  if (std::exchange(child_, now.child) != now.child) running_ = wanted_;
  on_change_();
}

// What runs is what is wanted, but its version may be an older one.
void engine_keeper::follow_version() {
  if (running_.model == wanted_.model) running_.version = wanted_.version;
}

engine_report engine_keeper::report(int slots_busy) const {
  auto const& condition = service_.condition();
  engine_report out{.status = condition.status, .restarts = condition.restarts, .reason = reason_of(condition)};
  if (condition.status == engine_status::none || !running_.model) return out;
  out.model = running_.model->name;
  out.version = running_.version;
  out.slots = running_.model->slots;
  out.slots_busy = slots_busy;
  out.max_context_length = running_.model->max_context_length;
  out.pid = service_.pid();
  return out;
}

std::optional<ready_engine> engine_keeper::ready() const {
  if (service_.condition().status != engine_status::ready || !running_.model) return std::nullopt;
  return ready_engine{running_.version, running_.model->name, service_.socket_path(), running_.model->slots};
}

} // namespace paddler
