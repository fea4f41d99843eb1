// What the simulation holds the product against. One more: a row in checks.cpp.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace paddler_sim {

struct stage;

enum class moment {
  each_second, // while there are faults, too, whenever a balancer serves
  at_the_end,  // everything has settled, a balancer serves, and nobody asks for anything any more
};

struct checker {
  std::string_view promise; // its name in reliability.md
  moment when;
  std::string (*look)(stage&); // what is wrong; empty: nothing
};

std::span<checker const> all_checkers();

// The first that finds something wrong is the verdict.
void check(stage& on, moment when);

} // namespace paddler_sim
