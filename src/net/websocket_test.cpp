#include "net/test_support.hpp"
#include "net/websocket.hpp"
#include "runtime/task_group.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using namespace std::chrono_literals;

// What the server's side of a test saw.
struct server_side {
  std::vector<std::string> received = {};
  std::optional<websocket_end> ended = {};
  websocket_limits limits = {};
  bool reads = true;
};

task<> echo(http_exchange& exchange, server_side* seen) {
  if (!is_websocket_upgrade(exchange.head())) {
    co_await exchange.respond_error(426, "this path speaks WebSocket");
    co_return;
  }
  auto taken = exchange.upgrade();
  auto socket = co_await websocket::accept(std::move(taken), exchange.head(), seen->limits, "echo");
  if (!socket) co_return;
  while (seen->reads) {
    auto message = co_await socket->read();
    if (!message) break;
    seen->received.push_back(*message);
    socket->send(std::move(*message));
  }
  if (!seen->reads) co_await eventually([&] { return socket->ended().has_value(); });
  seen->ended = socket->ended();
}

struct echo_server : served {
  explicit echo_server(server_side& seen)
      : served([&seen](http_exchange& exchange) { return echo(exchange, &seen); }) {}
};

task<result<websocket>> dial(std::uint16_t port, websocket_limits limits) {
  auto stream = co_await connect_tcp("127.0.0.1", port, test_patience);
  std::vector<std::pair<std::string, std::string>> const headers{{"X-Agent", "a1"}};
  co_return co_await websocket::connect(std::move(*stream), "localhost", "/link", headers, limits);
}

task<result<websocket>> dial(std::uint16_t port) {
  websocket_limits const usual;
  co_return co_await dial(port, usual);
}

task<std::vector<std::string>> talk_and_close(std::uint16_t port) {
  auto socket = co_await dial(port);
  std::vector<std::string> out;
  std::vector<std::string> const messages{"hello", "", std::string(1'000'000, 'x'), "ü"};
  for (auto const& each : messages) EXPECT_TRUE(socket->send(each));
  for (std::size_t i = 0; i < messages.size(); ++i) {
    auto answer = co_await socket->read();
    out.push_back(answer.value_or("none"));
  }
  co_await socket->close(websocket_code::normal, "done");
  EXPECT_FALSE(socket->send("late"));
  EXPECT_EQ((co_await socket->read()).error().code, error_code::closed);
  co_return out;
}

task<> wait_until_ended(server_side* seen) {
  co_await eventually([seen] { return seen->ended.has_value(); });
}

TEST(websocket, messages_go_both_ways_and_closing_is_heard) {
  server_side seen;
  echo_server s(seen);
  auto const answers = s.run(talk_and_close(s.port));
  EXPECT_EQ(answers, seen.received);
  EXPECT_EQ(answers.size(), 4U);
  s.run(wait_until_ended(&seen));
  EXPECT_EQ(seen.ended->code, websocket_code::normal);
  EXPECT_EQ(seen.ended->reason, "done");
}

task<websocket_end> send_too_much(std::uint16_t port) {
  websocket_limits limits;
  limits.outgoing_bytes = 64 * 1024 * 1024;
  limits.outgoing_messages = 20;
  limits.handshake = 50ms; // the peer will not say goodbye
  auto socket = co_await dial(port, limits);
  bool sent = true;
  for (int i = 0; i < 100 && sent; ++i) {
    sent = socket->send(std::string(1'000'000, 'x'));
    co_await let_others_run();
  }
  EXPECT_FALSE(sent);
  EXPECT_FALSE(socket->send("more"));
  co_await eventually([&] { return socket->ended().has_value(); });
  co_return *socket->ended();
}

TEST(websocket, a_peer_that_does_not_read_is_given_up) {
  server_side seen;
  seen.reads = false;
  seen.limits.incoming_messages = 1;
  echo_server s(seen);
  EXPECT_EQ(s.run(send_too_much(s.port)).code, websocket_code::try_again_later);
}

task<websocket_end> send_too_large(std::uint16_t port) {
  auto socket = co_await dial(port);
  socket->send(std::string(1001, 'x'));
  EXPECT_EQ((co_await socket->read()).error().code, error_code::closed);
  co_return *socket->ended();
}

TEST(websocket, a_message_above_the_limit_ends_the_connection) {
  server_side seen;
  seen.limits.message_bytes = 1000;
  echo_server s(seen);
  auto const end = s.run(send_too_large(s.port));
  s.run(wait_until_ended(&seen));
  EXPECT_EQ(end.code, websocket_code::too_big);
  EXPECT_EQ(seen.ended->code, websocket_code::too_big);
  EXPECT_TRUE(seen.received.empty());
}

