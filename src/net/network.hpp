// The network as the shell uses it: it is the kernel's, unless a simulation stands in for it (sim/).
#pragma once
#include "net/transport.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace paddler {

// Where connections come in. Lives on one executor; closed by its destructor.
class acceptor {
public:
  acceptor() = default;
  virtual ~acceptor() = default;
  acceptor(acceptor const&) = delete;
  acceptor& operator=(acceptor const&) = delete;

  // The next connection, however long it takes. Null when closed or cancelled.
  virtual task<std::unique_ptr<transport>> accept() = 0;

  virtual void close() noexcept = 0;

  [[nodiscard]] virtual std::string const& address() const = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0; // 0 for Unix sockets
  [[nodiscard]] virtual bool is_loopback() const = 0;
};

// Places are "HOST:PORT" or "unix:PATH". Errors are those of connect_tcp, connect_unix and listener.
class network {
public:
  network() = default;
  virtual ~network() = default;
  network(network const&) = delete;
  network& operator=(network const&) = delete;

  virtual task<result<std::unique_ptr<transport>>> connect(std::string place, duration limit) = 0;
  virtual result<std::unique_ptr<acceptor>> listen(asio::any_io_executor const& executor, std::string const& place) = 0;
};

// Null: the kernel's.
network* stand_in_network();

// For the thread that calls it; null gives the kernel's back. The network outlives its use.
void set_stand_in_network(network* stand_in);

} // namespace paddler
