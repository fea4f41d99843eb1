// Wall times as text: RFC 3339, as in 2026-01-31T12:00:00.25Z.
#pragma once
#include "base/time.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace paddler {

// In UTC, with as many digits of the second as it takes; the same nanosecond comes back from parse_rfc3339.
std::string print_rfc3339(wall_time time);

// Nothing if the text is no such time, names no zone, has more than nanoseconds, or lies outside 1677..2262, which is
// what 64 bits of nanoseconds reach. A leap second (:60) counts as the second after it.
std::optional<wall_time> parse_rfc3339(std::string_view text);

} // namespace paddler
