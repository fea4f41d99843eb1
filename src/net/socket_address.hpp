// Socket addresses of the kernel, and text.
#pragma once
#include "base/result.hpp"

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] sockaddr const* get() const { return reinterpret_cast<sockaddr const*>(&storage); }

  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }

  [[nodiscard]] int family() const { return storage.ss_family; }

  [[nodiscard]] std::uint16_t port() const; // 0 where there is none
};

// An IP address as text gives one; "localhost" both loopback addresses; anything else none.
std::vector<socket_address> numeric_addresses(std::string_view host, std::uint16_t port);

// Fails when the path is too long for the kernel (107 bytes).
result<socket_address> unix_address(std::string_view path);

// "127.0.0.1:80", "[::1]:80", "unix".
std::string to_string(socket_address const& address);

bool is_loopback(socket_address const& address);

} // namespace paddler
