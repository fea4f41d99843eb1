// What `bench/http/run` measures: src/net alone, without balancer or engine.
//
//   paddler_http_bench PORT                 GET /plain: 256 bytes; GET /sse: 1,000 events as fast as they are taken
//   paddler_http_bench PORT UPSTREAM_PORT   the same paths, relayed from there over kept connections
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/sse.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/log.hpp"
#include "runtime/process.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace paddler {
namespace {

constexpr int events_per_stream = 1000;

task<> serve_plain(http_exchange& exchange) {
  static std::string const body(256, 'x');
  co_await exchange.respond(200, {{"Content-Type", "text/plain"}}, body);
}

task<> serve_sse(http_exchange& exchange) {
  static std::string const event = sse_data(
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"tok"}}]})");
  if (!co_await exchange.start_stream(200, {{"Content-Type", "text/event-stream"}})) co_return;
  for (int i = 0; i < events_per_stream; ++i) {
    if (!co_await exchange.write_chunk(event)) co_return;
  }
  co_await exchange.finish_stream();
}

task<> serve(http_exchange& exchange) {
  if (exchange.head().path == "/sse") return serve_sse(exchange);
  return serve_plain(exchange);
}

// Kept connections to the upstream, used one request at a time.
struct upstream_pool {
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<http_connection>> idle = {};

  task<std::unique_ptr<http_connection>> take() {
    if (idle.empty()) {
      auto stream = co_await connect_tcp("127.0.0.1", port, std::chrono::seconds(5));
      co_return std::make_unique<http_connection>(std::move(stream).value());
    }
    auto connection = std::move(idle.back());
    idle.pop_back();
    co_return connection;
  }
};

task<> relay(http_exchange& exchange, upstream_pool* pool) {
  auto upstream = co_await pool->take();
  auto const sent = co_await upstream->send("GET", exchange.head().target, {}, "");
  auto const head = co_await upstream->read_head();
  if (!sent || !head) co_return;
  co_await exchange.start_stream(200, {{"Content-Type", (*head)->header("Content-Type")}});
  for (;;) {
    auto const piece = co_await upstream->read_body_some();
    if (!piece) co_return;
    std::array<asio::const_buffer, 1> const out{asio::buffer(piece->data(), piece->size())};
    if (upstream->body_done()) {
      co_await exchange.finish_stream(out);
      break;
    }
    if (!co_await exchange.write_chunk(out)) co_return;
  }
  if (upstream->reusable()) pool->idle.push_back(std::move(upstream));
}

task<> run_until_signal(event_loop* loop, std::uint16_t port, std::uint16_t upstream_port) {
  upstream_pool pool{.port = upstream_port};
  http_handler const handler =
      upstream_port == 0 ? http_handler(serve) : [&pool](http_exchange& exchange) { return relay(exchange, &pool); };
  http_server server(loop->executor(), {}, handler);
  server.start(listener::tcp(loop->executor(), "127.0.0.1", port).value());
  co_await loop->next_stop_signal();
  co_await server.stop(std::chrono::seconds(1));
}

} // namespace
} // namespace paddler

int main(int count, char** arguments) {
  if (count < 2) {
    std::fputs("usage: paddler_http_bench PORT [UPSTREAM_PORT]\n", stderr);
    return 2;
  }
  auto const port = static_cast<std::uint16_t>(std::atoi(arguments[1]));
  auto const upstream = static_cast<std::uint16_t>(count > 2 ? std::atoi(arguments[2]) : 0);
  paddler::raise_open_file_limit();
  paddler::event_loop loop;
  loop.run_until_done(paddler::run_until_signal(&loop, port, upstream));
}
