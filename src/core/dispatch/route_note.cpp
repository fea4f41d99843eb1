#include "core/dispatch/route_note.hpp"

namespace paddler {

route_choice choose_again(route_note const& note) {
  std::vector<route_candidate> candidates;
  for (auto const& row : note.rows) candidates.push_back(row.candidate);
  return choose_route({.candidates = candidates, .prompt_blocks = note.prompt_blocks, .turn = note.turn}, note.by);
}

} // namespace paddler
