#include "core/engine/engine_machine.hpp"

#include "base/canary.hpp"
#include "core/engine/engine_exit.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace paddler {
namespace {

// Doubles with each failure up to a limit; between half of it and all of it, so that a fleet does not retry in step.
duration backoff(engine_policy const& policy, int failures, double random) {
  double const grown = static_cast<double>(policy.backoff_first.count()) * std::exp2(std::min(failures - 1, 30));
  double const limited = std::min(grown, static_cast<double>(policy.backoff_limit.count()));
  return duration(static_cast<duration::rep>(limited * (0.5 + random / 2)));
}

std::string whole_seconds(duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

} // namespace

// One apply() in progress.
struct engine_machine::step {
  engine_machine& m;
  mono_time now;
  double random;
  engine_effects out;

  // --- what is wanted ---

  void on(engine_wanted const& event) {
    if (m.wanted_ == event.spec) return;
    m.wanted_ = event.spec;
    m.failures_ = m.failed_starts_ = m.same_failures_ = 0;
    m.last_cause_.clear();
    if (!has_child())
      start();
    else if (m.phase_ == phase::draining && m.running_ == event.spec)
      resume();
    else
      end_child(event.drain);
  }

  void on(engine_unwanted const& event) {
    m.wanted_.reset();
    if (has_child())
      end_child(event.drain);
    else
      stop();
  }

  // --- one child ---

  void start() {
    m.phase_ = phase::starting;
    m.running_ = *m.wanted_;
    ++m.child_;
    m.served_ = m.killed_ = m.probing_ = false;
    m.fault_.reset();
    m.missed_reason_ = "it has not opened its socket";
    m.next_probe_ = now + m.policy_.start_probe_interval;
    m.deadline_ = now + m.policy_.start_timeout;
    out.push_back(spawn_engine{m.child_, m.running_});
    report(engine_status::loading,
           m.last_cause_.empty() ? "it loads the model" : "it starts again after: " + m.last_cause_);
  }

  void become_ready() {
    m.phase_ = phase::ready;
    m.served_ = true;
    m.ready_since_ = m.answered_at_ = m.progress_at_ = now;
    m.next_probe_ = now + m.policy_.probe_interval;
    report(engine_status::ready, {});
  }

  // What is being drained is wanted again.
  void resume() {
    m.phase_ = phase::ready;
    m.answered_at_ = m.progress_at_ = now;
    m.next_probe_ = now + m.policy_.probe_interval;
    report(engine_status::ready, {});
  }

  // A child that serves may finish its requests first; one that loads is ended at once.
  void end_child(duration drain) {
    if (m.phase_ == phase::terminating) return;
    if (m.phase_ == phase::starting) return terminate();
    auto const limit = now + drain;
    m.deadline_ = m.phase_ == phase::draining ? std::min(m.deadline_, limit) : limit;
    m.phase_ = phase::draining;
    m.next_probe_ = now;
    report(engine_status::draining, "it finishes its requests");
  }

  void terminate() {
    m.phase_ = phase::terminating;
    m.deadline_ = now + m.policy_.stop_grace;
    out.push_back(terminate_engine{m.child_});
    report(engine_status::draining, "it is being stopped");
  }

  // What answers nothing gets no time to be polite.
  void kill_for(std::string reason, std::string hint) {
    m.phase_ = phase::terminating;
    m.killed_ = true;
    m.fault_ = error{error_code::timeout, std::move(reason), std::move(hint), {}};
    out.push_back(kill_engine{m.child_});
    report(engine_status::backoff, m.fault_->message, m.fault_->hint);
  }

  void on(spawn_refused const& event) {
    if (is_current(event.child)) child_gone(event.cause);
  }

  void on(child_exited const& event) {
    if (is_current(event.child)) child_gone({error_code::unavailable, event.reason, event.hint, {}});
  }

  void child_gone(error const& cause) {
    bool const ended_by_us = m.phase_ == phase::draining || m.phase_ == phase::terminating;
    if (!m.wanted_)
      stop();
    else if (m.running_ != *m.wanted_ || (ended_by_us && !m.fault_))
      start();
    else
      failed(m.fault_ ? *m.fault_ : cause);
  }

  void stop() {
    m.phase_ = phase::stopped;
    m.failures_ = m.failed_starts_ = m.same_failures_ = 0;
    m.last_cause_.clear();
    report(engine_status::none, {});
  }

  // --- failures ---

  void failed(error const& cause) {
    if (m.served_ && now - m.ready_since_ >= m.policy_.stable_after) m.failures_ = 0;
    ++m.failures_;
    m.failed_starts_ = m.served_ ? 0 : m.failed_starts_ + 1;
    m.same_failures_ = m.served_ ? 0 : is_same_cause(cause.message, m.last_cause_) ? m.same_failures_ + 1 : 1;
    m.last_cause_ = cause.message;
    bool const needs_change = cause.code == error_code::invalid_input || cause.code == error_code::not_found;
    if (needs_change)
      wait(phase::parked, cause, spread(m.policy_.refused_retry));
    else if (m.same_failures_ >= m.policy_.same_failures_until_parked ||
             m.failed_starts_ >= m.policy_.failures_until_parked)
      wait(phase::parked, cause, spread(m.policy_.parked_retry));
    else
      wait(phase::backing_off, cause, backoff(m.policy_, m.failures_, random));
  }

  duration spread(duration time) const {
    return duration(static_cast<duration::rep>(static_cast<double>(time.count()) * (0.75 + random / 2)));
  }

