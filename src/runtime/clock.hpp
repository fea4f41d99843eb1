// The clocks of the machine. Only the shell reads them; pure code gets times as arguments.
#pragma once
#include "base/time.hpp"

#include <cstdint>
#include <string>

namespace paddler {

mono_time mono_now();
wall_time wall_now();

// "2026-03-01T12:34:56.789Z" (RFC 3339, UTC, milliseconds, rounded down).
std::string to_rfc3339(wall_time time);

// "Sun, 01 Mar 2026 12:34:56 GMT" (RFC 9110, section 5.6.7): the form of HTTP's Date.
std::string to_http_date(wall_time time);

// Milliseconds since 1970, as uuid_v7() wants them.
std::uint64_t unix_milliseconds(wall_time time);

// 64 bits from the operating system.
std::uint64_t random_seed();

// 64 bits of a generator that each thread seeds once: cheap, and not for secrets.
std::uint64_t random_number();

} // namespace paddler
