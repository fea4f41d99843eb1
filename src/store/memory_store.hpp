// The event log in memory: for tests, and for balancers whose state may be lost when they end. What is closed and
// opened again still holds its records.
#pragma once
#include "ports/state_store.hpp"

#include <memory>

namespace paddler {

std::unique_ptr<state_store> make_memory_store();

} // namespace paddler
