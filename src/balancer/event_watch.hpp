// What one watcher of the event bus is told next. Pure.
#pragma once
#include "base/result.hpp"
#include "core/balancer_core.hpp"
#include "model/events.hpp"
#include "wire/document_node.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// As a watcher asks: the words of a request, empty where left out.
struct watch_request {
  std::string last_event_id; // of the last event that it saw: goes on behind it
  std::string from;          // a revision of desired state: goes on behind the change that made it
  std::string kinds;         // of events, "agent,config": what stands before the dot of their types
};

// One message: `id` names the watcher's place, `type` is an event's, or "snapshot"; `json` holds everything.
struct watch_message {
  std::string id;
  std::string type;
  std::string json;
};

// An event as every reader is told it.
document_node event_document(cluster_event const& event, epoch leader);

// A place in the event feed. Without one that still can be reached it begins with a snapshot: revision, agents and
// models as they are, after which every event follows.
class event_watch {
public:
  // `invalid_input` for words that make no sense, and for a revision that has not been yet.
  static result<event_watch> start(watch_request const& wanted, balancer_core const& core);

  // Up to `limit` messages; none where nothing has happened.
  std::vector<watch_message> next(balancer_core const& core, std::size_t limit);

private:
  std::optional<std::uint64_t> place_; // number of the last event that it was told; nothing: a snapshot is due
  std::vector<std::string> kinds_;     // empty: all
};

} // namespace paddler
