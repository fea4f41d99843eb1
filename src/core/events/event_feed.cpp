#include "core/events/event_feed.hpp"

#include "core/session/agent_trouble.hpp"

#include <algorithm>
#include <utility>

namespace paddler {

config_changed told_of(log_record const& record, desired_news const& news) {
  config_changed out{.source = record.source, .origin = record.origin, .changes = {}, .more_changes = 0, .agents = {}};
  auto const listed = std::min(news.changes.size(), max_listed_changes);
  out.changes.assign(news.changes.begin(), news.changes.begin() + static_cast<std::ptrdiff_t>(listed));
  out.more_changes = news.changes.size() - listed;
  out.agents = news.agents;
  return out;
}

void event_feed::changed(log_record const& record, desired_news const& news) {
  publish(told_of(record, news), record.number, record.at);
}

void event_feed::lost(lost_field const& loss, revision at, wall_time now) { publish(config_lost{loss}, at, now); }

void event_feed::acted(logged_action const& action, revision at, wall_time now) {
  publish(reconcile_changed{action}, at, now);
}

void event_feed::judged(breaker_changed const& what, revision at, wall_time now) { publish(what, at, now); }

void event_feed::look_at(agent_record const& agent, revision at, wall_time now) {
  auto& told = told_[agent.id];
  bool const replaced = told.connected && (!agent.connected || told.process != agent.process);
  if (replaced) publish(agent_left{agent.id, told.process}, at, now);
  if (agent.connected && (replaced || !told.connected))
    publish(agent_joined{agent.id, agent.process, agent.capabilities.hostname, agent.capabilities.version}, at, now);
  told.connected = agent.connected;
  told.process = agent.process;
  look_at_delivery(agent, told, at, now);

  auto const status = status_of(agent);
  auto const& model = agent.report.engine.model;
  auto reason = trouble_of(agent.report);
  if (status == engine_status::unknown) reason = agent.connected ? "it has not reported for a while" : "not connected";
  if (status == told.status && model == told.model && reason == told.reason) return;
  told.status = status;
  told.model = model;
  told.reason = reason;
  publish(health_changed{agent.id, status, model, std::move(reason)}, at, now);
}

void event_feed::look_at_delivery(agent_record const& agent, told_agent& told, revision at, wall_time now) {
  auto const held = agent.delivery.held();
  if (held != std::exchange(told.held, held) && held != generation{}) publish(config_accepted{agent.id, held}, at, now);
  auto const& errors = agent.delivery.refusal();
  auto const refused = errors.empty() ? generation{} : agent.delivery.wanted().version;
  if (refused != std::exchange(told.refused, refused) && refused != generation{})
    publish(config_refused{agent.id, refused, errors}, at, now);
}

std::optional<std::vector<cluster_event>> event_feed::after(std::uint64_t number, std::size_t limit) const {
  if (number < oldest() || number > newest_) return std::nullopt;
  auto const first = events_.begin() + static_cast<std::ptrdiff_t>(number - oldest());
  auto const count = std::min(limit, static_cast<std::size_t>(events_.end() - first));
  return std::vector<cluster_event>(first, first + static_cast<std::ptrdiff_t>(count));
}

std::optional<std::uint64_t> event_feed::place_of(revision wanted) const {
  if (wanted == restored_ && oldest() == 0) return 0;
  auto const at = std::ranges::find_if(events_, [wanted](cluster_event const& event) {
    return event.at == wanted && std::holds_alternative<config_changed>(event.what);
  });
  return at == events_.end() ? std::nullopt : std::optional(at->number);
}

void event_feed::publish(event_content what, revision at, wall_time now) {
  events_.push({++newest_, at, now, std::move(what)});
}

} // namespace paddler
