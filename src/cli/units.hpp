// Times and sizes as people write and read them.
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace paddler {

// "500ms", "30s", "1h30m", "2d"; at most 365 days. The error's message completes "FLAG: ".
result<duration> parse_duration(std::string_view text);

// The same form, exact to the millisecond: "1h30m", "0s".
std::string print_duration(duration time);

// For columns: the largest unit that is not zero, and the next one while the first is small: "45s", "3m12s", "5h",
// "12d". Negative times (another machine's clock) count as zero.
std::string print_age(duration time);

// "1 request", "3 requests".
std::string count_of(std::uint64_t count, std::string_view what);

// "512MiB", "2GiB": a whole number and its unit, B to TiB. The error's message completes "FLAG: ".
result<std::uint64_t> parse_bytes(std::string_view text);

// "512B", "1.5KiB", "139GiB": three digits at most, no space.
std::string print_bytes(std::uint64_t bytes);

} // namespace paddler