  void wait(phase next, error const& cause, duration delay) {
    m.phase_ = next;
    m.deadline_ = now + delay;
    report(next == phase::parked ? engine_status::failed : engine_status::backoff, cause.message, cause.hint,
           m.deadline_);
  }

  // --- probes ---

  void on(probe_served const& event) {
    if (!is_current(event.child)) return;
    m.probing_ = false;
    m.cpu_time_.reset();
    m.answered_at_ = m.progress_at_ = now;
    m.condition_.slots_busy = event.slots_busy;
    if (m.phase_ == phase::starting)
      become_ready();
    else if (m.phase_ == phase::ready)
      next_probe_in(m.policy_.probe_interval);
    else if (m.phase_ == phase::draining && event.slots_busy == 0)
      terminate();
    else
      next_probe_in(m.policy_.drain_probe_interval);
  }

  void on(probe_missed const& event) {
    if (!is_current(event.child)) return;
    m.probing_ = false;
    m.missed_reason_ = event.reason;
    next_probe_in(m.policy_.start_probe_interval);
    if (m.phase_ != phase::ready) return;
    note_cpu_time(event.cpu_time);
    bool const idle = now - m.progress_at_ >= m.policy_.hang_after;
    bool const silent = now - m.answered_at_ >= m.policy_.busy_hang_after;
    if (idle || silent)
      kill_for("the engine hung: no answer for " + whole_seconds(now - m.answered_at_) + " (" + event.reason + ")",
               "it was killed and starts again");
  }

  // Even a hung engine spends a little on accepting probes.
  void note_cpu_time(duration used) {
    if (m.cpu_time_ && (used - *m.cpu_time_) * 10 >= now - m.cpu_time_at_) m.progress_at_ = now;
    m.cpu_time_ = used;
    m.cpu_time_at_ = now;
  }

  void next_probe_in(duration interval) { m.next_probe_ = now + interval; }

  void probe_if_due() {
    if (m.probing_ || now < m.next_probe_) return;
    m.probing_ = true;
    if (m.phase_ == phase::starting)
      out.push_back(probe_engine{m.child_, probe_kind::readiness, m.policy_.start_probe_deadline});
    else
      out.push_back(probe_engine{m.child_, probe_kind::liveness, m.policy_.probe_deadline});
  }

  void on(engine_probe_wanted const&) {
    if (m.phase_ != phase::ready || m.probing_) return;
    m.next_probe_ = now;
    probe_if_due();
  }

  // --- time ---

  void on(engine_timer_fired const&) {
    m.armed_.reset();
    bool const over = now >= m.deadline_;
    switch (m.phase_) {
    case phase::stopped: return;
    case phase::starting:
      if (over)
        kill_for("the engine was not ready after " + whole_seconds(m.policy_.start_timeout) + ": " + m.missed_reason_,
                 {});
      else
        probe_if_due();
      return;
    case phase::ready: return probe_if_due();
    case phase::draining: return over ? terminate() : probe_if_due();
    case phase::terminating: return over ? kill_once() : void();
    case phase::backing_off:
    case phase::parked: return over ? retry() : void();
    }
  }

  void kill_once() {
    if (!std::exchange(m.killed_, true)) out.push_back(kill_engine{m.child_});
  }

  void retry() {
    ++m.condition_.restarts;
    start();
  }

  // When the timer has to fire next, if at all.
  std::optional<mono_time> due() const {
    std::optional<mono_time> const probe = m.probing_ ? std::nullopt : std::optional(m.next_probe_);
    switch (m.phase_) {
    case phase::stopped: return std::nullopt;
    case phase::starting:
    case phase::draining: return std::min(m.deadline_, probe.value_or(m.deadline_));
    case phase::ready: return probe;
    case phase::terminating: return m.killed_ ? std::nullopt : std::optional(m.deadline_);
    case phase::backing_off:
      if (is_loose(canary::retry_timer_lost)) return std::nullopt;
      return m.deadline_;
    case phase::parked: return m.deadline_;
    }
    return std::nullopt;
  }

  void arm() {
    auto const at = due();
    if (!at || at == m.armed_) return;
    m.armed_ = at;
    out.push_back(arm_engine_timer{*at});
  }

  // --- small ---

  bool has_child() const {
    return m.phase_ == phase::starting || m.phase_ == phase::ready || m.phase_ == phase::draining ||
           m.phase_ == phase::terminating;
  }

  bool is_current(child_serial child) const { return child == m.child_ && has_child(); }

  void report(engine_status status, std::string reason, std::string hint = {}, std::optional<mono_time> retry_at = {}) {
    m.condition_.status = status;
    m.condition_.reason = std::move(reason);
    m.condition_.hint = std::move(hint);
    m.condition_.retry_at = retry_at;
    m.condition_.child = m.child_;
    if (status != engine_status::ready && status != engine_status::draining) m.condition_.slots_busy = 0;
  }

  void finish() {
    arm();
    if (m.condition_ == m.reported_) return;
    m.reported_ = m.condition_;
    out.emplace_back(m.condition_);
  }
};

engine_machine::engine_machine(engine_policy policy) : policy_(policy) {}

engine_effects engine_machine::apply(engine_event const& event, mono_time now, double random) {
  step one{*this, now, random, {}};
  std::visit([&](auto const& e) { one.on(e); }, event);
  one.finish();
  return std::move(one.out);
}

} // namespace paddler
