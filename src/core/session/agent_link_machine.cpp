#include "core/session/agent_link_machine.hpp"

#include "base/backoff.hpp"
#include "base/canary.hpp"
#include "core/reconcile/content_digest.hpp"

#include <algorithm>
#include <utility>

namespace paddler {
// One apply() in progress.
struct agent_link_machine::step {
  agent_link_machine& m;
  mono_time now;
  double random;
  agent_link_effects out{};

  // --- dialling ---

  void on(agent_started const&) {
    if (m.phase_ == phase::idle) dial();
  }

  void dial() {
    m.phase_ = phase::dialling;
    m.deadline_ = now + m.policy_.greeting_deadline;
    out.push_back(dial_balancer{++m.dial_, m.address_});
  }

  void on(dial_opened const& event) {
    if (event.dial != m.dial_ || m.phase_ != phase::dialling) return;
    m.phase_ = phase::greeting;
    ++m.report_.sequence;
    m.report_due_ = false;
    m.capabilities_untold_ = false;
    m.questions_ = 0;
    m.reported_at_ = now;
    for (auto const& [number, action] : m.actions_) m.untold_.insert(number);
    send(link_hello{.agent = m.self_.agent,
                    .process = m.self_.process,
                    .capabilities = m.self_.capabilities,
                    .discovered = m.self_.discovered,
                    .highest_epoch = m.highest_epoch_,
                    .report = m.report_,
                    .actions = take_untold(),
                    .deltas = m.policy_.deltas});
  }

  void on(dial_ended const& event) {
    if (event.dial != m.dial_ || !has_dial()) return;
    redial(event.reason);
  }

  void on(agent_stopped const&) {
    if (has_dial()) out.push_back(end_dial{m.dial_, "the agent stops"});
    m.phase_ = phase::stopped;
  }

  // A balancer that was live is tried first again; the next one in turn otherwise.
  void redial(std::string const& reason) {
    bool const was_live = m.phase_ == phase::live;
    if (was_live) {
      tell("lost the balancer: " + reason);
    } else {
      m.address_ = (m.address_ + 1) % m.addresses_;
      if (++m.tried_in_round_ < m.addresses_) return dial();
    }
    m.tried_in_round_ = 0;
    m.phase_ = phase::waiting;
    m.deadline_ =
        now + full_jitter(m.policy_.backoff_first, m.policy_.backoff_limit, was_live ? 0 : m.failed_rounds_++, random);
  }

  void hang_up(std::string const& reason) {
    out.push_back(end_dial{m.dial_, reason});
    redial(reason);
  }

  // --- what the balancer says ---

  void on(balancer_spoke const& event) {
    if (event.dial != m.dial_ || (m.phase_ != phase::greeting && m.phase_ != phase::live)) return;
    m.heard_at_ = now;
    std::visit([this](auto const& message) { hear(message); }, event.message);
  }

  void hear(link_welcome const& message) {
    if (m.phase_ == phase::live) return;
    if (message.leader < m.highest_epoch_) {
      out.push_back(tell_operator{obeys_newer(message.leader), true});
      return hang_up(obeys_newer(message.leader));
    }
    m.highest_epoch_ = message.leader;
    m.heartbeat_ = std::clamp<duration>(std::chrono::milliseconds(message.heartbeat_milliseconds),
                                        m.policy_.shortest_heartbeat, m.policy_.longest_heartbeat);
    m.phase_ = phase::live;
    m.tried_in_round_ = 0;
    m.failed_rounds_ = 0;
    m.next_heartbeat_ = now + m.heartbeat_;
    m.next_report_ = now;
    report_if_due(); // what changed between hello and welcome
  }

  void hear(link_refuse const& message) {
    out.push_back(end_dial{m.dial_, message.reason});
    if (!message.retry) {
      m.phase_ = phase::stopped;
      out.push_back(give_up{message.reason});
    } else {
      out.push_back(tell_operator{"the balancer refuses this agent for now: " + message.reason, true});
      redial(message.reason);
    }
  }

  void hear(link_notice const& message) { tell(message.text); }

  void hear(link_heartbeat const&) {}

  // The fence: what has effect comes on a link that is live, from no older balancer than was obeyed before.
  bool may_command(epoch leader) {
    if (m.phase_ != phase::live) {
      hang_up("the balancer sent a command before its welcome");
    } else if (leader < m.highest_epoch_) {
      hang_up(obeys_newer(leader));
    } else {
      return true;
    }
    return false;
  }

  void hear(link_question const& message) {
    if (!may_command(message.leader)) return;
    m.highest_epoch_ = message.leader;
    if (m.questions_ == m.policy_.questions_at_once) return;
    ++m.questions_;
    out.push_back(examine_state{m.dial_, message.number, message.state});
  }

  void on(state_examined const& event) {
    if (event.dial != m.dial_ || m.phase_ != phase::live || m.questions_ == 0) return;
    --m.questions_;
    send(event.answer);
  }

  void hear(link_apply const& message) {
    if (!may_command(message.leader)) return;
    if (is_older(message)) return send(link_ack{m.accepted_->version});
    m.highest_epoch_ = message.leader;
    m.state_from_ = message.leader;
    m.refused_.reset();
    m.pending_.reset();
    bool const same_content = m.accepted_ && m.accepted_->model == message.state.model;
    if (same_content || !message.state.model) return accept(message.state);
    m.pending_ = message.state;
    out.push_back(check_state{message.state});
  }

  // One balancer's versions only ever grow: a message that was held up or repeated takes nothing back.
  bool is_older(link_apply const& message) const {
    return message.leader == m.state_from_ && m.accepted_ && message.state.version < m.accepted_->version &&
           !is_loose(canary::stale_state_obeyed);
  }

