#include "cli/address.hpp"

#include "base/text.hpp"

#include <boost/asio/ip/address.hpp>

#include <optional>

namespace paddler {
namespace {

namespace ip = boost::asio::ip;

struct split_address {
  std::string host;
  std::optional<std::string> port;
};

// "HOST", "HOST:PORT", "[IPv6]" or "[IPv6]:PORT"; nothing for what is none of them, as a bare IPv6 address.
std::optional<split_address> split(std::string_view text) {
  bool const bracketed = text.starts_with('[');
  auto const host_end = bracketed ? text.find(']') : text.find(':');
  if (host_end == std::string_view::npos) {
    if (bracketed) return std::nullopt;
    return split_address{std::string(text), std::nullopt};
  }
  split_address out{std::string(text.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0))), std::nullopt};
  auto rest = text.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return out;
  if (!rest.starts_with(':') || rest.find(':', 1) != std::string_view::npos) return std::nullopt;
  out.port = std::string(rest.substr(1));
  return out;
}

bool is_plausible_host(std::string_view host) {
  return !host.empty() && host.find_first_of(" \t/\\@?#%\"'<>") == std::string_view::npos;
}

std::unexpected<error> refuse(std::string_view text, std::string const& why, std::string hint) {
  return fail(error_code::invalid_input, "\"" + std::string(text) + "\" " + why, std::move(hint));
}

} // namespace

result<host_and_port> parse_listen_address(std::string_view text) {
  auto const parts = split(text);
  if (!parts || !parts->port) {
    return refuse(text, "is not HOST:PORT", "As in 127.0.0.1:8061; with IPv6 [::1]:8061; port 0 takes a free one.");
  }
  if (parts->host.empty()) {
    return refuse(text, "names no host",
                  "127.0.0.1" + std::string(text) + " is for this machine only, 0.0.0.0" + std::string(text) +
                      " with --insecure for everyone.");
  }
  auto const port = parse_number<std::uint16_t>(*parts->port);
  if (!port) return refuse(text, "has no port from 0 to 65535", "As in 127.0.0.1:8061; port 0 takes a free one.");
  boost::system::error_code ec;
  ip::make_address(parts->host, ec);
  if (ec && parts->host != "localhost") {
    return refuse(text, "has no IP address before the port",
                  "To listen, give an IP address of this machine or localhost.");
  }
  return host_and_port{parts->host, *port};
}

result<host_and_port> parse_server_address(std::string_view text, std::uint16_t default_port) {
  std::string_view rest = text;
  if (auto const scheme = rest.find("://"); scheme != std::string_view::npos) {
    if (equals_ignoring_case(rest.substr(0, scheme), "https")) {
      return refuse(text, "wants TLS, which this version does not speak", "Use http://HOST:PORT.");
    }
    if (!equals_ignoring_case(rest.substr(0, scheme), "http")) {
      return refuse(text, "is not an http address", "Use http://HOST:PORT or HOST:PORT.");
    }
    rest.remove_prefix(scheme + 3);
  }
  rest = rest.substr(0, rest.find('/'));
  auto const parts = split(rest);
  if (!parts || !is_plausible_host(parts->host)) {
    return refuse(text, "is not an address", "Use http://HOST:PORT or HOST:PORT, with IPv6 [::1]:8060.");
  }
  auto const port = parts->port ? parse_number<std::uint16_t>(*parts->port) : default_port;
  if (!port || *port == 0) return refuse(text, "has no port from 1 to 65535", "As in 127.0.0.1:8060.");
  return host_and_port{parts->host, *port};
}

} // namespace paddler
