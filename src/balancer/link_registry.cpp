#include "balancer/link_registry.hpp"

#include "runtime/log.hpp"
#include "runtime/race.hpp"

namespace paddler {

task<> link_registry::serve(http_exchange& exchange, agent_id agent) {
  if (!is_websocket_upgrade(exchange.head())) {
    co_await exchange.respond_error(426, "An agent's link is a WebSocket.", {{"Upgrade", "websocket"}});
    co_return;
  }
  auto connection = exchange.upgrade();
  auto const executor = connection.stream->executor();
  auto socket = co_await websocket::accept(std::move(connection), exchange.head());
  if (!socket) co_return;
  link_id const link{++links_opened_};
  auto const opened = std::make_shared<open_link>(*socket, executor);
  links_.emplace(link, opened);
  log_debug("link.opened", "an agent dialled", {{"agent", agent.value}, {"link", link.value}});
  co_await run_unless(read(link, opened, agent), wait_for_close(opened));
  links_.erase(link);
  core_.apply(link_closed{link});
  if (listeners.ended) listeners.ended(link);
  co_await socket->close(websocket_code::normal, opened->close_reason.value_or(""));
}

task<> link_registry::wait_for_close(std::shared_ptr<open_link> link) {
  while (!link->close_reason)
    if (!co_await link->closing.wait()) co_return;
}

task<> link_registry::read(link_id link, std::shared_ptr<open_link> opened, agent_id agent) {
  for (;;) {
    auto const text = co_await opened->socket->read();
    if (!text) {
      log_info("link.closed", text.error().message, {{"agent", agent.value}, {"link", link.value}});
      co_return;
    }
    auto message = opened->end.decode(*text);
    if (!message) {
      auto const wrong = describe(message.error());
      log_warn("link.malformed", wrong, {{"agent", agent.value}, {"link", link.value}});
      close(link, wrong);
      co_return;
    }
    if (message->message)
      take(link, agent, std::move(*message->message));
    else
      log_debug("link.unknown_message", "a newer agent sent a type that is not known here", {{"type", message->type}});
  }
}

void link_registry::take(link_id link, agent_id const& agent, agent_message message) {
  if (auto const* answer = std::get_if<link_answer>(&message); answer && listeners.answered)
    listeners.answered(link, *answer);
  auto* hello = std::get_if<link_hello>(&message);
  if (!hello) return core_.apply(link_spoke{link, std::move(message)});
  hello->agent = agent; // the address is what counts
  core_.apply(link_greeted{link, std::move(*hello)});
}

void link_registry::send(link_id link, balancer_message const& message) {
  auto const at = links_.find(link);
  if (at == links_.end()) return;
  auto& opened = *at->second;
  opened.socket->send(opened.end.encode(message));
}

std::optional<link_view> link_registry::traffic(link_id link) const {
  auto const at = links_.find(link);
  return at == links_.end() ? std::nullopt : std::optional(at->second->end.traffic());
}

void link_registry::close(link_id link, std::string const& reason) {
  auto const at = links_.find(link);
  if (at == links_.end() || at->second->close_reason) return;
  log_info("link.closing", reason, {{"link", link.value}});
  at->second->close_reason = reason;
  at->second->closing.notify_all();
}

void link_registry::close_all(std::string const& reason) {
  auto const all = links_;
  for (auto const& [link, opened] : all) close(link, reason);
}

} // namespace paddler
