#include "net/host_guard.hpp"

#include "base/text.hpp"
#include "net/socket_address.hpp"

#include <algorithm>
#include <memory>

namespace paddler {
namespace {

// Without port and brackets; empty when malformed.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    auto const end = authority.find(']');
    if (end == std::string_view::npos) return {};
    auto const rest = authority.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return {};
    return authority.substr(1, end - 1);
  }
  auto const colon = authority.find(':');
  if (colon != std::string_view::npos && authority.find_first_not_of("0123456789", colon + 1) != std::string_view::npos)
    return {};
  return authority.substr(0, colon);
}

bool changes_something(http_head const& head) {
  return head.upgrade || (head.method != "GET" && head.method != "HEAD" && head.method != "OPTIONS");
}

} // namespace

bool host_guard::is_own_host(std::string_view authority) const {
  auto const host = to_lower(host_of(authority));
  if (host.empty()) return false;
  if (std::ranges::any_of(config_.names, [&](auto const& name) { return equals_ignoring_case(name, host); }))
    return true;
  auto const addresses = numeric_addresses(host, 0);
  if (addresses.empty()) return false;
  return !config_.loopback || is_loopback(addresses.front());
}

bool host_guard::is_allowed_origin(std::string_view origin, std::string_view authority) const {
  for (auto const& allowed : config_.origins) {
    if (allowed == "*" || equals_ignoring_case(allowed, origin)) return true;
  }
  auto const scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) return false;
  auto const scheme = origin.substr(0, scheme_end);
  return (scheme == "http" || scheme == "https") && equals_ignoring_case(origin.substr(scheme_end + 3), authority);
}

std::optional<http_error> host_guard::check(http_head const& head) const {
  bool const old_client = head.version == 10 && head.authority.empty(); // no browser
  if (!old_client && !is_own_host(head.authority))
    return http_error{421, "this server does not go by the name in Host: use its address, or configure the name"};
  auto const origin = head.header("Origin");
  if (!origin.empty() && changes_something(head) && !is_allowed_origin(origin, head.authority))
    return http_error{403, "pages of this origin may not use this server: configure the origin if they should"};
  return std::nullopt;
}

namespace {

struct guard_and_next {
  host_guard guard;
  http_handler next;
};

task<> serve_guarded(std::shared_ptr<guard_and_next const> both, http_exchange& exchange) {
  auto const refusal = both->guard.check(exchange.head());
  if (refusal)
    co_await exchange.respond_error(refusal->status, refusal->detail);
  else
    co_await both->next(exchange);
}

} // namespace

http_handler guarded(host_guard guard, http_handler next) {
  auto both = std::make_shared<guard_and_next const>(guard_and_next{std::move(guard), std::move(next)});
  return [both](http_exchange& exchange) { return serve_guarded(both, exchange); };
}

} // namespace paddler
