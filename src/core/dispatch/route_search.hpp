// Where a request goes, of all engines that there are, without a look at all of them: those that have read the
// beginning of its prompt, that of its session, and a few that are least busy. More of these are asked only where none
// of them can take it; so it goes somewhere if it can go anywhere.
#pragma once
#include "core/dispatch/prefix_index.hpp"
#include "core/dispatch/routing.hpp"
#include "core/dispatch/slot_table.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace paddler {

// At first. More than a request has attempts, so that not all of them have lost it.
inline constexpr std::size_t least_busy_asked = 4;

struct route_request {
  std::string model;
  std::span<block_hash const> blocks{}; // of its prompt; none are needed
  std::size_t prompt_blocks = 0;        // of all of it
  std::optional<engine_ordinal> session_engine;
  engine_ordinal turn{};
};

struct route_search_result {
  route_choice choice;
  std::vector<route_candidate> candidates; // `choose_route` of them says the same again
};

// What neither table knows of a candidate: its filter, whether it lost the request, its speeds. Called once for each.
// An engine that the table of slots withholds still comes by its prompt or its session, and is to be filtered here.
using candidate_knowledge = std::function<void(route_candidate&)>;

route_search_result search_route(slot_table const& slots, prefix_index const& index, route_request const& request,
                                 routing_policy const& policy, candidate_knowledge const& know);

} // namespace paddler
