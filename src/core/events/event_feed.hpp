// The event bus: the newest events of the cluster in order, and where each watcher stands in them.
//
// A watcher is a place in this list and nothing else: a slow one costs nothing and holds nobody up. Where it falls so
// far behind that the next event is not kept any more, it is told the state as it is now instead (the coalescing that
// Kubernetes' watch cache does with "410 Gone": k8s.io API concepts, "Efficient detection of changes").
#pragma once
#include "base/bounded.hpp"
#include "core/session/agent_table.hpp"
#include "core/state/desired_state.hpp"
#include "model/events.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_kept_events = 10'000;
inline constexpr std::size_t max_listed_changes = 100; // of one change of desired state, in its event

// What is told of a change that was made.
config_changed told_of(log_record const& record, desired_news const& news);

class event_feed {
public:
  explicit event_feed(std::size_t limit = max_kept_events) : events_(limit) {}

  // Before the first event: desired state as it was restored.
  void begin_at(revision restored) { restored_ = restored; }

  void changed(log_record const& record, desired_news const& news);
  void lost(lost_field const& loss, revision at, wall_time now);

  // Looks at one agent, and publishes what is otherwise than it was told last.
  void look_at(agent_record const& agent, revision at, wall_time now);
  void acted(logged_action const& action, revision at, wall_time now);
  void judged(breaker_changed const& what, revision at, wall_time now);

  // The newest event's number, zero where there was none.
  [[nodiscard]] std::uint64_t newest() const { return newest_; }

  // The place before the oldest event that is kept.
  [[nodiscard]] std::uint64_t oldest() const { return newest_ - events_.size(); }

  // Up to `limit` events behind that one, in order; nothing where one of them is not kept any more, or where it has not
  // been yet.
  [[nodiscard]] std::optional<std::vector<cluster_event>> after(std::uint64_t number, std::size_t limit) const;

  // The place right behind the change of desired state that made this revision; nothing where what came since is not
  // all kept.
  [[nodiscard]] std::optional<std::uint64_t> place_of(revision wanted) const;

private:
  struct told_agent {
    bool connected = false;
    incarnation process;
    engine_status status = engine_status::unknown;
    std::string model;
    std::string reason;
    generation held;
    generation refused;
  };

  void publish(event_content what, revision at, wall_time now);
  void look_at_delivery(agent_record const& agent, told_agent& told, revision at, wall_time now);

  bounded_ring<cluster_event> events_;
  std::uint64_t newest_ = 0;
  revision restored_;
  std::map<agent_id, told_agent> told_;
};

} // namespace paddler
