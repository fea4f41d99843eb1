#include "core/balancer_core.hpp"

#include "base/canary.hpp"
#include "core/state/applicable.hpp"
#include "core/state/field_map.hpp"

#include <utility>

namespace paddler {
namespace {

std::optional<drain_wish> drain_wanted(desired_state const& desired, agent_id const& agent) {
  auto const at = desired.agents().find(agent);
  if (at == desired.agents().end() || !at->second.drain.value_or(false)) return std::nullopt;
  return drain_wish{std::chrono::seconds(at->second.drain_seconds.value_or(default_drain_seconds))};
}

} // namespace

// One call of `apply`: an overload for each event, which appends to `out`.
struct balancer_core::handler {
  balancer_core& core;
  instant now;
  balancer_effects out;

  void operator()(link_greeted const& e) {
    auto [effects, accepted] = core.agents_.hello(e.link, e.hello, core.desired_.applicable(e.hello.agent), now);
    add(std::move(effects));
    if (accepted) discover(e.hello.agent, e.hello.discovered);
  }

  // What files lost before: whoever was to tell them may have died over it. Agents are told as they greet.
  void operator()(balancer_started const&) {
    for (auto const& loss : core.desired_.claims().losses())
      if (loss.lost.source.kind != source_kind::discovery) out.emplace_back(tell_loser{loss});
  }

  void operator()(link_spoke const& e) { add(core.agents_.heard(e.link, e.message, now)); }

  void operator()(link_closed const& e) { add(core.agents_.closed(e.link, now.mono)); }

  void operator()(desired_submitted const& e) {
    auto record = core.decided_.check(e.change, now.wall);
    waiting_decision decision;
    decision.command = e.command;
    if (record)
      decision.record = *std::move(record);
    else
      decision.refused = std::move(record).error();
    decide(std::move(decision));
  }

  void operator()(records_stored const& e) { settle(e.last); }

  void operator()(records_refused const& e) {
    core.decided_ = core.desired_;
    auto why = e.why;
    why.message.insert(0, "The change was not made: ");
    std::map<agent_id, std::optional<agent_spec>> rested_on_it; // and asked for no record of their own
    for (auto& decision : std::exchange(core.waiting_, {})) {
      if (decision.command) out.emplace_back(answer_command{*decision.command, std::unexpected(why)});
      if (decision.agent.empty()) continue;
      if (!decision.record) {
        rested_on_it[decision.agent] = std::move(decision.discovered);
        continue;
      }
      rested_on_it.erase(decision.agent);
      core.undiscovered_[decision.agent] = std::move(decision.discovered);
      core.discover_at_ = now.mono + core.discovery_retry_;
    }
    for (auto const& [agent, said] : rested_on_it) discover(agent, said);
  }

  void operator()(log_compacted const& e) {
    core.history_.compacted(e.base);
    core.compacting_ = false;
    compact();
  }

  // Tried again when there is more to fold, or in an hour.
  void operator()(log_not_compacted const&) { core.compacting_ = false; }

  void operator()(request_arrived const& e) { add(core.dispatch_.arrived(e.request, now)); }

  void operator()(request_left const& e) { add(core.dispatch_.left(e.serial, now, e.why)); }

  void operator()(slot_arrived const& e) {
    if (!core.agents_.is_connected(e.slot.agent, e.slot.process))
      out.emplace_back(drop_slot{e.slot.serial, "no link of this agent process is open"});
    else
      add(core.dispatch_.slot_opened(e.slot, now));
  }

  void operator()(slot_left const& e) { add(core.dispatch_.slot_closed(e.serial, now, e.reader)); }

  void operator()(attempt_sent const& e) { core.dispatch_.sent(e.serial, e.number, now); }

  void operator()(attempt_first_byte const& e) { add(core.dispatch_.first_byte(e.serial, e.number, now)); }

  void operator()(attempt_stays const& e) { add(core.dispatch_.stays(e.serial, e.number)); }

  void operator()(attempt_ended const& e) {
    add(core.dispatch_.ended(e.serial, e.number, e.outcome, now, e.not_resumable, e.status));
  }

  void operator()(time_passed const&) {
    add(core.agents_.tick(now.mono));
    add(core.dispatch_.expire(now));
    if (core.look_at_age_ && *core.look_at_age_ <= now.mono) compact();
    if (!core.discover_at_ || *core.discover_at_ > now.mono) return;
    core.discover_at_.reset();
    for (auto const& [agent, said] : std::exchange(core.undiscovered_, {})) discover(agent, said);
  }

