#include "net/http_client.hpp"
#include "net/test_support.hpp"
#include "runtime/task_group.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>
#include <new>

// How often the whole program allocated. Sanitizers have allocators of their own: under them it stays 0.
namespace {

std::size_t allocations = 0;

} // namespace

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size)) return memory; // NOLINT: this is the allocator
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); } // NOLINT

void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); } // NOLINT
#endif

namespace paddler {
namespace {

using namespace std::chrono_literals;

// A server that says fixed bytes, then closes if told to: for answers that ours would never give.
struct scripted_peer {
  explicit scripted_peer(event_loop& loop) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    http_client_config config;
    config.limits.head_timeout = test_patience;
    client = std::make_unique<http_connection>(adopt_socket(loop.executor(), fds[0], "peer"), "", config);
    peer = std::make_unique<raw_client>(adopt_socket(loop.executor(), fds[1], "client"));
  }

  std::unique_ptr<http_connection> client;
  std::unique_ptr<raw_client> peer;
};

struct exchange_result {
  int status = 0;
  std::string body = {};
  std::optional<error_code> failure = {};
  bool reusable = false;
};

task<exchange_result> ask(scripted_peer* with, std::string method, std::string answer, bool then_close) {
  exchange_result out;
  auto const sent = co_await with->client->send(method, "/x", {{"A", "b"}}, "");
  EXPECT_TRUE(sent.has_value());
  co_await with->peer->read_until("\r\n\r\n");
  co_await with->peer->send(answer);
  if (then_close) with->peer->stream().close();
  auto const head = co_await with->client->read_head();
  if (!head) {
    out.failure = head.error().code;
    co_return out;
  }
  out.status = (*head)->status;
  auto body = co_await with->client->read_body(1000);
  if (body)
    out.body = *body;
  else
    out.failure = body.error().code;
  out.reusable = with->client->reusable();
  co_return out;
}

struct answer_case {
  char const* name;
  char const* method;
  std::string answer;
  int status;
  std::string body;
  std::optional<error_code> failure;
  bool reusable;
  bool then_close = true;
};

std::vector<answer_case> answers() {
  std::string const ok = "HTTP/1.1 200 OK\r\n";
  std::string const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  return {
      {"length", "GET", ok + "Content-Length: 2\r\n\r\nhi", 200, "hi", {}, true, false},
      {"chunks", "GET", chunked + "2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", 200, "hi!", {}, true, false},
      {"close asked for", "GET", ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", {}, false},
      {"until the end", "GET", "HTTP/1.0 200 OK\r\n\r\nall of it", 200, "all of it", {}, false},
      {"interim answers",
       "GET",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n",
       200,
       "",
       {},
       true,
       false},
      {"HEAD", "HEAD", ok + "Content-Length: 5\r\n\r\n", 200, "", {}, true, false},
      {"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", {}, true, false},
      {"bytes behind the answer", "GET", ok + "Content-Length: 2\r\n\r\nhi there", 200, "hi", {}, false},
      {"cut off by length", "GET", ok + "Content-Length: 5\r\n\r\nhi", 200, "", error_code::closed, false},
      {"cut off within a chunk", "GET", chunked + "5\r\nhi", 200, "", error_code::closed, false},
      {"cut off between chunks", "GET", chunked + "2\r\nhi\r\n", 200, "", error_code::closed, false},
      {"cut off before the last line", "GET", chunked + "2\r\nhi\r\n0\r\n", 200, "", error_code::closed, false},
      {"cut off within the head", "GET", ok + "Content-Le", 0, "", error_code::closed, false},
      {"no answer", "GET", "", 0, "", error_code::closed, false},
      {"no HTTP", "GET", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, "", error_code::protocol, false},
      {"bad chunk", "GET", chunked + "zz\r\nhi", 200, "", error_code::protocol, false},
      {"length beside chunks", "GET", ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "",
       error_code::protocol, false},
      {"too long", "GET", ok + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'), 200, "", error_code::too_large,
       false},
  };
}

TEST(http_client, tells_complete_answers_from_cut_off_ones) {
  for (auto const& each : answers()) {
    event_loop loop;
    scripted_peer with(loop);
    auto const got = loop.run_until_done(ask(&with, each.method, each.answer, each.then_close));
    EXPECT_EQ(got.status, each.status) << each.name;
    EXPECT_EQ(got.body, each.body) << each.name;
    EXPECT_EQ(got.failure, each.failure) << each.name;
    EXPECT_EQ(got.reusable, each.reusable) << each.name;
  }
}

task<> echo(http_exchange& exchange) {
  auto const body = co_await exchange.read_body();
  if (body) co_await exchange.respond(200, {{"Content-Type", "text/plain"}}, *body);
}

task<int> ask_often(std::uint16_t port, int times) {
  http_connection connection((co_await connect_tcp("127.0.0.1", port, test_patience)).value());
  int answered = 0;
  for (int i = 0; i < times; ++i) {
    auto const text = std::to_string(i);
    auto const sent = co_await connection.send("POST", "/", {}, text);
    auto const head = co_await connection.read_head();
    auto const body = co_await connection.read_body(100);
    if (sent && head && body == text && connection.reusable()) ++answered;
  }
  co_return answered;
}

TEST(http_client, one_connection_carries_many_requests) {
  served s(echo);
  EXPECT_EQ(s.run(ask_often(s.port, 100)), 100);
}

task<result<http_answer>> fetch(std::uint16_t port) {
  auto stream = co_await connect_tcp("127.0.0.1", port, test_patience);
  std::vector<std::pair<std::string, std::string>> headers{{"X-Request-Id", "r"}};
  http_client_config const config;
  co_return co_await http_fetch(std::move(*stream), config, "POST", "/", std::move(headers), "hello", 100);
}

TEST(http_client, fetch_is_one_call) {
  served s(echo);
  auto const answer = s.run(fetch(s.port));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->content_type, "text/plain");
  EXPECT_EQ(answer->body, "hello");
}

// The balancer's hot path: an engine's stream relayed to a client, token by token.
struct relay_state {
  std::unique_ptr<http_connection> upstream;
  std::size_t relayed = 0;
};

task<> relay(http_exchange& exchange, relay_state* state) {
  auto& upstream = *state->upstream;
  co_await upstream.send("GET", "/", {}, "");
  auto const head = co_await upstream.read_head();
  co_await exchange.start_stream(static_cast<unsigned>((*head)->status), {{"Content-Type", "text/event-stream"}});
  for (;;) {
    auto const piece = co_await upstream.read_body_some();
    if (!piece) co_return exchange.abort();
    std::array<asio::const_buffer, 1> const out{asio::buffer(piece->data(), piece->size())};
    if (upstream.body_done()) break;
    if (!co_await exchange.write_chunk(out)) co_return;
    ++state->relayed;
  }
  co_await exchange.finish_stream();
}

struct relay_measure {
  std::string received = {};
  std::size_t allocations_per_token_x100 = 0;
};

// Sends a token, waits until it came through, and so on: each token is one wake-up of the relay.
task<relay_measure> stream_through(std::uint16_t port, raw_client* engine, int tokens) {
  relay_measure out;
  auto client = co_await raw_client::connect(port);
  co_await client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  co_await engine->read_until("\r\n\r\n");
  co_await engine->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  co_await client.read_until("\r\n\r\n");
  std::array<char, 256> piece{};
  std::array<asio::const_buffer, 1> const token{asio::buffer("9\r\ndata: x\n\n\r\n", 14)};
  std::size_t before = 0;
  for (int i = 0; i < tokens + 100; ++i) {
    if (i == 100) before = allocations;
    co_await engine->stream().write(token);
    auto const got = co_await client.stream().read_some(asio::buffer(piece));
    EXPECT_EQ(std::string_view(piece.data(), got.n), "9\r\ndata: x\n\n\r\n");
  }
  out.allocations_per_token_x100 = (allocations - before) * 100 / static_cast<std::size_t>(tokens);
  co_await engine->send("0\r\n\r\n");
  out.received = co_await client.read_to_end();
  co_return out;
}

TEST(http_client, relaying_a_stream_allocates_nothing_per_token) {
  relay_state state;
  served s([&state](http_exchange& exchange) { return relay(exchange, &state); });
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  state.upstream = std::make_unique<http_connection>(adopt_socket(s.loop.executor(), fds[0], "engine"));
  raw_client engine(adopt_socket(s.loop.executor(), fds[1], "relay"));
  auto const measured = s.run(stream_through(s.port, &engine, 1000));
  EXPECT_EQ(measured.received, "0\r\n\r\n");
  EXPECT_EQ(state.relayed, 1100U);
  EXPECT_TRUE(state.upstream->reusable());
  EXPECT_LT(measured.allocations_per_token_x100, 5U);
  state.upstream.reset();
}

} // namespace
} // namespace paddler
