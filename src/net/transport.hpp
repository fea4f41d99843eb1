// The only byte stream that the program knows: TCP and Unix sockets today, TLS behind the same interface.
//
// Everything of one transport happens on one executor (one thread). At most one read and one write are under way at a
// time, from a coroutine or by handler.
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "runtime/task.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/buffer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace paddler {

using io_handler = asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;

class transport {
public:
  virtual ~transport() = default;

  // Reads what is there, at least one byte. `eof` when the peer finished writing, `timed_out` when the deadline passed,
  // `operation_aborted` when the task is (or was already) cancelled or the transport was closed.
  virtual task<io_result> read_some(asio::mutable_buffer into) = 0;

  // Writes all of it, in one system call where the kernel takes it; the bytes must live until then. A cancelled task
  // may still write what the kernel takes at once: enough for last words, and never waits.
  virtual task<io_result> write(std::span<asio::const_buffer const> buffers) = 0;

  // The same for Beast's WebSocket codec. The handler runs through the executor, never inside the call.
  virtual void async_read_some(std::span<asio::mutable_buffer const> buffers, io_handler handler) = 0;
  virtual void async_write_some(std::span<asio::const_buffer const> buffers, io_handler handler) = 0;

  // From now on operations under way and later ones end with `timed_out` once `limit` has passed, until a new deadline
  // is set or it is cleared. Progress within one write renews it. Cheap enough for every read: it only notes the time.
  virtual void set_deadline(duration limit) = 0;
  virtual void clear_deadline() = 0;

  // Calls `gone` once, through the executor, when the peer closed, half-closed or reset the connection, while nobody
  // reads it; also when it was closed here. Bytes that arrive meanwhile stay unread. One watch at a time:
  // a new one takes its place. Costs no task.
  virtual void watch_peer(std::move_only_function<void()> gone) = 0;

  // From now on `gone` is not called any more.
  virtual void unwatch_peer() noexcept = 0;

  // The same for a task: also returns when that is cancelled.
  task<> wait_peer_closed();

  // Whether that is so now, as far as it is known here: before bytes that find no room in the buffers nobody sees an
  // end.
  [[nodiscard]] virtual bool peer_gone() = 0;

  // No more writing; the peer reads to the end and sees a clean one.
  virtual void finish_writing() noexcept = 0;

  // Ends all operations with an error. Idempotent.
  virtual void close() noexcept = 0;

  [[nodiscard]] virtual std::string const& peer() const = 0; // "127.0.0.1:5030", "unix"
  [[nodiscard]] virtual asio::any_io_executor executor() = 0;
};

// Watches for as long as it lives. The transport must outlive it, or be taken elsewhere.
class peer_watch {
public:
  peer_watch(transport& stream, std::move_only_function<void()> gone) : stream_(stream) {
    stream_.watch_peer(std::move(gone));
  }

  peer_watch(peer_watch const&) = delete;
  peer_watch& operator=(peer_watch const&) = delete;

  ~peer_watch() { stream_.unwatch_peer(); }

private:
  transport& stream_;
};

// A connected socket's descriptor as a transport, which owns it from now on.
std::unique_ptr<transport> adopt_socket(asio::any_io_executor const& executor, int descriptor, std::string peer);

// Dials, within `limit` over all addresses that the name has. Numeric addresses and "localhost" need no resolver;
// other names are resolved off the loop.
task<result<std::unique_ptr<transport>>> connect_tcp(std::string host, std::uint16_t port, duration limit);
task<result<std::unique_ptr<transport>>> connect_unix(std::string path, duration limit);

struct host_and_port {
  std::string host = {};
  std::uint16_t port = 0;
};

// "host:port", "[::1]:port", "host" (which takes the default port).
result<host_and_port> parse_host_and_port(std::string_view text, std::uint16_t default_port);

// The other way round, with brackets where they are needed.
std::string to_string(host_and_port const& address);

// Whether the text is an IP address of this machine only, or "localhost".
bool is_loopback_host(std::string_view host);

} // namespace paddler
