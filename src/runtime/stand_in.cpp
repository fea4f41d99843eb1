#include "runtime/stand_in.hpp"

namespace paddler {
namespace {

thread_local world* current = nullptr;

} // namespace

world* stand_in_world() { return current; }

void set_stand_in_world(world* stand_in) { current = stand_in; }

} // namespace paddler
