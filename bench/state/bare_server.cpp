#include "bench/state/bare_server.hpp"

#include "base/deadline_queue.hpp"
#include "base/text.hpp"
#include "net/http_server.hpp"
#include "net/router.hpp"
#include "net/websocket.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"
#include "wire/link_codec.hpp"

#include <chrono>
#include <map>
#include <string>

namespace paddler {
namespace {

constexpr std::uint64_t heartbeat_milliseconds = 1000;
constexpr auto heartbeat = std::chrono::milliseconds(heartbeat_milliseconds);
constexpr auto clock_resolution = std::chrono::milliseconds(20);
constexpr std::size_t connection_limit = 100'000;

std::size_t number_of(http_exchange const& exchange, std::string_view name) {
  return parse_number<std::size_t>(exchange.head().query_param(name).value_or("0")).value_or(0);
}

class bare_service {
public:
  std::vector<route> routes() {
    return {{"GET", "/management/v1/agents/{agent}/link", "open_link", 0,
             [this](http_exchange& exchange) { return serve_link(exchange); }},
            {"POST", "/send", "send", 0, [this](http_exchange& exchange) { return send(exchange); }},
            {"GET", "/healthz", "healthz", 0, [](http_exchange& exchange) { return answer(exchange); }}};
  }

  task<> beat() {
    while (co_await sleep_for(clock_resolution)) {
      auto const now = mono_now();
      for (auto const& agent : due_.take_due(now)) {
        due_.set(agent, now + heartbeat);
        links_.at(agent)->send(encode_balancer_message(link_heartbeat{++beats_}));
      }
    }
  }

private:
  static task<> answer(http_exchange& exchange) {
    std::vector<header_view> const headers = {{"Content-Type", "text/plain"}};
    co_await exchange.respond(200, headers, "ok\n");
  }

  task<> serve_link(http_exchange& exchange) {
    std::string const agent(exchange.param("agent"));
    auto socket = co_await websocket::accept(exchange.upgrade(), exchange.head());
    if (!socket) co_return;
    socket->send(encode_balancer_message(link_welcome{epoch{1}, heartbeat_milliseconds}));
    links_[agent] = &*socket;
    due_.set(agent, mono_now() + heartbeat);
    while (co_await socket->read()) {
    }
    links_.erase(agent);
    due_.erase(agent);
  }

  // POST /send?first=5&every=10: the body goes to every tenth agent in order of their names, from the sixth.
  task<> send(http_exchange& exchange) {
    auto const body = co_await exchange.read_body();
    auto const first = number_of(exchange, "first");
    auto const every = std::max<std::size_t>(number_of(exchange, "every"), 1);
    std::size_t place = 0;
    for (auto const& [agent, socket] : links_) {
      if (body && place >= first && (place - first) % every == 0) socket->send(*body);
      ++place;
    }
    co_await answer(exchange);
  }

  std::map<std::string, websocket*> links_; // each owned by the task that serves it
  deadline_queue<std::string> due_;
  std::uint64_t beats_ = 0;
};

} // namespace

task<> run_bare_server(event_loop* loop, std::string address) {
  auto const where = parse_host_and_port(address, 0).value();
  bare_service service;
  http_server server(loop->executor(), {.name = "bare", .connection_limit = connection_limit},
                     routed(router(service.routes())));
  auto doors = listener::tcp(loop->executor(), where.host, where.port).value();
  log_info("balancer.listening", "bare server", {{"management", doors.address()}});
  server.start(std::move(doors));
  task_group tasks(loop->executor(), "bare");
  tasks.spawn("heartbeats", service.beat());
  co_await loop->next_stop_signal();
  tasks.cancel();
  co_await tasks.join();
  co_await server.stop(std::chrono::seconds(1));
}

} // namespace paddler
