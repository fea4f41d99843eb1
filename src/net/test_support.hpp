// What the tests of net share: a server on a free port, and a client that sends and reads raw bytes.
#pragma once
#include "net/http_server.hpp"
#include "net/listener.hpp"
#include "net/transport.hpp"
#include "runtime/clock.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/timer.hpp"

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace paddler {

inline constexpr auto test_patience = std::chrono::seconds(20);

// Lets whatever else is ready on this loop run.
// lint: allow(test-wait) no time passes
inline task<> let_others_run() { co_await sleep_for(duration::zero()); }

// Looks again and again until the condition holds; a test that waits longer than test_patience fails.
inline task<> eventually(std::function<bool()> condition) {
  auto const deadline = mono_now() + test_patience;
  while (!condition()) {
    if (mono_now() >= deadline) throw std::runtime_error("what the test waited for did not happen");
    // lint: allow(test-wait) the pause between two looks
    if (!co_await sleep_for(std::chrono::milliseconds(1))) co_return;
  }
}

// A client's end of a connection, byte by byte.
class raw_client {
public:
  static task<raw_client> connect(std::uint16_t port) {
    auto stream = co_await connect_tcp("127.0.0.1", port, test_patience);
    stream.value()->set_deadline(test_patience);
    co_return raw_client(std::move(*stream));
  }

  explicit raw_client(std::unique_ptr<transport> stream) : stream_(std::move(stream)) {}

  task<bool> send(std::string_view bytes) {
    std::array<asio::const_buffer, 1> const one{asio::buffer(bytes)};
    auto const sent = co_await stream_->write(one);
    co_return !sent.ec;
  }

  // Everything up to the end of the stream.
  task<std::string> read_to_end() {
    while (co_await read_more()) {
    }
    co_return std::exchange(received_, {});
  }

  // Up to and with `mark`; everything when the stream ends before.
  task<std::string> read_until(std::string mark) {
    for (;;) {
      auto const at = received_.find(mark);
      if (at != std::string::npos) {
        auto out = received_.substr(0, at + mark.size());
        received_.erase(0, out.size());
        co_return out;
      }
      if (!co_await read_more()) co_return std::exchange(received_, {});
    }
  }

  transport& stream() { return *stream_; }

  std::unique_ptr<transport> release() { return std::move(stream_); }

private:
  task<bool> read_more() {
    std::array<char, 4096> piece{};
    auto const got = co_await stream_->read_some(asio::buffer(piece));
    received_.append(piece.data(), got.n);
    co_return !got.ec;
  }

  std::unique_ptr<transport> stream_;
  std::string received_;
};

// A loop with one server on it.
struct served {
  explicit served(http_handler handler, http_server_config config = {})
      : server(loop.executor(), std::move(config), std::move(handler)) {
    auto from = listener::tcp(loop.executor(), "127.0.0.1", 0).value();
    port = from.port();
    server.start(std::move(from));
  }

  ~served() { loop.run_until_done(server.stop(std::chrono::seconds(0))); }

  template <class T> T run(task<T> client) { return loop.run_until_done(std::move(client)); }

  void run(task<> client) { loop.run_until_done(std::move(client)); }

  event_loop loop;
  std::uint16_t port = 0;
  http_server server;
};

// Sends `bytes` on a connection of its own and gives all that comes back.
inline task<std::string> talk(std::uint16_t port, std::string bytes) {
  auto client = co_await raw_client::connect(port);
  co_await client.send(bytes);
  co_return co_await client.read_to_end();
}

inline std::size_t open_descriptors() {
  std::filesystem::directory_iterator const all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace paddler
