// Whether a reconciliation log is sound: an offline check that knows nothing of how the actions were chosen.
#pragma once
#include "model/reconciliation.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace paddler {

enum class log_end {
  running, // entries may be open
  settled, // nothing happens any more: each entry must be closed
};

struct log_finding {
  std::uint64_t entry = 0; // its number
  std::string what;
  friend bool operator==(log_finding const&, log_finding const&) = default;
};

// `log` is what one agent process did, in order of number, from its first action on. Found are: an action without a
// difference; one that was never closed; two engines of one content, or more than `max_engines`, at the same time; an
// engine that was unloaded while it was admitted and not drained; an action on an engine that was not there; an action
// for a goal that was given up; an action after everything was as wanted.
std::vector<log_finding> check_log(std::span<reconciliation const> log, log_end end, std::size_t max_engines);

} // namespace paddler
