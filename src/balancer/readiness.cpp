#include "balancer/readiness.hpp"

#include "base/text.hpp"

namespace paddler {
namespace {

struct readiness {
  unsigned status = 200;
  std::string text;
};

readiness look(core_service const& core, std::size_t slots_wanted) {
  if (core.storage_failed()) return {503, "not ready: the state database cannot be written; see the log\n"};
  auto const slots = core.core().requests().count().slots;
  if (slots >= slots_wanted) return {200, "ok\n"};
  return {503, "not ready: " + std::to_string(slots) + " of " + std::to_string(slots_wanted) + " slots are there\n"};
}

} // namespace

task<> answer_readiness(http_exchange& exchange, core_service& core) {
  auto const text = exchange.head().query_param("slots").value_or("0");
  auto const wanted = parse_number<std::size_t>(text);
  if (!wanted) {
    co_await exchange.respond_error(400, "slots must be a whole number, as in /readyz?slots=1.");
    co_return;
  }
  auto const answer = look(core, *wanted);
  std::vector<header_view> const headers = {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}};
  co_await exchange.respond(answer.status, headers, answer.text);
}

task<> answer_health(http_exchange& exchange) {
  std::vector<header_view> const headers = {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}};
  co_await exchange.respond(200, headers, "ok\n");
}

} // namespace paddler
