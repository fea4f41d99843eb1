// Where a request goes: a function of what is known of the engines that it could go to, which also says what each of
// them was worth. All in whole nanoseconds, so that asking again gives the same on every machine.
//
// A score is what it costs to go there, in time: reading what is not cached of the prompt, the share of its slots that
// is busy (all of them: `full_load`), and one token of its answer. The least wins; of equals, the next in turn. Where
// nothing of the prompt is cached only load counts: a cold prompt that followed anything else would pile up on one
// engine.
//
// Among engines that are equally busy, or nearly, those that take less time for a request come more often
// (engine_pace.hpp says whose turn it is by that): who is ahead of the others costs up to `pace_percent` of `full_load`
// more, so that load outweighs it.
//
// The valve: an engine that is busier than the least busy one by more than `saturation` of its slots, and by two slots
// or more, counts as one that has nothing cached. So the requests of one beginning spread over as many engines as it
// takes.
#pragma once
#include "base/time.hpp"
#include "core/dispatch/prefix_index.hpp"
#include "model/policies.hpp"
#include "model/route.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace paddler {

struct routing_policy {
  routing_strategy strategy = routing_strategy::prefix;
  std::uint32_t saturation_percent = 25;
  duration full_load = std::chrono::seconds(1); // what an engine with all slots busy would cost more than an idle one
  std::uint32_t pace_percent = 10;              // of it; above saturation_percent it counts as that
  friend bool operator==(routing_policy const&, routing_policy const&) = default;
};

struct route_candidate {
  engine_ordinal engine{};
  std::uint16_t busy = 0; // of its slots
  std::uint16_t total = 0;
  route_filter filter = route_filter::none; // without an idle slot it is out in any case
  bool lost_it = false;                     // the request was lost there: only if there is no other
  bool kept = false;                        // it failed too often, but there is nobody else
  bool has_session = false;                 // the session's newest request went there
  std::size_t cached_blocks = 0;            // of the prompt
  std::uint32_t prefill_speed = 0;          // tokens a second, as measured; 0: not yet
  std::uint32_t decode_speed = 0;           // the same, of one slot
  duration ahead{};                         // of the others, of its model: slot time that it was given (engine_pace)
  friend bool operator==(route_candidate const&, route_candidate const&) = default;
};

struct route_question {
  std::span<route_candidate const> candidates; // each engine once
  std::size_t prompt_blocks = 0;
  engine_ordinal turn{}; // whose turn it is among equals; that behind the one chosen last
};

struct route_score {
  engine_ordinal engine{};
  route_filter filter = route_filter::none;
  bool avoided = false;          // the request was lost there, and there are others
  bool saturated = false;        // the valve
  std::size_t cached_blocks = 0; // that counted
  duration prefill{};
  duration load{};
  duration token{};
  duration away{}; // from its session
  duration pace{}; // it had more than its turn

  [[nodiscard]] bool is_eligible() const { return filter == route_filter::none && !avoided; }

  [[nodiscard]] duration total() const { return prefill + load + token + away + pace; }

  friend bool operator==(route_score const&, route_score const&) = default;
};

struct route_choice {
  std::optional<engine_ordinal> engine;
  route_reason reason = route_reason::nowhere;
  std::vector<route_score> scores; // in the order of the candidates
  friend bool operator==(route_choice const&, route_choice const&) = default;
};

route_choice choose_route(route_question const& question, routing_policy const& policy);

// Whose turn comes after it.
engine_ordinal next_turn(engine_ordinal chosen);

} // namespace paddler
