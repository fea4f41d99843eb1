// What the agent's tests share: a balancer and an engine whose every step the test takes by hand.
#pragma once
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"
#include "net/test_support.hpp"
#include "net/websocket.hpp"
#include "runtime/async_queue.hpp"
#include "runtime/race.hpp"
#include "wire/link_codec.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace paddler {

inline constexpr std::size_t test_queue = 1024;
inline constexpr std::size_t test_body_limit = std::size_t{1} << 20;

// The work's result; a test that waits in vain fails by exception instead of for ever.
template <class T> task<T> in_time(task<T> work) {
  auto out = co_await with_deadline(test_patience, std::move(work));
  if (!out) throw std::runtime_error("the test waited in vain");
  co_return std::move(*out);
}

inline task<> in_time(task<> work) {
  if (!co_await with_deadline(test_patience, std::move(work))) throw std::runtime_error("the test waited in vain");
}

template <class T> task<T> next_of(async_queue<T>& queue) {
  auto out = co_await in_time(queue.pop());
  if (!out) throw std::runtime_error("a queue of the test was closed");
  co_return std::move(*out);
}

// Lets the other tasks of the loop run.
inline task<> next_turn() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

// A balancer's end of a slot connection.
struct open_slot {
  open_slot() = default;

  std::string target; // of the request that opened it
  std::string process;
  std::string version;
  std::string model;
  std::string engine;
  std::string resumes;
  std::string identity;
  std::unique_ptr<http_connection> connection;

  task<> send(std::string path, std::string body = "{}") {
    std::vector<header_view> const headers{{"Content-Type", "application/json"},
                                           {"X-Request-Id", "req_test"},
                                           {"Authorization", "Bearer secret"},
                                           {"X-Paddler-Version", version}};
    co_await connection->send("POST", path, headers, body);
  }

  // The status of the answer, 0 when the agent broke off.
  task<int> status() {
    auto const head = co_await in_time(connection->read_head());
    if (!head) co_return 0;
    refused = (*head)->header("X-Paddler-Refused");
    co_return (*head)->status;
  }

  // The next bytes of the answer; "cut off" where it broke.
  task<std::string> piece() {
    auto const bytes = co_await in_time(connection->read_body_some());
    if (!bytes) co_return "cut off";
    co_return std::string(bytes->begin(), bytes->end());
  }

  task<std::string> rest() {
    auto const bytes = co_await in_time(connection->read_body(test_body_limit));
    co_return bytes.value_or("cut off");
  }

  std::string refused; // X-Paddler-Refused of the newest answer
};

using open_slot_ptr = std::unique_ptr<open_slot>;

// A server whose requests wait until the test answers them.
struct held_request {
  held_request(http_exchange& exchange_in, asio::any_io_executor const& executor)
      : exchange(exchange_in), released(executor) {}

  http_exchange& exchange;
  std::string body;
  wakeup released;
  bool done = false;

  void release() {
    done = true;
    released.notify_all();
  }
};

class held_server {
public:
  held_server(asio::any_io_executor executor, listener from)
      : requests(executor, test_queue, on_overflow::reject_new),
        server_(executor, {.name = "test"}, [this](http_exchange& exchange) { return hold(exchange); }) {
    server_.start(std::move(from));
  }

  async_queue<std::shared_ptr<held_request>> requests;

  task<> stop() { co_await server_.stop(duration{}); }

  [[nodiscard]] std::size_t connections() const { return server_.connections(); }

private:
  task<> hold(http_exchange& exchange) {
    auto const held = std::make_shared<held_request>(exchange, co_await asio::this_coro::executor);
    held->body = (co_await exchange.read_body()).value_or("");
    requests.push(held);
    while (!held->done)
      if (!co_await held->released.wait()) co_return;
  }

  http_server server_;
};

// A balancer's end of a link. Destroying it drops the connection.
struct open_link {
  explicit open_link(websocket socket_in, std::string path_in)
      : socket(std::move(socket_in)), path(std::move(path_in)) {}

  websocket socket;
  std::string path;

  void say(balancer_message const& message) { socket.send(encode_balancer_message(message)); }

  void welcome(std::uint64_t leader, std::chrono::milliseconds heartbeat = std::chrono::seconds(1)) {
    say(link_welcome{{leader}, static_cast<std::uint64_t>(heartbeat.count())});
  }

  void apply(applicable_state wanted) { say(link_apply{{1}, std::move(wanted)}); }

  void refuse_for_good(std::string reason) { say(link_refuse{std::move(reason), false}); }

  // The next message of that kind; what comes before it is passed over.
  template <class Message> task<Message> next() {
    for (;;) {
      auto const text = co_await in_time(socket.read());
      if (!text) throw std::runtime_error("the agent closed the link: " + text.error().message);
      auto decoded = decode_agent_message(*text).value().message.value();
      if (auto* message = std::get_if<Message>(&decoded)) co_return std::move(*message);
    }
  }
};

using open_link_ptr = std::unique_ptr<open_link>;

// Takes what agents open; the rest the test does by hand.
class test_balancer {
public:
  explicit test_balancer(asio::any_io_executor executor, std::uint16_t wanted_port = 0)
      : links(executor, test_queue, on_overflow::reject_new),
        slots(executor, test_queue, on_overflow::reject_new),
        server_(executor, {.name = "balancer"}, [this](http_exchange& exchange) { return take(exchange); }) {
    auto from = listener::tcp(executor, "127.0.0.1", wanted_port).value();
    port = from.port();
    server_.start(std::move(from));
  }

  std::uint16_t port = 0;
  async_queue<open_link_ptr> links;
  async_queue<open_slot_ptr> slots;
  bool refuses_slots = false;
  int refused_slots = 0;

  task<open_link_ptr> next_link() { return next_of(links); }

  task<open_slot_ptr> next_slot() { return next_of(slots); }

  task<> stop() { co_await server_.stop(duration{}); }

private:
  task<> take(http_exchange& exchange) {
    return is_websocket_upgrade(exchange.head()) ? take_link(exchange) : take_slot(exchange);
  }

  task<> take_link(http_exchange& exchange) {
    auto taken = exchange.upgrade();
    auto socket = co_await websocket::accept(std::move(taken), exchange.head());
    if (socket) links.push(std::make_unique<open_link>(std::move(*socket), std::string(exchange.head().path)));
  }

  task<> take_slot(http_exchange& exchange) {
    auto const& head = exchange.head();
    if (refuses_slots) {
      ++refused_slots;
      co_await exchange.respond_error(409, "unknown process");
      co_return;
    }
    auto slot = std::make_unique<open_slot>();
    slot->target = std::string(head.method) + " " + std::string(head.target);
    slot->process = head.header("X-Paddler-Process");
    slot->version = head.header("X-Paddler-Version");
    slot->model = head.header("X-Paddler-Model");
    slot->engine = head.header("X-Paddler-Engine");
    slot->resumes = head.header("X-Paddler-Resumes");
    slot->identity = head.header("X-Paddler-Identity");
    auto taken = co_await exchange.switch_protocols("paddler-slot/1");
    if (!taken) co_return;
    slot->connection = std::make_unique<http_connection>(std::move(taken->stream), std::move(taken->initial_bytes));
    slots.push(std::move(slot));
  }

  http_server server_;
};

} // namespace paddler
