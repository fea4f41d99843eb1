#include "agent/slot_service.hpp"

#include "agent/slot_dial.hpp"
#include "base/backoff.hpp"
#include "runtime/clock.hpp"
#include "runtime/race.hpp"

#include <utility>

namespace paddler {
namespace {

constexpr duration never = std::chrono::hours(24 * 365); // an idle slot waits for its next request as long as it takes

} // namespace

class slot_service::busy_mark {
public:
  explicit busy_mark(slot_service& slots) : slots_(slots) { slots_.count(+1); }

  ~busy_mark() { slots_.count(-1); }

  busy_mark(busy_mark const&) = delete;
  busy_mark& operator=(busy_mark const&) = delete;

private:
  slot_service& slots_;
};

slot_service::slot_service(asio::any_io_executor const& executor, slot_limits const& limits, listeners tell)
    : limits_(limits),
      tell_(std::move(tell)),
      random_(random_seed()),
      target_changed_(executor),
      idle_(executor),
      tasks_(executor, "slots", on_escape::fail_process) {}

void slot_service::serve(std::shared_ptr<slot_target const> target) {
  if (target == target_) return;
  target_ = std::move(target);
  for (auto& session : sessions_) session.drain();
  while (target_ && keepers_ < static_cast<std::size_t>(target_->engine.slots)) tasks_.spawn("slot", keep(keepers_++));
  target_changed_.notify_all();
}

void slot_service::drop() {
  for (auto& session : sessions_) session.drop();
}

task<bool> slot_service::wait_idle() {
  while (busy_ > 0)
    if (!co_await idle_.wait()) co_return false;
  co_return true;
}

task<> slot_service::join() {
  tasks_.cancel();
  co_await tasks_.join();
}

// Keeps one slot's connection open as long as its slot is wanted.
task<> slot_service::keep(std::size_t index) {
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  int failures = 0;
  while (!is_cancelled(cancellation)) {
    auto const target = target_;
    if (!target || index >= static_cast<std::size_t>(target->engine.slots)) {
      failures = 0;
      co_await target_changed_.wait();
      continue;
    }
    bool const served = co_await serve_once(target, failures);
    failures = served || target != target_ ? 0 : failures + 1;
    if (failures > 0) {
      auto const delay = full_jitter(limits_.backoff_first, limits_.backoff_limit, failures - 1, random_.unit());
      co_await unless(sleep_for(delay), another_target(target));
    }
  }
}

task<> slot_service::another_target(std::shared_ptr<slot_target const> than) {
  while (than == target_)
    if (!co_await target_changed_.wait()) co_return;
}

// One connection from its dial to its end. True when it carried a request.
task<bool> slot_service::serve_once(std::shared_ptr<slot_target const> target, int failures) {
  auto dialled = co_await unless(dial_slot(target, limits_.dial_limit), another_target(target));
  if (!dialled || target != target_) co_return false;
  if (!*dialled) {
    if (failures > 0) note_failure(dialled->error(), *target); // the first may mean that the link is about to end
    co_return false;
  }
  auto stream = std::move((*dialled)->stream);
  auto initial = std::move((*dialled)->initial_bytes);
  bool served = false;
  engine_line line;
  auto service = std::make_shared<http_service>();
  service->limits.idle_timeout = service->limits.head_timeout = never;
  service->limits.body_bytes = limits_.body_bytes;
  service->limits.write_silence = limits_.write_silence;
  service->handler = [this, &target, &line, &served](http_exchange& exchange) {
    served = true;
    return answer(exchange, *target, line);
  };
  auto const session = sessions_.emplace(sessions_.end());
  co_await serve_connection(std::move(stream), std::move(initial), std::move(service), &*session);
  sessions_.erase(session);
  co_return served;
}

task<> slot_service::answer(http_exchange& exchange, slot_target const& target, engine_line& line) {
  busy_mark const busy(*this);
  std::function<generation()> runs_now = [this, &target] {
    return target_ ? target_->engine.version : target.engine.version; // withdrawn: it still runs what it ran
  };
  auto const end = co_await relay_to_engine(exchange, target.engine, line, std::move(runs_now));
  if (end == relay_end::engine_failed) tell_.engine_failed(target.engine);
}

void slot_service::count(int change) {
  busy_ += change;
  if (busy_ == 0) idle_.notify_all();
  tell_.busy_changed();
}

void slot_service::note_failure(error const& why, slot_target const& target) {
  if (!dial_failures_.allow(mono_now())) return;
  log_warn("slot.not_opened", why.message, {{"balancer", to_string(target.from.balancer)}, {"hint", why.hint}});
}

} // namespace paddler