std::string const upgrade_request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

struct raw_case {
  char const* name;
  std::string frames;
  int code; // of the close frame that answers
};

// Masked with a zero key, so that the payload can be read here.
std::string frame(unsigned char first, std::string const& payload) {
  std::string out{static_cast<char>(first), static_cast<char>(0x80 | payload.size())};
  return out + std::string(4, '\0') + payload;
}

int close_code_in(std::string const& answer) {
  auto const at = answer.find("\r\n\r\n") + 4;
  auto const close = answer.find('\x88', at);
  if (close == std::string::npos || close + 3 >= answer.size()) return 0;
  return static_cast<unsigned char>(answer[close + 2]) * 256 + static_cast<unsigned char>(answer[close + 3]);
}

TEST(websocket, broken_peers_get_the_code_that_fits) {
  std::vector<raw_case> const cases{
      {"close is answered", frame(0x88, std::string("\x03\xe8", 2)), 1000},
      {"binary message", frame(0x82, "x"), 1003},
      {"not masked", std::string("\x81\x01x", 3), 1002},
      {"reserved bit", frame(0xc1, "x"), 1002},
      {"unknown opcode", frame(0x83, "x"), 1002},
      {"broken UTF-8", frame(0x81, "\xff"), 1007},
      {"continuation of nothing", frame(0x80, "x"), 1002},
      {"fragmented ping", frame(0x09, "x"), 1002},
      {"close with one byte", frame(0x88, "x"), 1002},
      {"close with a code that must not be sent", frame(0x88, std::string("\x03\xed", 2)), 1002},
  };
  for (auto const& each : cases) {
    server_side seen;
    seen.limits.handshake = 100ms;
    echo_server s(seen);
    auto const answer = s.run(talk(s.port, upgrade_request + each.frames));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << each.name << answer;
    EXPECT_NE(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), std::string::npos) << answer;
    EXPECT_NE(answer.find("Sec-WebSocket-Protocol: echo\r\n"), std::string::npos) << answer;
    EXPECT_EQ(close_code_in(answer), each.code) << each.name;
  }
}

TEST(websocket, fragments_and_pings_between_them_make_one_message) {
  server_side seen;
  echo_server s(seen);
  auto const answer = s.run(talk(s.port, upgrade_request + frame(0x01, "he") + frame(0x89, "ping") +
                                             frame(0x80, "llo") + frame(0x88, std::string("\x03\xe8", 2))));
  EXPECT_EQ(seen.received, std::vector<std::string>{"hello"});
  EXPECT_NE(answer.find("\x8a\x04ping"), std::string::npos) << "the pong";
}

TEST(websocket, a_refused_upgrade_says_with_which_status) {
  served s([](http_exchange& exchange) -> task<> { co_await exchange.respond(403, {}, "no"); });
  auto const refused = s.run(dial(s.port));
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("403"), std::string::npos) << refused.error().message;
  server_side seen;
  echo_server plain(seen);
  EXPECT_TRUE(plain.run(talk(plain.port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
                  .starts_with("HTTP/1.1 426 "));
}

task<bool> silence_is_noticed(std::uint16_t port) {
  auto client = co_await raw_client::connect(port);
  co_await client.send(upgrade_request);
  auto const answer = co_await client.read_to_end(); // the ping is not answered
  co_return answer.find("\r\n\r\n\x89") != std::string::npos;
}

TEST(websocket, a_silent_peer_is_pinged_and_then_given_up) {
  server_side seen;
  seen.limits.idle = 40ms;
  echo_server s(seen);
  EXPECT_TRUE(s.run(silence_is_noticed(s.port)));
  s.run(wait_until_ended(&seen));
  EXPECT_EQ(seen.ended->code, 0);
}

task<result<std::string>> read_one(websocket* socket) { co_return co_await socket->read(); }

task<std::string> cancelled_read_loses_nothing(std::uint16_t port) {
  auto socket = co_await dial(port);
  task_group group(co_await asio::this_coro::executor, "test");
  std::optional<error_code> code;
  group.spawn("read", [](websocket* from, std::optional<error_code>* out) -> task<> {
    auto const got = co_await from->read();
    if (!got) *out = got.error().code;
  }(&*socket, &code));
  group.cancel();
  co_await group.join();
  EXPECT_EQ(code, error_code::cancelled);
  socket->send("still here");
  co_return (co_await read_one(&*socket)).value_or("lost");
}

TEST(websocket, a_cancelled_read_loses_nothing) {
  server_side seen;
  echo_server s(seen);
  EXPECT_EQ(s.run(cancelled_read_loses_nothing(s.port)), "still here");
}

} // namespace
} // namespace paddler