  std::string obeys_newer(epoch leader) const {
    return "this agent has obeyed a newer balancer (epoch " + std::to_string(m.highest_epoch_.value) +
           ") than this one (epoch " + std::to_string(leader.value) + ")";
  }

  // --- state ---

  void on(state_checked const& event) {
    if (m.pending_ != event.state) return; // something else is to be checked by now
    auto state = std::move(*m.pending_);
    m.pending_.reset();
    if (event.errors.empty()) {
      m.refused_.reset();
      accept(std::move(state));
    } else {
      refuse(std::move(state), event.errors);
    }
  }

  void accept(applicable_state state) {
    auto const version = state.version;
    bool const changed = m.accepted_ != state;
    m.accepted_ = std::move(state);
    m.report_.applied = version;
    m.report_.applied_content = content_digest(m.accepted_->model);
    if (changed) out.push_back(run_state{*m.accepted_});
    if (m.phase_ == phase::live) send(link_ack{version});
  }

  void refuse(applicable_state state, std::vector<field_error> const& errors) {
    bool const is_news = m.refused_ != state || m.refusal_ != errors;
    if (is_news && m.phase_ == phase::live) send(link_nack{state.version, errors});
    m.refused_ = std::move(state);
    m.refusal_ = errors;
    m.recheck_at_ = now + m.policy_.recheck_refused;
  }

  void recheck_if_due() {
    if (!m.refused_ || m.pending_ || now < m.recheck_at_) return;
    m.pending_ = m.refused_;
    out.push_back(check_state{*m.pending_});
  }

  // --- reports ---

  void on(engines_observed const& event) {
    keep_actions(event.actions);
    auto& report = m.report_;
    bool const busy_changed = report.engine.slots_busy != event.engine.slots_busy;
    report.engine.slots_busy = event.engine.slots_busy;
    bool const more_changed = !event.actions.empty() || report.engine != event.engine ||
                              report.beside != event.beside || report.given_up != event.given_up ||
                              report.issues != event.issues;
    if (!busy_changed && !more_changed) return;
    m.report_due_ = true;
    if (more_changed) {
      report.engine = event.engine;
      report.beside = event.beside;
      report.given_up = event.given_up;
      report.issues = event.issues;
      m.next_report_ = now;
    }
    report_if_due();
  }

  void on(machine_measured const& event) {
    if (event.capabilities == m.self_.capabilities) return;
    m.self_.capabilities = event.capabilities;
    m.capabilities_untold_ = m.report_due_ = true;
    m.next_report_ = now;
    report_if_due();
  }

  void keep_actions(std::vector<reconciliation> const& actions) {
    for (auto const& action : actions) {
      m.actions_[action.number] = action;
      m.untold_.insert(action.number);
    }
    while (m.actions_.size() > m.policy_.actions_kept) m.actions_.erase(m.actions_.begin());
  }

  std::vector<reconciliation> take_untold() {
    std::vector<reconciliation> news;
    for (auto const number : std::exchange(m.untold_, {}))
      if (auto const at = m.actions_.find(number); at != m.actions_.end()) news.push_back(at->second);
    return news;
  }

  void report_if_due() {
    if (m.phase_ != phase::live || !m.report_due_ || now < m.next_report_) return;
    m.report_due_ = false;
    m.next_report_ = now + m.policy_.report_spacing;
    m.reported_at_ = now;
    ++m.report_.sequence;
    link_report report{m.report_, take_untold()};
    if (std::exchange(m.capabilities_untold_, false)) report.capabilities = m.self_.capabilities;
    send(std::move(report));
  }

  // --- time ---

  void on(agent_timer_fired const&) {
    if (m.phase_ == phase::live) {
      live_tick();
    } else if (m.phase_ != phase::idle && now >= m.deadline_) {
      if (m.phase_ == phase::waiting)
        dial();
      else
        hang_up("no welcome came in time");
    }
    recheck_if_due();
  }

  // Where this process itself was held up, silence proves nothing: what the balancer said meanwhile waits to be read.
  void live_tick() {
    auto const late = now - m.next_heartbeat_;
    if (late >= m.heartbeat_) m.heard_at_ = std::min(now, m.heard_at_ + late);
    if (now - m.heard_at_ >= m.patience()) return hang_up("nothing was heard of it for three heartbeats");
    if (now >= m.next_heartbeat_) {
      m.next_heartbeat_ = now + m.heartbeat_;
      send(link_heartbeat{++m.heartbeats_});
    }
    if (now - m.reported_at_ >= m.policy_.report_at_least) m.report_due_ = true;
    report_if_due();
  }

  // --- small ---

  bool has_dial() const {
    return m.phase_ == phase::dialling || m.phase_ == phase::greeting || m.phase_ == phase::live;
  }

  void send(agent_message message) { out.push_back(send_to_balancer{m.dial_, std::move(message)}); }

  void tell(std::string text) { out.push_back(tell_operator{.text = std::move(text)}); }
};

agent_link_effects agent_link_machine::apply(agent_link_event const& event, mono_time now, double random) {
  if (phase_ == phase::stopped) return {};
  step s{*this, now, random};
  std::visit([&s](auto const& e) { s.on(e); }, event);
  return std::move(s.out);
}

std::optional<mono_time> agent_link_machine::next_deadline() const {
  if (phase_ == phase::stopped || phase_ == phase::idle) return std::nullopt;
  auto due = deadline_;
  if (phase_ == phase::live) {
    due = std::min({next_heartbeat_, heard_at_ + patience(), reported_at_ + policy_.report_at_least});
    if (report_due_) due = std::min(due, next_report_);
  }
  if (refused_ && !pending_) due = std::min(due, recheck_at_);
  return due;
}

} // namespace paddler
