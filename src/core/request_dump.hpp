// The ledger as a dump has it: the way of each request, and all that its attempts were routed by. Nothing of prompts,
// and nothing that tells one client from another.
#pragma once
#include "core/dispatch/dispatcher.hpp"
#include "model/dump.hpp"

#include <cstddef>

namespace paddler {

inline constexpr std::size_t max_dumped_requests = 2'000;
inline constexpr std::size_t max_dumped_candidates = 50'000; // of all their attempts

// Of the requests that live or are kept the newest, up to the first that would be too many.
dumped_ledger dump_ledger(dispatcher const& requests);

dumped_route to_dump(route_note const& note);
route_note from_dump(dumped_route const& route);

} // namespace paddler
