// Unkind circumstances, each in a quarter of all seeds (SIM-04, FoundationDB's "buggify"): limits so tight, and a
// machine so moody, that what is rare elsewhere happens all the time. One more: a row in circumstances.cpp.
#pragma once
#include "core/dispatch/dispatcher.hpp"
#include "sim/network.hpp"
#include "sim/simulator.hpp"

#include <span>
#include <string_view>

namespace paddler_sim {

// What circumstances change.
struct surroundings {
  simulator::settings machine;
  weather network;
  dispatch_policy dispatch;
};

struct circumstance {
  std::string_view name;
  double share_of_seeds;
  void (*apply)(surroundings&);
};

std::span<circumstance const> all_circumstances();

} // namespace paddler_sim
