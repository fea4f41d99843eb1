// Waiting for connections, on TCP or on a Unix socket.
#pragma once
#include "net/transport.hpp"
#include "runtime/log.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <memory>

namespace paddler {

// Lives on one executor. Closed by its destructor; a Unix socket's file goes with it.
class listener {
public:
  // `host` is an IP address or "localhost"; port 0 takes a free one. Errors say what to do: address in use, not ours,
  // no permission.
  static result<listener> tcp(asio::any_io_executor const& executor, std::string const& host, std::uint16_t port);

  // A socket file that only this user may open. A stale file of a process that is gone is replaced, a live one is not.
  static result<listener> unix_socket(asio::any_io_executor const& executor, std::string path);

  listener(listener&&) noexcept;
  listener& operator=(listener&&) = delete;
  ~listener();

  // The next connection, however long it takes: out of descriptors or memory it logs, waits, and tries again. Null when
  // closed or cancelled.
  task<std::unique_ptr<transport>> accept();

  void close() noexcept;

  // Where it listens, with the true port: "127.0.0.1:8061", "unix:/run/paddler.sock".
  [[nodiscard]] std::string const& address() const { return address_; }

  [[nodiscard]] std::uint16_t port() const { return port_; } // 0 for Unix sockets

  [[nodiscard]] bool is_loopback() const { return loopback_; } // Unix sockets are

private:
  listener(asio::posix::stream_descriptor descriptor, std::string address, std::uint16_t port, bool loopback,
           std::string unlink_path);

  task<bool> wait_after(int code);

  asio::posix::stream_descriptor descriptor_;
  std::string address_;
  std::uint16_t port_;
  bool loopback_;
  std::string unlink_path_; // empty: nothing to remove
  log_limiter shortage_{std::chrono::seconds(1)};
};

} // namespace paddler
