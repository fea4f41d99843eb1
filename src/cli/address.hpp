// Addresses on the command line: where to listen, and which server to talk to.
#pragma once
#include "base/result.hpp"
#include "net/transport.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace paddler {

// Where a server shall listen: HOST:PORT with an IP address or "localhost". The error's message completes "FLAG: ".
result<host_and_port> parse_listen_address(std::string_view text);

// A server to talk to: http://HOST:PORT, HOST:PORT or HOST; also with a path of ours after it, as people paste it
// ("http://127.0.0.1:8061/v1"). No TLS yet, so https is refused with words.
result<host_and_port> parse_server_address(std::string_view text, std::uint16_t default_port);

} // namespace paddler
