// Deciding a dump's log again, record by record, and comparing each decision with what the balancer did: the changes
// and losses that it told, what it delivered to its agents, and what it came to. And deciding again where each attempt
// of its requests went, and folding their steps.
//
// The core is deterministic, so that a difference means that the dump is not what a balancer of this version wrote.
#pragma once
#include "base/result.hpp"
#include "core/state/desired_state.hpp"
#include "model/dump.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_replay_differences = 1'000; // that are listed

struct replayed_decision {
  revision at;
  wall_time time;
  source_id source;
  change_origin origin;
  desired_news news;
};

struct replay_difference {
  revision at; // of the decision; 0: of what it all came to, or of a request
  std::string what;
  std::optional<request_id> request = {};
  friend bool operator==(replay_difference const&, replay_difference const&) = default;
};

struct replay_report {
  std::vector<replayed_decision> decisions;
  std::vector<replay_difference> differences;
  std::size_t more_differences = 0;
  std::size_t changes_compared = 0; // events config.changed
  std::size_t losses_compared = 0;  // events config.lost
  std::size_t deliveries_compared = 0;
  std::size_t states_compared = 0;    // applicable ones
  std::size_t conflicts_compared = 0; // fields
  std::size_t not_compared = 0;       // originals of before what the dump's log begins with
  std::size_t requests_compared = 0;
  std::size_t steps_compared = 0;    // of these requests
  std::size_t routes_compared = 0;   // of their attempts
  std::size_t requests_left_out = 0; // of the dump
};

// Where a decision cannot be made again (its record is refused, or the log has a gap) it ends with that difference.
// An error where the dump's snapshot cannot be gone on from.
result<replay_report> replay(cluster_dump const& dump);

} // namespace paddler
