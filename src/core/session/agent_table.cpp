#include "core/session/agent_table.hpp"

#include "base/canary.hpp"
#include "core/reconcile/content_digest.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <utility>

namespace paddler {
namespace {

link_effects refuse(link_id link, link_refuse refusal) {
  auto reason = refusal.reason;
  return {send_to_agent{link, std::move(refusal)}, close_link{link, std::move(reason)}};
}

void append(link_effects& out, link_effects more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

link_refuse second_process(agent_id const& agent) {
  return {"an agent with the id '" + agent.value +
              "' is connected already. If this is another machine, start it with --name and an id of its own; "
              "if it is the same one restarted, it is let in as soon as the old connection is dead.",
          true};
}

// Many agents connect at once: their first turns are spread over the period.
duration stagger(duration period, double random) {
  return duration(static_cast<duration::rep>(static_cast<double>(period.count()) * random));
}

std::string words(std::vector<field_error> const& errors) {
  std::string out;
  for (auto const& each : errors) out += (out.empty() ? "" : "; ") + each.path + ": " + each.message;
  return out;
}

} // namespace

std::pair<link_effects, bool> agent_table::hello(link_id link, link_hello const& message,
                                                 applicable_state const& wanted, instant now) {
  if (links_.contains(link)) return {refuse_protocol(link, "a second hello on one link", now.mono), false};
  if (auto refusal = refusal_of(message)) return {refuse(link, std::move(*refusal)), false};
  auto& agent = agents_[message.agent];
  if (is_overtaken(agent, message) && !is_loose(canary::overtaken_hello_believed))
    return {refuse(link, {"this process of the agent has greeted on a newer link already", true}), false};
  if (agent.connected && agent.process != message.process && now.mono - links_.at(agent.link).heard_at < patience())
    return {refuse(link, second_process(message.agent)), false};

  auto out = replace_link(agent, message);
  auto& opened = links_[link] = {message.agent, now.mono, now.mono + policy_.heartbeat, 0};
  agent = {.id = message.agent,
           .connected = true,
           .link = link,
           .process = message.process,
           .former = former_processes(agent, message.process),
           .capabilities = message.capabilities,
           .report = message.report,
           .facts_until = now.mono + policy_.facts_lifetime,
           .reported_at = now.wall,
           .delivery = {policy_.delivery, {message.report.applied, message.report.applied_content}},
           .full_sync_at = now.mono + stagger(policy_.full_sync, random_.unit()),
           .last_seen = now.wall};
  news_.changed.insert(agent.id);
  log_actions(agent, message.actions);
  watch(link, opened);
  watch(agent);
  auto const beat = std::chrono::duration_cast<std::chrono::milliseconds>(policy_.heartbeat).count();
  bool const deltas = policy_.deltas && message.deltas;
  out.push_back(send_to_agent{link, link_welcome{leader_, static_cast<std::uint64_t>(beat), deltas}});
  append(out, deliver(message.agent, wanted, now));
  return {std::move(out), true};
}

// A hello says more than all that its process said before: one that does not was under way for long.
bool agent_table::is_overtaken(agent_record const& agent, link_hello const& message) {
  auto newest = agent.process == message.process ? agent.report.sequence : 0;
  for (auto const& each : agent.former)
    if (each.process == message.process) newest = each.sequence;
  return message.report.sequence < newest;
}

// Those before the process that greets now.
std::vector<former_process> agent_table::former_processes(agent_record const& agent, incarnation now) {
  auto out = agent.former;
  if (agent.process == now) return out;
  std::erase_if(out, [now](former_process const& each) { return each.process == now; });
  if (agent.process != incarnation{}) out.push_back({agent.process, agent.report.sequence});
  if (out.size() > former_processes_kept) out.erase(out.begin());
  return out;
}

// The new link of an agent takes the place of an older one; another process takes that of one that is gone.
link_effects agent_table::replace_link(agent_record& agent, link_hello const& message) {
  link_effects out;
  if (agent.connected) {
    links_.erase(agent.link);
    link_deadlines_.erase(agent.link);
    out.push_back(close_link{agent.link, "replaced by a newer link of this agent"});
  }
  if (agent.process != message.process) append(out, lose(agent));
  return out;
}

link_effects agent_table::heard(link_id link, agent_message const& message, instant now) {
  auto const at = links_.find(link);
  if (at == links_.end()) return {close_link{link, "the first message must be hello"}};
  if (std::holds_alternative<link_hello>(message)) return refuse_protocol(link, "a second hello on one link", now.mono);
  at->second.heard_at = now.mono;
  auto& agent = agents_.at(at->second.agent);
  agent.last_seen = now.wall;
  if (!std::holds_alternative<link_heartbeat>(message)) news_.changed.insert(agent.id);
  if (auto const* report = std::get_if<link_report>(&message)) {
    take_report(agent, *report, now);
  } else if (auto const* ack = std::get_if<link_ack>(&message)) {
    agent.delivery.acknowledge(ack->version);
    if (agent.delivery.held() == agent.delivery.wanted().version)
      close_delivery(agent, reconcile_outcome::done, "the agent accepted it", now.wall);
  } else if (auto const* nack = std::get_if<link_nack>(&message)) {
    agent.delivery.refuse(nack->version, nack->errors);
    if (agent.delivery.phase(now.mono) == delivery_phase::refused)
      close_delivery(agent, reconcile_outcome::failed, "the agent refused it: " + words(nack->errors), now.wall);
  }
  watch(agent);
  return {};
}

// Sequence numbers grow within one process, whatever the network does to messages.
void agent_table::take_report(agent_record& agent, link_report const& message, instant now) {
  log_actions(agent, message.actions);
  if (message.report.sequence <= agent.report.sequence && !is_loose(canary::stale_report_believed)) return;
  agent.report = message.report;
  if (message.capabilities) agent.capabilities = *message.capabilities;
  agent.facts_until = now.mono + policy_.facts_lifetime;
  agent.facts_expired = false;
  agent.reported_at = now.wall;
  agent.delivery.report({message.report.applied, message.report.applied_content});
}

link_effects agent_table::closed(link_id link, mono_time now) {
  unlink(link, now);
  return {};
}

link_effects agent_table::deliver(agent_id const& id, applicable_state const& wanted, instant now) {
  auto const known = agents_.find(id);
  if (known == agents_.end() || !known->second.connected) return {};
  auto& agent = known->second;
  agent.delivery.want({wanted.version, digest_of(wanted)});
  link_effects out;
  if (agent.delivery.phase(now.mono) == delivery_phase::due) {
    log_delivery(agent, wanted, now.wall);
    agent.delivery.note_sent(now.mono, random_.unit());
    out.push_back(send_to_agent{agent.link, link_apply{leader_, wanted}});
  }
  watch(agent);
  return out;
}

// Agents by the thousand are brought to the same content, one after the other.
std::string const& agent_table::digest_of(applicable_state const& wanted) {
  if (digested_ && digested_->first == wanted.model) return digested_->second;
  return digested_.emplace(wanted.model, content_digest(wanted.model)).second;
}

link_effects agent_table::notify(agent_id const& agent, std::string text) {
  auto const known = agents_.find(agent);
  if (known == agents_.end() || !known->second.connected) return {};
  return {send_to_agent{known->second.link, link_notice{std::move(text)}}};
}

// --- time ---

// Where this process itself was held up, silence proves nothing: what agents said meanwhile waits to be read.
link_effects agent_table::tick(mono_time now) {
  link_effects out;
  auto const first = link_deadlines_.next().value_or(now);
  auto const held_up = now - first >= policy_.heartbeat ? now - first : duration::zero();
  for (auto const id : link_deadlines_.take_due(now)) {
    auto& link = links_.at(id);
    link.heard_at = std::min(now, link.heard_at + held_up);
    if (now - link.heard_at >= patience() && !is_loose(canary::silence_is_no_death)) {
      auto& agent = agents_.at(link.agent);
      unlink(id, now);
      out.push_back(close_link{id, "nothing was heard of the agent for three heartbeats"});
      append(out, lose(agent));
      watch(agent);
      continue;
    }
    if (now >= link.next_heartbeat) {
      link.next_heartbeat = now + policy_.heartbeat;
      out.push_back(send_to_agent{id, link_heartbeat{++link.heartbeats}});
    }
    watch(id, link);
  }
  for (auto const& id : agent_deadlines_.take_due(now)) append(out, look_at(agents_.at(id), now));
  return out;
}

link_effects agent_table::look_at(agent_record& agent, mono_time now) {
  link_effects out;
  if (agent.lost_at && *agent.lost_at <= now) append(out, lose(agent));
  if (!agent.facts_expired && agent.facts_until <= now) {
    agent.facts_expired = true;
    news_.changed.insert(agent.id);
  }
  bool const sync = agent.connected && agent.full_sync_at <= now;
  if (sync) agent.full_sync_at = now + policy_.full_sync;
  if (sync || (agent.connected && agent.delivery.phase(now) == delivery_phase::due))
    out.push_back(delivery_due{agent.id});
  watch(agent);
  return out;
}

std::optional<mono_time> agent_table::next_deadline() const {
  auto const a = link_deadlines_.next();
  auto const b = agent_deadlines_.next();
  if (a && b) return std::min(*a, *b);
  return a ? a : b;
}

// When something is to be done about the agent though nobody speaks.
void agent_table::watch(agent_record const& agent) {
  std::optional<mono_time> next;
  auto const consider = [&next](mono_time due) { next = std::min(next.value_or(due), due); };
  if (agent.lost_at) consider(*agent.lost_at);
  if (!agent.facts_expired) consider(agent.facts_until);
  if (agent.connected) {
    consider(agent.full_sync_at);
    if (auto const due = agent.delivery.next_due()) consider(*due);
  }
  if (next)
    agent_deadlines_.set(agent.id, *next);
  else
    agent_deadlines_.erase(agent.id);
}

void agent_table::watch(link_id id, link_state const& link) {
  link_deadlines_.set(id, std::min(link.next_heartbeat, link.heard_at + patience()));
}

// --- the log ---

void agent_table::log_delivery(agent_record& agent, applicable_state const& wanted, wall_time now) {
  close_delivery(agent, reconcile_outcome::superseded, "it was not answered before the next one was sent", now);
  auto const held = agent.delivery.held();
  auto const difference =
      held == generation{} ? std::string("it holds nothing") : "it holds version " + std::to_string(held.value);
  reconciliation entry{.number = ++deliveries_,
                       .action = reconcile_action::deliver,
                       .engine = {},
                       .model = wanted.model ? wanted.model->name : "",
                       .content = agent.delivery.wanted().content,
                       .goal = wanted.version,
                       .goal_content = agent.delivery.wanted().content,
                       .gives_up = false,
                       .difference =
                           difference + ", and version " + std::to_string(wanted.version.value) + " is wanted",
                       .started_at = now,
                       .outcome = reconcile_outcome::open,
                       .observation = {},
                       .ended_at = {},
                       .ended_after = 0};
  log({agent.id, agent.process, true, std::move(entry)});
  agent.open_delivery = logged_;
}

void agent_table::close_delivery(agent_record& agent, reconcile_outcome outcome, std::string observation,
                                 wall_time now) {
  auto* const at = find_logged(std::exchange(agent.open_delivery, 0));
  if (at == nullptr) return;
  at->action.outcome = outcome;
  at->action.observation = std::move(observation);
  at->action.ended_at = now;
  at->action.ended_after = deliveries_;
  news_.actions.push_back(*at);
}

agent_table::action_key agent_table::key_of(logged_action const& logged) {
  return {logged.agent, logged.process, logged.action.number};
}

// Null where it fell out.
logged_action* agent_table::find_logged(std::uint64_t serial) {
  auto const fallen_out = logged_ - log_.size();
  return serial <= fallen_out ? nullptr : &*(log_.begin() + static_cast<std::ptrdiff_t>(serial - fallen_out - 1));
}

void agent_table::log(logged_action entry) {
  news_.actions.push_back(entry);
  if (log_.is_full() && !log_.begin()->by_balancer) logged_at_.erase(key_of(*log_.begin()));
  ++logged_;
  log_.push(std::move(entry));
  if (log_.empty()) return;
  auto const& newest = *std::prev(log_.end());
  if (!newest.by_balancer) logged_at_[key_of(newest)] = logged_;
}

// Entries come once when they are made and once more when they are closed; a new link brings all again. What was closed
// stays so: a message that says otherwise was on its way for long.
void agent_table::log_actions(agent_record const& agent, std::vector<reconciliation> const& actions) {
  for (auto const& action : actions) {
    auto const known = logged_at_.find({agent.id, agent.process, action.number});
    auto* const at = known == logged_at_.end() ? nullptr : find_logged(known->second);
    if (at == nullptr) {
      log({agent.id, agent.process, false, action});
    } else if (at->action.outcome == reconcile_outcome::open && at->action != action) {
      at->action = action;
      news_.actions.push_back(*at);
    }
  }
}

// --- small ---

bool agent_table::is_connected(agent_id const& agent, incarnation process) const {
  auto const at = agents_.find(agent);
  return at != agents_.end() && at->second.connected && at->second.process == process;
}

std::optional<link_refuse> agent_table::refusal_of(link_hello const& message) const {
  if (message.protocol != link_protocol_version)
    return link_refuse{"this balancer speaks link protocol " + std::to_string(link_protocol_version) + ", the agent " +
                           std::to_string(message.protocol) + ". Install the same version of paddler on both.",
                       false};
  if (!is_valid_name(message.agent.value))
    return link_refuse{"'" + message.agent.value +
                           "' is not a valid agent id. Start the agent with --name and 1 to 128 letters, "
                           "digits and - _ . / : @.",
                       false};
  if (message.highest_epoch > leader_)
    return link_refuse{"the agent has obeyed a newer balancer (epoch " + std::to_string(message.highest_epoch.value) +
                           ") than this one (epoch " + std::to_string(leader_.value) + ").",
                       true};
  if (!agents_.contains(message.agent) && agents_.size() >= policy_.max_agents)
    return link_refuse{"this balancer knows " + std::to_string(policy_.max_agents) + " agents already, its limit.",
                       true};
  return std::nullopt;
}

link_effects agent_table::refuse_protocol(link_id link, std::string reason, mono_time now) {
  unlink(link, now);
  return {close_link{link, std::move(reason)}};
}

// Forgets one link. Its agent is away from now on, unless another link carries it.
void agent_table::unlink(link_id link, mono_time now) {
  auto const at = links_.find(link);
  if (at == links_.end()) return;
  auto& agent = agents_.at(at->second.agent);
  links_.erase(at);
  link_deadlines_.erase(link);
  agent.connected = false;
  agent.link = {};
  agent.lost_at = now + patience();
  news_.changed.insert(agent.id);
  watch(agent);
}

// The agent's process is gone for good, if it was not already.
link_effects agent_table::lose(agent_record& agent) {
  bool const was_there = agent.connected || agent.lost_at;
  agent.connected = false;
  agent.link = {};
  agent.lost_at.reset();
  agent.facts_expired = true;
  if (was_there) news_.changed.insert(agent.id);
  return was_there && !is_loose(canary::lost_agent_keeps_slots) ? link_effects{agent_lost{agent.id, agent.process}}
                                                                : link_effects{};
}

} // namespace paddler
