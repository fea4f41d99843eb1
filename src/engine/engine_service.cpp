#include "engine/engine_service.hpp"

#include "model/words.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/race.hpp"

#include <unistd.h>

#include <chrono>
#include <exception>
#include <utility>

namespace paddler {
namespace {

constexpr auto resumable_deadline = std::chrono::seconds(5);

engine_files files_of(engine_settings const& settings, child_serial serial) {
  std::string const name = settings.name.empty() ? "" : settings.name + "-";
  std::string const stem = settings.runtime_directory + "/engine-" + name + std::to_string(serial);
  return {stem + ".sock", stem + ".jinja"};
}

std::string config_directory(std::string const& directory) { return directory + "/no-config"; }

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) out.emplace_back(*variable);
  return out;
}

// What is known of a child before it starts.
struct preparation {
  preparation() = default;

  engine_spec spec;
  std::optional<gguf_info> model;
  child_command command;
};

std::string program_of(engine_program const& program) { return program.path.empty() ? "/proc/self/exe" : program.path; }

result<preparation> blocking_prepare(engine_settings const& settings, engine_files const& files, engine_spec spec) {
  preparation out;
  out.spec = std::move(spec);
  if (settings.blocking_admit)
    if (auto admitted = settings.blocking_admit(); !admitted) return std::unexpected(std::move(admitted).error());
  if (settings.blocking_inspect && settings.program.kind != engine_kind::simulated) {
    auto info = settings.blocking_inspect(out.spec.model_path);
    if (!info) return std::unexpected(info.error());
    out.spec = fit_to_model(std::move(out.spec), *info);
    out.model = std::move(*info);
  }
  auto arguments = engine_arguments(settings.program, out.spec, files);
  if (!arguments) return std::unexpected(arguments.error());
  auto const no_config = config_directory(settings.runtime_directory);
  auto made = settings.host->blocking_prepare({settings.runtime_directory, no_config}, files, out.spec.chat_template);
  if (!made) return std::unexpected(std::move(made).error());
  out.command.program = program_of(settings.program);
  out.command.arguments = std::move(*arguments);
  out.command.arguments.insert(out.command.arguments.begin(), "paddler");
  out.command.environment = engine_environment(own_environment(), no_config);
  out.command.limits = settings.limits;
  return out;
}

// A condition has one reason and one hint: the fields go into them.
error flattened(error wrong) {
  for (std::size_t i = 0; i < wrong.fields.size(); ++i) {
    auto const& field = wrong.fields[i];
    wrong.message += (i == 0 ? ": " : "; ") + field.path + ": " + field.message;
    if (!field.hint.empty()) wrong.hint += (wrong.hint.empty() ? "" : "; ") + field.path + ": " + field.hint;
  }
  wrong.fields.clear();
  return wrong;
}

engine_settings on_machine_by_default(engine_settings settings) {
  if (!settings.host) settings.host = machine_engine_host();
  return settings;
}

error to_error(std::exception const& escaped) {
  return {error_code::internal, std::string("the engine could not be started: ") + escaped.what(), {}, {}};
}

} // namespace

engine_service::engine_service(asio::any_io_executor executor, blocking_executor& pool, engine_settings settings,
                               listener on_change)
    : executor_(executor),
      pool_(pool),
      settings_(on_machine_by_default(std::move(settings))),
      on_change_(std::move(on_change)),
      machine_(settings_.policy),
      random_(random_seed()),
      timer_changed_(executor),
      changed_(executor),
      group_(std::move(executor), "engine") {
  group_.spawn("engine.timer", run_timer());
}

engine_service::~engine_service() = default;

void engine_service::want(engine_spec spec, duration drain) {
  if (!stopping_) feed(engine_wanted{std::move(spec), drain});
}

void engine_service::want_nothing(duration drain) { feed(engine_unwanted{drain}); }

task<> engine_service::stop(duration drain) {
  stopping_ = true;
  want_nothing(drain);
  while (condition().status != engine_status::none) co_await changed_.wait_uncancellable();
  group_.cancel();
  co_await group_.join();
}

// Effects are carried out in their order, also where one of them brings the next event at once.
void engine_service::feed(engine_event event) {
  events_.push_back(std::move(event));
  if (std::exchange(feeding_, true)) return;
  while (!events_.empty()) {
    auto const next = std::move(events_.front());
    events_.pop_front();
    for (auto const& effect : machine_.apply(next, mono_now(), random_.unit()))
      std::visit([this](auto const& e) { carry_out(e); }, effect);
  }
  feeding_ = false;
}

