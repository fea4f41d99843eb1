// The world that stands in for the machine on this thread, if any.
#pragma once
#include "ports/world.hpp"

namespace paddler {

// Null: this is the machine.
world* stand_in_world();

// For the thread that calls it; null gives the machine back. The world outlives its use.
void set_stand_in_world(world* stand_in);

} // namespace paddler