  void operator()(stop_requested const&) { add(core.dispatch_.shut_down(now)); }

  // What an agent says of itself is a source of desired state like any other, of the lowest priority. An agent that
  // says nothing releases what it said before.
  void discover(agent_id const& agent, std::optional<agent_spec> const& said) {
    core.undiscovered_.erase(agent);
    desired_change wanted{.source = {source_kind::discovery, agent.value},
                          .document = {},
                          .if_match = {},
                          .origin = {agent.value, "link"}};
    if (said) {
      wanted.document.agents.push_back(*said);
      wanted.document.agents.back().id = agent;
    }
    auto record = core.decided_.check(wanted, now.wall);
    if (!record) return add(core.agents_.notify(agent, describe(record.error())));
    waiting_decision decision;
    decision.record = *std::move(record);
    decision.agent = agent;
    decision.link = link_of(agent);
    decision.discovered = said;
    decide(std::move(decision));
  }

  // None while it is not connected.
  link_id link_of(agent_id const& agent) const {
    auto const known = core.agents_.agents().find(agent);
    return known == core.agents_.agents().end() ? link_id{} : known->second.link;
  }

  // What was decided before it may still be refused, and this one rests on it: it waits its turn.
  void decide(waiting_decision decision) {
    if (decision.record) {
      core.decided_.apply(*decision.record);
      out.emplace_back(persist_record{*decision.record});
    }
    decision.after = core.decided_.current();
    core.waiting_.push_back(std::move(decision));
    settle(core.desired_.current());
  }

  void settle(revision stored) {
    while (!core.waiting_.empty() &&
           (core.waiting_.front().after <= stored || is_loose(canary::acknowledged_before_durable))) {
      auto const decision = std::move(core.waiting_.front());
      core.waiting_.pop_front();
      change_outcome made{decision.after, decision.record.has_value(), {}};
      if (decision.record) made.losses = change(*decision.record);
      if (!decision.agent.empty()) tell_what_is_lost(decision.agent, decision.link);
      if (!decision.command) continue;
      if (decision.refused)
        out.emplace_back(answer_command{*decision.command, std::unexpected(*decision.refused)});
      else
        out.emplace_back(answer_command{*decision.command, std::move(made)});
    }
  }

  // Makes it, and gives what its own source lost with it.
  std::vector<lost_field> change(log_record const& record) {
    auto const news = core.desired_.apply(record);
    core.history_.add(record);
    core.events_.changed(record, news);
    core.restated_.insert(core.restated_.end(), news.agents.begin(), news.agents.end());
    for (auto const& [agent, entry] : news.entries.agents) core.restated_.push_back(agent);
    if (news.policies_changed) core.take_policies();
    if (news.names_changed) {
      auto const names = core.desired_.served_names();
      add(core.dispatch_.set_models({names.begin(), names.end()}, now));
    }
    for (auto const& [agent, entry] : news.entries.agents)
      add(core.dispatch_.set_drained(agent, drain_wanted(core.desired_, agent), now));
    for (auto const& agent : news.agents) deliver(agent);
    for (auto const& loss : news.losses) {
      core.events_.lost(loss, record.number, now.wall);
      tell(loss);
    }
    compact();
    auto own = news.losses;
    std::erase_if(own, [&record](lost_field const& loss) { return loss.lost.source != record.source; });
    return own;
  }

  // One step of folding at a time: the disk says when it is done.
  void compact() {
    core.look_at_age_ = now.mono + core.history_.policy().look_at_age_every;
    if (core.compacting_) return;
    auto const last = core.history_.surplus(now.wall);
    if (!last) return;
    core.compacting_ = true;
    out.emplace_back(compact_log{*last});
  }

  // The loser of a conflict is told, once: an agent on its link, everybody else by the shell.
  void tell(lost_field const& loss) {
    agent_id const agent{loss.lost.source.name};
    if (loss.lost.source.kind != source_kind::discovery)
      out.emplace_back(tell_loser{loss});
    else if (knows_its_losses(agent))
      add(core.agents_.notify(agent, describe(loss)));
  }

  bool knows_its_losses(agent_id const& agent) const {
    auto const told = core.told_on_.find(agent);
    return told != core.told_on_.end() && told->second == link_of(agent);
  }

