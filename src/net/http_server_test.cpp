#include "net/http_server.hpp"
#include "net/test_support.hpp"
#include "runtime/log.hpp"
#include "runtime/race.hpp"
#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"
#include "runtime/wakeup.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace paddler {
namespace {

using namespace std::chrono_literals;

task<> say_path(http_exchange& exchange) {
  co_await exchange.respond(200, {{"Content-Type", "text/plain"}}, exchange.head().path);
}

std::string get(std::string const& path, std::string const& more = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n";
}

std::string const last = "Connection: close\r\n";

std::size_t count(std::string const& text, std::string const& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(http_server, one_connection_serves_many_requests_pipelined_or_not) {
  served s(say_path);
  auto const answers = s.run(talk(s.port, get("/a") + get("/b") + get("/c", last)));
  EXPECT_EQ(count(answers, "HTTP/1.1 200 OK\r\n"), 3U) << answers;
  EXPECT_LT(answers.find("\r\n\r\n/a"), answers.find("\r\n\r\n/b"));
  EXPECT_TRUE(answers.ends_with("\r\n\r\n/c"));
}

task<std::string> byte_by_byte(std::uint16_t port, std::string bytes) {
  auto client = co_await raw_client::connect(port);
  for (char const c : bytes) {
    co_await client.send({&c, 1});
    co_await let_others_run();
  }
  co_return co_await client.read_to_end();
}

task<> echo_body(http_exchange& exchange) {
  auto const body = co_await exchange.read_body();
  if (!body)
    co_await exchange.respond_error(body.error());
  else
    co_await exchange.respond(200, {}, *body);
}

TEST(http_server, requests_may_come_in_single_bytes) {
  served s(echo_body);
  auto const answer =
      s.run(byte_by_byte(s.port, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                 "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nabcde")) << answer;
}

TEST(http_server, head_and_http_1_0_and_statuses_without_body) {
  served s([](http_exchange& exchange) -> task<> {
    co_await exchange.respond(exchange.head().path == "/none" ? 204 : 200, {}, "body");
  });
  auto const head = s.run(talk(s.port, "HEAD / HTTP/1.1\r\nHost: x\r\n" + last + "\r\n"));
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_TRUE(s.run(talk(s.port, "GET / HTTP/1.0\r\n\r\n")).ends_with("\r\n\r\nbody"));
  auto const kept = s.run(talk(s.port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(count(kept, "Connection: keep-alive"), 1U);
  EXPECT_EQ(count(kept, "HTTP/1.1 200"), 2U);
}

task<> stream_three(http_exchange& exchange) {
  co_await exchange.start_stream(200, {{"Content-Type", "text/event-stream"}});
  std::array<asio::const_buffer, 2> const pieces{asio::buffer("one", 3), asio::buffer("two", 3)};
  co_await exchange.write_chunk(pieces);
  co_await exchange.write_chunk("");
  std::vector<asio::const_buffer> const many(100, asio::buffer("x", 1));
  co_await exchange.write_chunk(many);
  co_await exchange.finish_stream();
}

TEST(http_server, streams_are_chunked_and_end_the_connection_for_http_1_0) {
  served s(stream_three);
  auto const chunked = s.run(talk(s.port, get("/", last)));
  EXPECT_TRUE(chunked.ends_with("\r\n\r\n6\r\nonetwo\r\n64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n")) << chunked;
  auto const plain = s.run(talk(s.port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_TRUE(plain.ends_with("\r\n\r\nonetwo" + std::string(100, 'x'))) << plain;
  EXPECT_NE(plain.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(s.run(talk(s.port, "HEAD / HTTP/1.1\r\nHost: x\r\n" + last + "\r\n")).ends_with("\r\n\r\n"));
}

TEST(http_server, what_a_handler_forgets_becomes_an_honest_answer) {
  log_configure({.to_stderr = false});
  served s([](http_exchange& exchange) -> task<> {
    if (exchange.head().path == "/throws") throw std::runtime_error("on purpose");
    if (exchange.head().path == "/half") {
      co_await exchange.start_stream(200, {});
      co_await exchange.write_chunk("half");
    }
    if (exchange.head().path == "/twice") {
      EXPECT_TRUE(co_await exchange.respond(200, {{"Bad", "a\r\nInjected: 1"}}, "once"));
      EXPECT_FALSE(co_await exchange.respond(200, {}, "again"));
    }
  });
  EXPECT_TRUE(s.run(talk(s.port, get("/", last))).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(s.run(talk(s.port, get("/throws", last))).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(s.run(talk(s.port, get("/half"))).ends_with("4\r\nhalf\r\n")) << "cut off, not ended";
  auto const twice = s.run(talk(s.port, get("/twice", last)));
  EXPECT_TRUE(twice.ends_with("once"));
  EXPECT_EQ(twice.find("Injected"), std::string::npos);
  log_configure({});
}

TEST(http_server, request_ids_are_kept_or_made) {
  served s(say_path);
  EXPECT_NE(s.run(talk(s.port, get("/", last + "X-Request-Id: mine-1\r\n"))).find("X-Request-Id: mine-1\r\n"),
            std::string::npos);
  auto const made = s.run(talk(s.port, get("/", last + "X-Request-Id: " + std::string(129, 'a') + "\r\n")));
  EXPECT_NE(made.find("X-Request-Id: req_"), std::string::npos) << made;
}

task<std::string> send_after_continue(std::uint16_t port) {
  auto client = co_await raw_client::connect(port);
  co_await client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n" + last + "\r\n");
  auto const interim = co_await client.read_until("\r\n\r\n");
  EXPECT_EQ(interim, "HTTP/1.1 100 Continue\r\n\r\n");
  co_await client.send("body");
  co_return co_await client.read_to_end();
}

TEST(http_server, continue_is_said_when_the_body_is_wanted) {
  served s(echo_body);
  EXPECT_TRUE(s.run(send_after_continue(s.port)).ends_with("\r\n\r\nbody"));
  served refusing(say_path);
  auto const refused = refusing.run(talk(refusing.port, "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                                        "Content-Length: 4\r\n\r\n"));
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 200 ")) << refused;
  EXPECT_NE(refused.find("Connection: close"), std::string::npos) << "the body was not read";
}

TEST(http_server, large_bodies_arrive_whole_and_the_limit_is_told_while_they_come) {
  http_server_config config;
  config.limits.body_bytes = 3'000'000;
  std::size_t seen = 0;
  served s(
      [&seen](http_exchange& exchange) -> task<> {
        seen = 0;
        return [](http_exchange& e, std::size_t* bytes) -> task<> {
          auto const body = co_await e.read_body(0, [bytes](std::string_view piece) { *bytes += piece.size(); });
          if (!body)
            co_await e.respond_error(body.error());
          else
            co_await e.respond(200, {}, std::to_string(body->size()));
        }(exchange, &seen);
      },
      config);
  std::string const head = "POST / HTTP/1.1\r\nHost: x\r\n" + last;
  auto const fits = s.run(talk(s.port, head + "Content-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'x')));
  EXPECT_TRUE(fits.ends_with("\r\n\r\n3000000")) << fits;
  EXPECT_EQ(seen, 3'000'000U);
  auto const announced = s.run(talk(s.port, head + "Content-Length: 3000001\r\n\r\n" + std::string(3'000'001, 'x')));
  EXPECT_TRUE(announced.starts_with("HTTP/1.1 413 ")) << announced;
  EXPECT_EQ(seen, 0U);
  std::string chunks;
  for (int i = 0; i < 40; ++i) chunks += "186a0\r\n" + std::string(100'000, 'y') + "\r\n";
  auto const chunked = s.run(talk(s.port, head + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n"));
  EXPECT_TRUE(chunked.starts_with("HTTP/1.1 413 ")) << chunked;
  EXPECT_LE(seen, 3'000'000U);
}

TEST(http_server, slow_heads_and_silent_bodies_time_out) {
  http_server_config config;
  config.limits.head_timeout = 20ms;
  config.limits.body_silence = 20ms;
  config.limits.idle_timeout = 20ms;
  served s(echo_body, config);
  EXPECT_TRUE(s.run(talk(s.port, "GET / HTTP/1.1\r\nHo")).starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(s.run(talk(s.port, "")), "");
  EXPECT_TRUE(
      s.run(talk(s.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")).starts_with("HTTP/1.1 408 "));
  auto const kept = s.run(talk(s.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"));
  EXPECT_TRUE(kept.ends_with("\r\n\r\nab")) << "an idle connection is closed without a word";
}

// One byte at a time, for as long as the server takes them.
task<std::string> drip(std::uint16_t port) {
  auto client = co_await raw_client::connect(port);
  co_await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  task_group group(co_await asio::this_coro::executor, "test");
  group.spawn("drip", [](raw_client* to) -> task<> {
    // lint: allow(test-wait) the pace is what is tested
    while (co_await to->send("x") && co_await sleep_for(1ms)) {
    }
  }(&client));
  auto answer = co_await client.read_until("\r\n\r\n");
  group.cancel();
  co_await group.join();
  co_return answer;
}

TEST(http_server, a_body_in_drops_is_given_up) {
  http_server_config config;
  config.limits.body_silence = 50ms;
  config.limits.body_rate = 1'000'000;
  served s(echo_body, config);
  EXPECT_TRUE(s.run(drip(s.port)).starts_with("HTTP/1.1 408 "));
}

// A handler that waits for its client to go, and notes how that ended.
struct gone_watch {
  bool started = false;
  bool gone = false;
};

task<> watch_client(http_exchange& exchange, gone_watch* watch) {
  watch->started = true;
  watch->gone = !co_await run_unless(sleep_until_cancelled_or(1h), exchange.wait_client_gone());
}

task<> ask_and_leave(std::uint16_t port, gone_watch* watch, bool half_close) {
  auto client = co_await raw_client::connect(port);
  co_await client.send(get("/"));
  co_await eventually([&] { return watch->started; });
  if (half_close)
    client.stream().finish_writing();
  else
    client.stream().close();
  co_await eventually([&] { return watch->gone; });
}

TEST(http_server, a_client_that_leaves_ends_the_work) {
  for (bool const half_close : {false, true}) {
    gone_watch watch;
    served s([&watch](http_exchange& exchange) { return watch_client(exchange, &watch); });
    s.run(ask_and_leave(s.port, &watch, half_close));
    EXPECT_TRUE(watch.gone);
  }
}

// A connection handed over: what the client sent behind the request is not lost.
task<> take_and_echo(http_exchange& exchange) {
  auto taken = co_await exchange.switch_protocols("echo");
  if (!taken) co_return;
  raw_client peer(std::move(taken->stream));
  co_await peer.send(taken->initial_bytes);
  co_await peer.send(co_await peer.read_until("!"));
}

task<std::string> upgrade_and_talk(std::uint16_t port) {
  auto client = co_await raw_client::connect(port);
  co_await client.send(get("/", "Connection: upgrade\r\nUpgrade: echo\r\n") + "early ");
  auto const head = co_await client.read_until("\r\n\r\n");
  co_await client.send("late!");
  co_return head + co_await client.read_to_end();
}

TEST(http_server, an_upgraded_connection_is_handed_over_with_its_first_bytes) {
  served s(take_and_echo);
  auto const answer = s.run(upgrade_and_talk(s.port));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"))
      << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nearly late!")) << answer;
}

task<std::string> both_ends(event_loop* loop) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  http_service service;
  service.handler = say_path;
  task_group group(loop->executor(), "test");
  group.spawn("serve", serve_connection(adopt_socket(loop->executor(), fds[0], "far"), get("/first"),
                                        std::make_shared<http_service const>(std::move(service))));
  raw_client client(adopt_socket(loop->executor(), fds[1], "near"));
  co_await client.send(get("/second", last));
  auto answers = co_await client.read_to_end();
  co_await group.join();
  co_return answers;
}

TEST(http_server, any_connection_can_be_served) {
  event_loop loop;
  auto const answers = loop.run_until_done(both_ends(&loop));
  EXPECT_EQ(count(answers, "HTTP/1.1 200"), 2U);
  EXPECT_TRUE(answers.ends_with("/second"));
}

TEST(http_server, above_its_limit_connections_are_turned_away) {
  log_configure({.to_stderr = false});
  http_server_config config;
  config.connection_limit = 1;
  served s(say_path, config);
  auto first = s.run(raw_client::connect(s.port));
  s.run([](raw_client* client) -> task<> {
    co_await client->send(get("/"));
    co_await client->read_until("\r\n\r\n/");
  }(&first));
  EXPECT_TRUE(s.run(talk(s.port, "")).starts_with("HTTP/1.1 503 "));
  log_configure({});
}

struct stop_observation {
  bool busy_began = false;
  std::string idle = "not ended";
  std::string busy = {};
};

// One idle and one busy connection while the server stops; the busy one's answer is released afterwards.
task<> stop_with_connections(served* s, bool* may_answer, wakeup* changed, duration polite, stop_observation* seen) {
  auto idle = co_await raw_client::connect(s->port);
  co_await idle.send(get("/quick"));
  co_await idle.read_until("\r\n\r\n/quick");
  auto busy = co_await raw_client::connect(s->port);
  co_await busy.send(get("/slow"));
  co_await eventually([&] { return seen->busy_began; });
  task_group group(co_await asio::this_coro::executor, "test");
  group.spawn("stop", s->server.stop(polite));
  seen->idle = co_await idle.read_to_end();
  if (polite > 1s) *may_answer = true;
  changed->notify_all();
  seen->busy = co_await busy.read_to_end();
  co_await group.join();
}

TEST(http_server, stopping_closes_idle_connections_and_waits_for_busy_ones) {
  for (duration const polite : {duration(1h), duration(5ms)}) {
    bool may_answer = false;
    stop_observation seen;
    std::unique_ptr<wakeup> changed;
    served s([&](http_exchange& exchange) -> task<> {
      return [](http_exchange& e, bool* may, bool* began, wakeup* wait) -> task<> {
        *began = e.head().path == "/slow";
        while (e.head().path == "/slow" && !*may) {
          if (!co_await wait->wait()) co_return;
        }
        co_await e.respond(200, {}, e.head().path);
      }(exchange, &may_answer, &seen.busy_began, changed.get());
    });
    changed = std::make_unique<wakeup>(s.loop.executor());
    s.run(stop_with_connections(&s, &may_answer, changed.get(), polite, &seen));
    EXPECT_EQ(seen.idle, "");
    if (polite > 1s)
      EXPECT_TRUE(seen.busy.ends_with("\r\n\r\n/slow")) << seen.busy;
    else
      EXPECT_EQ(seen.busy, "");
    EXPECT_EQ(s.server.connections(), 0U);
    changed.reset();
  }
}

task<> open_and_close(served* s, int connections) {
  for (int i = 0; i < connections; ++i) {
    auto client = co_await raw_client::connect(s->port);
    if (i % 3 == 0) continue;
    co_await client.send(get("/"));
    if (i % 3 == 1) co_await client.read_until("\r\n\r\n/");
  }
  co_await eventually([&] { return s->server.connections() == 0; });
}

TEST(http_server, a_thousand_connections_leave_no_descriptor) {
  served s(say_path);
  s.run(open_and_close(&s, 10));
  auto const before = open_descriptors();
  s.run(open_and_close(&s, 1000));
  EXPECT_EQ(open_descriptors(), before);
}

} // namespace
} // namespace paddler
