// One seed from its first event to its verdict.
#pragma once
#include "sim/scenario.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace paddler_sim {

struct run_report {
  scenario what;
  std::optional<std::string> violation; // the first; the run ends with it
  std::uint64_t trace = 0;              // equal for equal seeds
  std::uint64_t events = 0;
  duration simulated{};
  std::map<std::string, std::uint64_t, std::less<>> seen; // how often what happened: probes
  std::uint64_t asked = 0, answered = 0, cut_off = 0, told_error = 0, refused = 0;
  std::uint64_t writes_acknowledged = 0, writes_unknown = 0;
  std::uint64_t operations_judged = 0, pairs_raced = 0; // of operators, by the checker of linearizability
};

run_report run_scenario(scenario const& what, bool print);

} // namespace paddler_sim
