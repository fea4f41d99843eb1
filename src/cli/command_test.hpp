// What the tests of commands share: a server of their own, and a console whose words they read.
#pragma once
#include "cli/console.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"
#include "net/transport.hpp"
#include "runtime/event_loop.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <cstdint>
#include <latch>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

namespace paddler {

// Serves on a thread of its own while it lives: commands block the test's.
class test_server {
public:
  explicit test_server(http_handler handler) : server_(loop_.executor(), {}, std::move(handler)) {
    auto from = listener::tcp(loop_.executor(), "127.0.0.1", 0).value();
    port_ = from.port();
    server_.start(std::move(from));
    std::latch running(1); // stop() says nothing to a loop that does not run yet
    asio::post(loop_.executor(), [&] { running.count_down(); });
    thread_ = std::jthread([this] { loop_.run(); });
    running.wait();
  }

  ~test_server() {
    loop_.stop();
    thread_.join();
    loop_.run_until_done(server_.stop(std::chrono::seconds(0)));
  }

  test_server(test_server const&) = delete;
  test_server& operator=(test_server const&) = delete;

  [[nodiscard]] host_and_port address() const { return {"127.0.0.1", port_}; }

private:
  event_loop loop_;
  std::uint16_t port_ = 0;
  http_server server_;
  std::jthread thread_;
};

struct test_console {
  explicit test_console(std::string input = {}) : in(std::move(input)) {}

  [[nodiscard]] std::string said() const { return out.str(); }

  [[nodiscard]] std::string noted() const { return err.str(); }

  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  console terminal{.in = in, .out = out, .err = err};
};

// An address at which nobody listens.
inline host_and_port deserted_address() {
  event_loop loop;
  auto const gone = listener::tcp(loop.executor(), "127.0.0.1", 0).value();
  return {"127.0.0.1", gone.port()};
}

} // namespace paddler
