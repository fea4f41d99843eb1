// Waiting for connections, on TCP or on a Unix socket.
#pragma once
#include "net/network.hpp"

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

  explicit listener(std::unique_ptr<acceptor> from) : from_(std::move(from)) {}

  // The next connection, however long it takes: out of descriptors or memory it logs, waits, and tries again. Null when
  // closed or cancelled.
  task<std::unique_ptr<transport>> accept() { return from_->accept(); }

  void close() noexcept { from_->close(); }

  // Where it listens, with the true port: "127.0.0.1:8061", "unix:/run/paddler.sock".
  [[nodiscard]] std::string const& address() const { return from_->address(); }

  [[nodiscard]] std::uint16_t port() const { return from_->port(); } // 0 for Unix sockets

  [[nodiscard]] bool is_loopback() const { return from_->is_loopback(); } // Unix sockets are

private:
  std::unique_ptr<acceptor> from_;
};

} // namespace paddler
