#include "balancer/event_watch.hpp"

#include "balancer/views.hpp"
#include "base/text.hpp"
#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace paddler {
namespace {

constexpr std::array<std::string_view, 4> known_kinds{"agent", "config", "health", "reconcile"};

// "EPOCH-NUMBER": numbers count anew in each epoch.
std::string event_id(epoch leader, std::uint64_t number) {
  return std::to_string(leader.value) + "-" + std::to_string(number);
}

std::string_view kind_of(std::string_view type) { return type.substr(0, type.find('.')); }

result<std::vector<std::string>> parse_kinds(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    auto const word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (std::ranges::find(known_kinds, word) == known_kinds.end())
      return fail(error_code::invalid_input, "There is no kind of events '" + std::string(word) + "'.",
                  "Kinds are agent, config, health and reconcile, as in kinds=agent,health.");
    out.emplace_back(word);
  }
  return out;
}

// The place behind an id of ours; none where it is of another epoch.
result<std::optional<std::uint64_t>> place_behind(std::string_view id, balancer_core const& core) {
  auto const dash = id.find('-');
  auto const leader = parse_number<std::uint64_t>(id.substr(0, dash));
  auto const number = dash == std::string_view::npos ? std::nullopt : parse_number<std::uint64_t>(id.substr(dash + 1));
  if (!leader || !number)
    return fail(error_code::invalid_input, "Last-Event-ID: '" + std::string(id) + "' is no id of an event.",
                "Send the id of the last event that was seen, as in 3-17, or none.");
  if (*leader != core.leader().value || !core.events().after(*number, 0)) return std::nullopt;
  return number;
}

result<std::optional<std::uint64_t>> place_from(std::string_view text, balancer_core const& core) {
  auto const wanted = parse_number<std::uint64_t>(text);
  if (!wanted)
    return fail(error_code::invalid_input, "from: '" + std::string(text) + "' is no revision of desired state.",
                "Revisions are numbers, as in from=12.");
  auto const current = core.desired().current();
  if (*wanted > current.value)
    return fail(error_code::invalid_input, "from: revision " + std::to_string(*wanted) + " has not been yet.",
                "The newest is " + std::to_string(current.value) + ".");
  return core.events().place_of({*wanted});
}

document_node head_of(std::string const& id, std::string_view type, revision at) {
  auto out = object_node();
  out.add("id", text_node(id)).add("type", text_node(std::string(type))).add("revision", number_node(at.value));
  return out;
}

watch_message message_of(cluster_event const& event, epoch leader) {
  return {event_id(leader, event.number), std::string(type_of(event)), print_json(event_document(event, leader))};
}

watch_message snapshot_of(balancer_core const& core) {
  auto const id = event_id(core.leader(), core.events().newest());
  auto out = head_of(id, "snapshot", core.desired().current());
  auto data = object_node();
  data.add("agents", to_document(view_agents(core))).add("models", to_document(view_models(core)));
  out.add("data", std::move(data));
  return {id, "snapshot", print_json(out)};
}

} // namespace

document_node event_document(cluster_event const& event, epoch leader) {
  auto out = head_of(event_id(leader, event.number), type_of(event), event.at);
  out.add("time", to_document(event.time));
  out.add("data", std::visit([](auto const& content) { return to_document(content); }, event.what));
  return out;
}

result<event_watch> event_watch::start(watch_request const& wanted, balancer_core const& core) {
  event_watch out;
  auto kinds = parse_kinds(wanted.kinds);
  if (!kinds) return std::unexpected(kinds.error());
  out.kinds_ = std::move(*kinds);
  result<std::optional<std::uint64_t>> place = std::nullopt;
  if (!wanted.last_event_id.empty())
    place = place_behind(wanted.last_event_id, core);
  else if (!wanted.from.empty())
    place = place_from(wanted.from, core);
  if (!place) return std::unexpected(place.error());
  out.place_ = *place;
  return out;
}

std::vector<watch_message> event_watch::next(balancer_core const& core, std::size_t limit) {
  std::vector<watch_message> out;
  while (out.empty()) {
    auto const events = place_ ? core.events().after(*place_, limit) : std::nullopt;
    if (!events) {
      out.push_back(snapshot_of(core));
      place_ = core.events().newest();
      break;
    }
    if (events->empty()) break;
    place_ = events->back().number;
    for (auto const& event : *events)
      if (kinds_.empty() || std::ranges::find(kinds_, kind_of(type_of(event))) != kinds_.end())
        out.push_back(message_of(event, core.leader()));
  }
  return out;
}

} // namespace paddler
