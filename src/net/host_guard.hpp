// Against web pages that reach for a server behind their visitor's back: DNS rebinding (Host) and cross-site requests
// (Origin). No substitute for keys.
#pragma once
#include "net/http_server.hpp"
#include "net/http_types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct host_guard_config {
  bool loopback = true;                  // the listener is on loopback: then only loopback names are its own
  std::vector<std::string> names = {};   // further names that this server goes by, without port
  std::vector<std::string> origins = {}; // further origins whose pages may write: "https://ui.example.org"; "*": all
};

// Host must be a loopback name (localhost, 127.0.0.0/8, ::1), or on other listeners any IP address, or one of `names`;
// the port does not matter. Else 421. An Origin, where a request changes something or upgrades the connection, must be
// this server's own or one of `origins`. Else 403.
class host_guard {
public:
  explicit host_guard(host_guard_config config) : config_(std::move(config)) {}

  // What to refuse the request with; nothing when it may pass.
  [[nodiscard]] std::optional<http_error> check(http_head const& head) const;

private:
  [[nodiscard]] bool is_own_host(std::string_view authority) const;
  [[nodiscard]] bool is_allowed_origin(std::string_view origin, std::string_view authority) const;

  host_guard_config config_;
};

// `next` behind the guard.
http_handler guarded(host_guard guard, http_handler next);

} // namespace paddler
