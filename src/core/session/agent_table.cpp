#include "core/session/agent_table.hpp"

#include <algorithm>

namespace paddler {
namespace {

link_effects refuse(link_id link, link_refuse refusal) {
  auto reason = refusal.reason;
  return {send_to_agent{link, std::move(refusal)}, close_link{link, std::move(reason)}};
}

void append(link_effects& out, link_effects more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

} // namespace

std::pair<link_effects, bool> agent_table::hello(link_id link, link_hello const& message,
                                                 applicable_state const& wanted, mono_time now, wall_time wall_now) {
  if (links_.contains(link)) return {refuse_protocol(link, "a second hello on one link", now), false};
  if (auto refusal = refusal_of(message)) return {refuse(link, std::move(*refusal)), false};

  link_effects out;
  auto const old = link_of(message.agent);
  if (old && links_.at(*old).process != message.process && now - links_.at(*old).heard_at < patience())
    return {
        refuse(link,
               {"an agent with the id '" + message.agent.value +
                    "' is connected already. If this is another machine, start it with --name and an id of its own; "
                    "if it is the same one restarted, it is let in as soon as the old connection is dead.",
                true}),
        false};
  auto& agent = agents_[message.agent];
  if (old) {
    links_.erase(*old);
    out.push_back(close_link{*old, "replaced by a newer link of this agent"});
  }
  if (agent.process != message.process) append(out, lose(agent));
  links_[link] = {message.agent, message.process, now, now + policy_.heartbeat, 0};
  agent = {.id = message.agent,
           .connected = true,
           .process = message.process,
           .capabilities = message.capabilities,
           .report = message.report,
           .facts_until = now + policy_.facts_lifetime,
           .acknowledged = message.report.applied,
           .last_seen = wall_now};
  auto const beat = std::chrono::duration_cast<std::chrono::milliseconds>(policy_.heartbeat).count();
  out.push_back(send_to_agent{link, link_welcome{leader_, static_cast<std::uint64_t>(beat)}});
  append(out, push(message.agent, wanted));
  return {std::move(out), true};
}

link_effects agent_table::heard(link_id link, agent_message const& message, mono_time now, wall_time wall_now) {
  auto const at = links_.find(link);
  if (at == links_.end()) return {close_link{link, "the first message must be hello"}};
  if (std::holds_alternative<link_hello>(message)) return refuse_protocol(link, "a second hello on one link", now);
  at->second.heard_at = now;
  auto& agent = agents_.at(at->second.agent);
  agent.last_seen = wall_now;
  if (auto const* report = std::get_if<link_report>(&message)) {
    if (report->report.sequence > agent.report.sequence) {
      agent.report = report->report;
      agent.facts_until = now + policy_.facts_lifetime;
      agent.facts_expired = false;
    }
  } else if (auto const* ack = std::get_if<link_ack>(&message)) {
    agent.acknowledged = std::max(agent.acknowledged, ack->version);
    if (agent.refused == ack->version) { // what it lacked has come
      agent.refused = {};
      agent.refusal.clear();
    }
  } else if (auto const* nack = std::get_if<link_nack>(&message)) {
    agent.refused = std::max(agent.refused, nack->version);
    agent.refusal = nack->errors;
  }
  return {};
}

link_effects agent_table::closed(link_id link, mono_time now) {
  unlink(link, now);
  return {};
}

link_effects agent_table::push(agent_id const& agent, applicable_state const& wanted) {
  auto const link = link_of(agent);
  if (!link || wanted.version == generation{}) return {};
  auto& record = agents_.at(agent);
  if (record.sent == wanted.version || record.refused == wanted.version) return {};
  record.sent = wanted.version;
  return {send_to_agent{*link, link_apply{leader_, wanted}}};
}

link_effects agent_table::notify(agent_id const& agent, std::string text) {
  auto const link = link_of(agent);
  return link ? link_effects{send_to_agent{*link, link_notice{std::move(text)}}} : link_effects{};
}

link_effects agent_table::tick(mono_time now) {
  link_effects out;
  std::vector<link_id> dead;
  for (auto& [id, link] : links_) {
    if (now - link.heard_at >= patience()) {
      dead.push_back(id);
    } else if (now >= link.next_heartbeat) {
      link.next_heartbeat = now + policy_.heartbeat;
      out.push_back(send_to_agent{id, link_heartbeat{++link.heartbeats}});
    }
  }
  for (auto id : dead) {
    auto& agent = agents_.at(links_.at(id).agent);
    unlink(id, now);
    out.push_back(close_link{id, "nothing was heard of the agent for three heartbeats"});
    append(out, lose(agent));
  }
  for (auto& [id, agent] : agents_) {
    if (agent.lost_at && *agent.lost_at <= now) append(out, lose(agent));
    agent.facts_expired = agent.facts_expired || agent.facts_until <= now;
  }
  return out;
}

std::optional<mono_time> agent_table::next_deadline() const {
  std::optional<mono_time> earliest;
  for (auto const& [id, link] : links_) {
    auto const due = std::min(link.next_heartbeat, link.heard_at + patience());
    if (!earliest || due < *earliest) earliest = due;
  }
  auto const consider = [&earliest](mono_time due) { earliest = std::min(earliest.value_or(due), due); };
  for (auto const& [id, agent] : agents_) {
    if (agent.lost_at) consider(*agent.lost_at);
    if (!agent.facts_expired) consider(agent.facts_until);
  }
  return earliest;
}

bool agent_table::is_connected(agent_id const& agent, incarnation process) const {
  auto const at = agents_.find(agent);
  return at != agents_.end() && at->second.connected && at->second.process == process;
}

std::optional<link_id> agent_table::link_of(agent_id const& agent) const {
  auto const at = std::ranges::find_if(links_, [&](auto const& entry) { return entry.second.agent == agent; });
  return at == links_.end() ? std::nullopt : std::optional(at->first);
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
  auto const ended = at->second;
  links_.erase(at);
  auto& agent = agents_.at(ended.agent);
  if (agent.process != ended.process || !agent.connected) return;
  agent.connected = false;
  agent.lost_at = now + patience();
}

// The agent's process is gone for good, if it was not already.
link_effects agent_table::lose(agent_record& agent) {
  bool const was_there = agent.connected || agent.lost_at;
  agent.connected = false;
  agent.lost_at.reset();
  agent.facts_expired = true;
  return was_there ? link_effects{agent_lost{agent.id, agent.process}} : link_effects{};
}

} // namespace paddler
