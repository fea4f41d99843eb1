#include "net/socket_address.hpp"

#include "base/text.hpp"
#include "net/transport.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cstring>

namespace paddler {
namespace {

socket_address from_v4(in_addr address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr = address;
  socket_address out;
  std::memcpy(&out.storage, &in, sizeof in);
  out.size = sizeof in;
  return out;
}

socket_address from_v6(in6_addr address, std::uint16_t port) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_addr = address;
  socket_address out;
  std::memcpy(&out.storage, &in, sizeof in);
  out.size = sizeof in;
  return out;
}

sockaddr_in as_v4(socket_address const& address) {
  sockaddr_in in{};
  std::memcpy(&in, &address.storage, sizeof in);
  return in;
}

sockaddr_in6 as_v6(socket_address const& address) {
  sockaddr_in6 in{};
  std::memcpy(&in, &address.storage, sizeof in);
  return in;
}

} // namespace

std::uint16_t socket_address::port() const {
  if (family() == AF_INET) return ntohs(as_v4(*this).sin_port);
  if (family() == AF_INET6) return ntohs(as_v6(*this).sin6_port);
  return 0;
}

std::vector<socket_address> numeric_addresses(std::string_view host, std::uint16_t port) {
  if (host == "localhost") return {from_v4({htonl(INADDR_LOOPBACK)}, port), from_v6(in6addr_loopback, port)};
  std::string const text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return {from_v4(v4, port)};
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) return {from_v6(v6, port)};
  return {};
}

result<socket_address> unix_address(std::string_view path) {
  sockaddr_un un{};
  if (path.empty() || path.size() >= sizeof un.sun_path)
    return fail(error_code::invalid_input,
                "the socket path \"" + std::string(path) + "\" must have 1 to " +
                    std::to_string(sizeof un.sun_path - 1) + " bytes",
                "choose a shorter folder");
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  socket_address out;
  std::memcpy(&out.storage, &un, sizeof un);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return out;
}

std::string to_string(socket_address const& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET) {
    auto const in = as_v4(address);
    ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  } else if (address.family() == AF_INET6) {
    auto const in = as_v6(address);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
  } else {
    return "unix";
  }
  return to_string(host_and_port{text.data(), address.port()});
}

bool is_loopback(socket_address const& address) {
  if (address.family() == AF_INET) return (ntohl(as_v4(address).sin_addr.s_addr) >> 24) == 127;
  if (address.family() != AF_INET6) return address.family() == AF_UNIX;
  auto const in = as_v6(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&in)) return in.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&in);
}

result<host_and_port> parse_host_and_port(std::string_view text, std::uint16_t default_port) {
  auto const bad = [text] {
    return fail(error_code::invalid_input, "\"" + std::string(text) + "\" is not an address",
                "write host:port, for example 127.0.0.1:8060 or [::1]:8060");
  };
  host_and_port out{.host = std::string(text), .port = default_port};
  std::string_view port;
  if (text.starts_with('[')) {
    auto const end = text.find(']');
    if (end == std::string_view::npos) return bad();
    out.host = text.substr(1, end - 1);
    auto const rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return bad();
    port = rest;
  } else if (auto const colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
    out.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty()) {
    port.remove_prefix(1);
    auto const number = parse_number<std::uint16_t>(port);
    if (!number) return bad();
    out.port = *number;
  }
  if (out.host.empty()) return bad();
  return out;
}

std::string to_string(host_and_port const& address) {
  bool const brackets = address.host.find(':') != std::string::npos;
  return (brackets ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  auto const found = numeric_addresses(host, 0);
  return !found.empty() && is_loopback(found.front());
}

} // namespace paddler
