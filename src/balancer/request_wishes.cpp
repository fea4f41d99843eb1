#include "balancer/request_wishes.hpp"

#include "balancer/idempotent_answers.hpp"
#include "base/text.hpp"
#include "wire/document_node.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace paddler {
namespace {

constexpr std::uint64_t longest_patience_ms = 24ULL * 60 * 60 * 1000;

// No key and no address is kept, only this.
std::uint64_t digest_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

client_key client_of(http_head const& head, std::string_view peer) {
  for (std::string_view name : {"authorization", "x-api-key"})
    if (auto const key = head.header(name); !key.empty()) return client_key{digest_of(key)};
  return client_key{digest_of(peer.substr(0, peer.rfind(':')))}; // each connection has a port of its own
}

result<request_class> class_of(std::string_view said) {
  if (said.empty() || equals_ignoring_case(said, "default")) return request_class::normal;
  if (equals_ignoring_case(said, "interactive")) return request_class::interactive;
  if (equals_ignoring_case(said, "bulk")) return request_class::bulk;
  return fail(error_code::invalid_input,
              "the header X-Paddler-Priority is `" + clipped(said) + "`; there is interactive, default and bulk");
}

// Whole seconds or parts of one, as in "600" and "2.5".
std::optional<duration> seconds_of(std::string_view said) {
  auto const seconds = parse_number<double>(said);
  if (!seconds || !(*seconds > 0) || *seconds * 1000 > static_cast<double>(longest_patience_ms)) return std::nullopt;
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(*seconds));
}

} // namespace

result<request_wishes> read_wishes(http_head const& head, std::string_view peer, priority_trust trust) {
  request_wishes out;
  out.client = client_of(head, peer);
  auto const level = class_of(head.header("x-paddler-priority"));
  if (!level) return std::unexpected(level.error());
  bool const is_raised = *level == request_class::interactive;
  out.level = is_raised && trust == priority_trust::lower_only ? request_class::normal : *level;
  if (auto const session = head.header("x-session-id"); !session.empty()) out.session = digest_of(session);
  out.idempotency_key = head.header("idempotency-key");
  if (out.idempotency_key.size() > max_idempotency_key)
    return fail(error_code::invalid_input, "the header Idempotency-Key has " +
                                               std::to_string(out.idempotency_key.size()) + " bytes; at most " +
                                               std::to_string(max_idempotency_key) + " are allowed");
  out.patience = seconds_of(head.header("x-stainless-timeout"));
  auto const said = head.header("x-paddler-deadline-ms");
  if (said.empty()) return out;
  auto const milliseconds = parse_number<std::uint64_t>(said);
  if (!milliseconds || *milliseconds == 0 || *milliseconds > longest_patience_ms)
    return fail(error_code::invalid_input, "the header X-Paddler-Deadline-Ms is `" + clipped(said) +
                                               "`; it is a number of milliseconds, at least 1 and at most a day");
  out.patience = std::chrono::milliseconds(*milliseconds);
  return out;
}

} // namespace paddler