void engine_service::carry_out(spawn_engine const& effect) {
  serial_ = effect.child;
  ended_early_ = false;
  socket_path_ = files_of(settings_, serial_).socket_path;
  group_.spawn("engine.start", start_child(effect.child, effect.spec));
}

void engine_service::carry_out(probe_engine const& effect) { group_.spawn("engine.probe", probe_child(effect)); }

void engine_service::carry_out(terminate_engine const&) {
  if (child_)
    child_->terminate();
  else
    ended_early_ = true;
}

void engine_service::carry_out(kill_engine const&) {
  if (child_)
    child_->kill();
  else
    ended_early_ = true;
}

void engine_service::carry_out(arm_engine_timer const& effect) {
  timer_at_ = effect.at;
  timer_changed_.notify_all();
}

void engine_service::carry_out(engine_condition const& effect) {
  bool const bad = effect.status == engine_status::backoff || effect.status == engine_status::failed;
  log_event(bad ? log_level::warn : log_level::info, "engine.status", to_string(effect.status),
            {{"model", running_.alias},
             {"child", effect.child},
             {"pid", pid()},
             {"reason", effect.reason},
             {"hint", effect.hint},
             {"restarts", effect.restarts}});
  changed_.notify_all();
  if (on_change_) on_change_(effect);
}

task<> engine_service::start_child(child_serial serial, engine_spec spec) {
  auto const files = files_of(settings_, serial);
  running_ = spec;
  model_.reset();
  std::optional<result<preparation>> prepared;
  try {
    prepared = co_await run_blocking(pool_, [this, files, spec] { return blocking_prepare(settings_, files, spec); });
  } catch (std::exception const& escaped) {
    prepared = std::unexpected(to_error(escaped));
  }
  if (ended_early_) co_return feed(child_exited{serial, "it was not started", {}});
  if (!*prepared) co_return feed(spawn_refused{serial, flattened(prepared->error())});
  running_ = std::move((*prepared)->spec);
  model_ = std::move((*prepared)->model);
  auto child = settings_.host->start(executor_, (*prepared)->command, [alias = running_.alias](std::string_view line) {
    log_debug("engine.output", line, {{"model", alias}});
  });
  if (!child) co_return feed(spawn_refused{serial, child.error()});
  child_ = *child;
  log_info("engine.started", "an engine was started",
           {{"model", running_.alias}, {"child", serial}, {"pid", pid()}, {"slots", running_.slots}});
  group_.spawn("engine.output", child_->read_output());
  group_.spawn("engine.watch", watch_child(serial, child_));
}

task<> engine_service::watch_child(child_serial serial, std::shared_ptr<engine_child> child) {
  auto const exit = co_await child->wait();
  auto explained = explain_exit(exit, child->last_lines());
  child_.reset();
  auto const files = files_of(settings_, serial);
  co_await run_blocking(pool_, [this, files] { settings_.host->blocking_clean(files); });
  feed(child_exited{serial, std::move(explained.reason), std::move(explained.hint)});
}

task<> engine_service::probe_child(probe_engine probe) {
  probe_answer answer;
  try {
    answer = co_await ask_child(probe);
  } catch (std::exception const& escaped) {
    answer.reason = escaped.what();
  }
  if (answer.served) co_return feed(probe_served{probe.child, answer.slots_busy});
  feed(probe_missed{probe.child, std::move(answer.reason), child_ ? child_->cpu_time() : duration{}});
}

// What else is to be known of an engine is asked before it is called ready, so that it is the same as long as it
// serves.
task<probe_answer> engine_service::ask_child(probe_engine probe) {
  probe_target const target{socket_path_, running_.embedding};
  auto answer = co_await probe_engine_once(target, probe.kind, probe.deadline);
  if (!answer.served || probe.kind != probe_kind::readiness) co_return answer;
  auto const resumes = co_await probe_resumable_apis(target, resumable_deadline);
  if (probe.child == serial_) {
    resumes_ = resumes;
    build_ = answer.build;
  }
  co_return answer;
}

task<> engine_service::run_timer() {
  while (!is_cancelled(co_await asio::this_coro::cancellation_state)) {
    if (!timer_at_) {
      co_await timer_changed_.wait();
    } else if (auto const left = *timer_at_ - mono_now(); left > duration{}) {
      co_await run_unless(sleep_until_cancelled_or(left), wait_for_new_timer());
    } else {
      timer_at_.reset();
      feed(engine_timer_fired{});
    }
  }
}

task<> engine_service::wait_for_new_timer() { co_await timer_changed_.wait(); }

} // namespace paddler