  // What an agent said of itself on this link is durable. It hears all that it lost, whenever that began, and from now
  // on of each loss as it begins: nobody knows what became of words on an earlier link.
  void tell_what_is_lost(agent_id const& agent, link_id link) {
    if (link == link_id{} || link != link_of(agent) || is_loose(canary::old_loss_untold)) return;
    core.told_on_[agent] = link;
    source_id const source{source_kind::discovery, agent.value};
    for (auto const& loss : core.desired_.claims().losses(entry_path(agent)))
      if (loss.lost.source == source) add(core.agents_.notify(agent, describe(loss)));
  }

  void publish_news() {
    auto const news = core.agents_.take_news();
    auto const at = core.desired_.current();
    for (auto const& agent : news.changed) {
      core.events_.look_at(core.agents_.agents().at(agent), at, now.wall);
      look_at_engine(core.agents_.agents().at(agent));
    }
    for (auto const& action : news.actions) core.events_.acted(action, at, now.wall);
    for (auto const& [where, standing] : core.dispatch_.take_breaker_news()) {
      breaker_changed const what{where.agent, where.model, standing};
      core.events_.judged(what, at, now.wall);
      out.emplace_back(tell_breaker{what});
    }
  }

  // Requests that lost an engine are judged by what became of it. One that is exchanged or stopped does not die.
  void look_at_engine(agent_record const& agent) {
    auto const& engine = agent.report.engine;
    auto const status = agent.connected ? engine.status : engine_status::none;
    balancer_core::engine_seen const sees{agent.process, status, engine.restarts};
    auto const saw = std::exchange(core.engines_[agent.id], sees);
    agent_process const where{agent.id, saw.process};
    bool const fell = status == engine_status::backoff || status == engine_status::failed;
    if (saw.process != sees.process || !agent.connected)
      add(core.dispatch_.agent_gone(where, now));
    else if (saw.status == engine_status::ready && (fell || engine.restarts > saw.restarts))
      add(core.dispatch_.engine_died(where, now));
  }

  void deliver(agent_id const& agent) { add(core.agents_.deliver(agent, core.desired_.applicable(agent), now)); }

  void add(link_effects effects) {
    for (auto& effect : effects) {
      if (auto* send = std::get_if<send_to_agent>(&effect))
        out.emplace_back(std::move(*send));
      else if (auto* close = std::get_if<close_link>(&effect))
        out.emplace_back(std::move(*close));
      else if (auto* lost = std::get_if<agent_lost>(&effect))
        out.emplace_back(drop_slots{lost->agent, lost->process});
      else if (auto const* due = std::get_if<delivery_due>(&effect))
        deliver(due->agent);
    }
  }

  void add(dispatch_decisions decisions) {
    for (auto& decision : decisions) std::visit([this](auto& each) { out.emplace_back(std::move(each)); }, decision);
  }
};

void balancer_core::restore(state_snapshot base, std::span<log_record const> log) {
  if (is_loose(canary::last_record_forgotten) && !log.empty()) log = log.first(log.size() - 1);
  history_.begin(std::move(base), log);
  desired_ = fold(history_.all());
  decided_ = desired_;
  if (!log.empty()) look_at_age_ = mono_time{};
  events_.begin_at(desired_.current());
  take_policies();
  auto const names = desired_.served_names();
  dispatch_.set_models({names.begin(), names.end()}, {});
  for (auto const& [agent, entry] : desired_.agents()) dispatch_.set_drained(agent, drain_wanted(desired_, agent), {});
}

void balancer_core::take_policies() {
  auto const now = with_settings(started_with_, desired_.policies());
  policies_ = {desired_.policies_version(), settings_of(now)};
  dispatch_.set_policy(now, policies_.version);
}

balancer_effects balancer_core::apply(balancer_event const& event, instant now) {
  restated_.clear();
  handler handle{*this, now, {}};
  std::visit(handle, event);
  handle.publish_news();
  return std::move(handle.out);
}

std::optional<mono_time> balancer_core::next_deadline() const {
  auto const a = agents_.next_deadline();
  auto const b = dispatch_.next_deadline();
  std::optional<mono_time> first;
  for (auto const& each : {a, b, discover_at_, look_at_age_})
    if (each && (!first || *each < *first)) first = each;
  return first;
}

} // namespace paddler
