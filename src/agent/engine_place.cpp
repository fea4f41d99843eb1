#include "agent/engine_place.hpp"

#include "agent/model_check.hpp"
#include "core/reconcile/content_digest.hpp"
#include "hub/local_models.hpp"
#include "runtime/clock.hpp"
#include "runtime/timer.hpp"

#include <chrono>
#include <utility>

namespace paddler {
namespace {

constexpr auto time_to_notice_death = std::chrono::milliseconds(100);
constexpr auto digest_patience = std::chrono::seconds(1);

std::string path_of(applicable_model const& content) {
  bool const local = content.reference.source.value_or(model_source::local) == model_source::local;
  return local ? content.reference.path.value_or("") : std::string();
}

engine_settings settings_of(agent_config const& config, engine_number number, std::shared_ptr<loaded_file> file) {
  return {.program = config.program,
          .runtime_directory = config.runtime_directory,
          .name = std::to_string(number.value),
          .blocking_admit = [file = std::move(file)] { return file->blocking_admit(); },
          .blocking_inspect = blocking_inspect_model,
          .policy = config.engine,
          .host = config.engines};
}

std::string reason_of(engine_condition const& condition) {
  return condition.hint.empty() ? condition.reason : condition.reason + "; " + condition.hint;
}

bool is_same(slot_audience const& a, slot_audience const& b) {
  return to_string(a.balancer) == to_string(b.balancer) && a.agent == b.agent && a.process == b.process;
}

} // namespace

engine_place::engine_place(asio::any_io_executor const& executor, blocking_executor& pool, agent_config const& config,
                           engine_number number, applicable_model const& content, engine_commons& commons,
                           std::function<void()> on_change)
    : content_(content),
      config_(config),
      commons_(commons),
      on_change_(std::move(on_change)),
      pool_(pool),
      file_(std::make_shared<loaded_file>(path_of(content), commons.digests)),
      service_(executor, pool, settings_of(config, number, file_),
               [this](engine_condition const& condition) { changed(condition); }),
      slots_(executor, config.slots,
             {.busy_changed = [this] { on_change_(); },
              .engine_failed = [this](ready_engine const& engine) { suspect(engine); }}),
      tasks_(executor, "place", on_escape::fail_process) {
  service_.want(engine_spec_of(content, config), duration{});
}

void engine_place::changed(engine_condition const& condition) {
  if (std::exchange(child_, condition.child) != condition.child) started_ = ++commons_.starts;
  if (condition.status == engine_status::ready) {
    if (file_->confirm()) {
      reads_file_ = true;
      tasks_.spawn("digest", work_out_digest());
      tasks_.spawn("digest patience", serve_without_digest());
    }
    identify();
  }
  serve_slots();
  on_change_();
}

// A stream that begins before its engine is known by its model's content goes on only where others know as little. So
// slots wait for the digest, but for that of a large file not long.
task<> engine_place::work_out_digest() {
  auto const news = co_await run_blocking(pool_, [file = file_] { return file->blocking_digest(); });
  reads_file_ = false;
  if (news.value_or(false)) identify();
  serve_slots();
  if (news.value_or(false)) on_change_();
}

task<> engine_place::serve_without_digest() {
  co_await sleep_for(digest_patience);
  reads_file_ = false;
  serve_slots();
}

void engine_place::identify() {
  auto const file = content_of_file();
  bool const known = !file.empty() && !service_.build().empty();
  identity_ = known ? engine_identity(content_, file, service_.build()) : 0;
}

// Empty where nothing is known. The simulated engine opens no file.
std::string engine_place::content_of_file() const {
  auto const& program = config_.program;
  if (program.kind == engine_kind::simulated)
    return "answers of " + std::to_string(program.simulation.answer_tokens) + " tokens";
  auto const file = file_->facts();
  return file ? file_content(*file, path_of(content_), commons_.machine) : std::string();
}

void engine_place::offer(std::optional<slot_audience> const& audience, generation version) {
  audience_ = audience;
  version_ = version;
  serve_slots();
}

engine_facts engine_place::facts() const {
  auto const& condition = service_.condition();
  return {.status = condition.status,
          .reason = reason_of(condition),
          .restarts = condition.restarts,
          .busy = slots_.busy()};
}

task<> engine_place::end() {
  audience_.reset();
  serve_slots();
  slots_.drop();
  co_await service_.stop(duration{});
  file_->abandon();
  tasks_.cancel();
  co_await tasks_.join();
  co_await slots_.join();
}

// A request breaks before its engine's death is known. Until that is clear no slot is offered: a balancer that tries
// again at once would meet the same dead engine.
void engine_place::suspect(ready_engine const& which) {
  if (suspect_ == which.socket_path) return;
  suspect_ = which.socket_path;
  serve_slots();
  tasks_.spawn("suspicion", trust_again(suspect_));
}

task<> engine_place::trust_again(std::string socket) {
  co_await sleep_for(time_to_notice_death);
  if (suspect_ != socket) co_return;
  suspect_.clear();
  serve_slots();
}

std::optional<ready_engine> engine_place::ready() const {
  if (service_.condition().status != engine_status::ready || reads_file_) return std::nullopt;
  return ready_engine{version_,           content_.name, service_.socket_path(), content_.slots, started_,
                      service_.resumes(), identity_};
}

void engine_place::serve_slots() {
  auto const engine = ready();
  if (!engine || engine->socket_path == suspect_ || !audience_) return slots_.serve(target_ = nullptr);
  if (target_ && target_->engine == *engine && is_same(*audience_, target_->from)) return;
  target_ = std::make_shared<slot_target const>(slot_target{*audience_, *engine});
  slots_.serve(target_);
}

} // namespace paddler
