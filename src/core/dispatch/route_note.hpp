// What is remembered of a decision where an attempt went, so that people can ask why.
#pragma once
#include "core/dispatch/route_search.hpp"
#include "model/request.hpp"

#include <string>
#include <vector>

namespace paddler {

// One engine that was looked at, under its agent's name: ordinals are given again.
struct route_row {
  agent_id agent;
  std::uint16_t busy = 0, total = 0; // slots, before this request
  route_score score;
};

struct route_note {
  attempt number;
  generation policies; // by which it was decided
  routing_strategy strategy = routing_strategy::prefix;
  route_reason reason = route_reason::nowhere;
  agent_id chosen;
  engine_ordinal engine{}; // of it; to be compared with those of the rows only
  std::size_t prompt_blocks = 0;
  std::vector<route_row> rows; // in the order in which they were looked at
  std::size_t others = 0;      // engines that no table brought up: busier, and without any of the prompt
  std::size_t others_open = 0; // beside these, that failed too often
};

} // namespace paddler
