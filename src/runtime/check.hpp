// Assertions that stay in release builds: for bugs of ours, never for what a peer or a person can cause.
#pragma once
#include <source_location>

namespace paddler {

[[noreturn]] void fail_process(char const* what, std::source_location where = std::source_location::current());

// Ends the process, with the words and the place on stderr, when `holds` is false.
inline void ensure(bool holds, char const* what, std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    fail_process(what, where);
}

} // namespace paddler
