// What strikes a cluster. One more kind of fault: a row in faults.cpp.
#pragma once
#include "base/time.hpp"

#include <span>
#include <string_view>

namespace paddler_sim {

struct stage;

struct fault {
  std::string_view name;
  double share_of_seeds;               // of the swarm, in which there are faults of this kind; 0: not there
  paddler::duration shortest, longest; // mean time between two of them; both zero: it strikes once, at the beginning
  void (*strike)(stage&);
};

std::span<fault const> all_faults();

// From now on until `faults_end`.
void plan_faults(stage& on);

// The core works again; a part of the rest is gone for ever (SIM-03).
void heal(stage& on);

} // namespace paddler_sim
