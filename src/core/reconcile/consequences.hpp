// What an agent will do when other content is wanted of it, before anybody wants it: the planner's own actions, played
// through on an agent where everything goes well.
#pragma once
#include "core/reconcile/planner.hpp"
#include "model/applicable.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// What is known of the agent. What is not known is left empty, and makes the preview careful.
struct swap_facts {
  std::optional<std::uint64_t> memory_bytes; // of the agent, for engines
  std::optional<std::uint64_t> old_bytes;    // that the engine needs which runs now
  std::optional<std::uint64_t> new_bytes;    // that the one would need which is to run
  std::optional<duration> load_time;         // of the new content, or of its like, as measured before
  int busy = 0;                              // requests that are being answered
  duration drain{};                          // the longest that they may take
};

struct consequence {
  reconcile_action action = reconcile_action::load;
  std::string model;
  std::string difference;            // that will cause it
  std::optional<duration> estimated; // at most, where it drains; nothing where it is not known
  bool interrupts = false;           // from here on to the next admission nothing is served
  friend bool operator==(consequence const&, consequence const&) = default;
};

// In order. Empty where both contents are equal.
std::vector<consequence> consequences(applicable_state const& from, applicable_state const& to,
                                      swap_facts const& known);

} // namespace paddler
