#include "net/network.hpp"

namespace paddler {
namespace {

thread_local network* current = nullptr;

} // namespace

network* stand_in_network() { return current; }

void set_stand_in_network(network* stand_in) { current = stand_in; }

} // namespace paddler
