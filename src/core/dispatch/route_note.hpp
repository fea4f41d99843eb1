// What is remembered of a decision where an attempt went, so that people can ask why, and so that it can be made again.
//
// A note takes some 150 bytes, and 136 for each engine that was looked at: with four or five of these, 0.8 KiB for each
// attempt of each request that lives or is kept.
#pragma once
#include "core/dispatch/route_search.hpp"
#include "model/request.hpp"

#include <string>
#include <vector>

namespace paddler {

// One engine that was looked at, under its agent's name: ordinals are given again.
struct route_row {
  agent_id agent;
  route_candidate candidate; // before this request
  route_score score;
};

struct route_note {
  attempt number;
  generation policies; // by which it was decided
  routing_policy by;   // what they said
  engine_ordinal turn{};
  route_reason reason = route_reason::nowhere;
  agent_id chosen;
  engine_ordinal engine{}; // of it; to be compared with those of the rows only
  std::size_t prompt_blocks = 0;
  std::vector<route_row> rows;    // in the order in which they were looked at
  std::size_t others = 0;         // engines that no table brought up: busier, and without any of the prompt
  std::size_t others_open = 0;    // beside these, that failed too often
  std::size_t others_drained = 0; // and that are to get nothing new
};

// The same decision from the same knowledge.
route_choice choose_again(route_note const& note);

} // namespace paddler
