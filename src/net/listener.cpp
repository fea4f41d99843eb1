#include "net/listener.hpp"

#include "net/socket_address.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/owned_descriptor.hpp"
#include "runtime/timer.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace paddler {
namespace {

constexpr int backlog = 4096; // the kernel lowers it to net.core.somaxconn
constexpr auto shortage_pause = std::chrono::milliseconds(100);

std::string hint_for(int code) {
  switch (code) {
  case EADDRINUSE: return "another process has this address: stop it, or choose another port";
  case EACCES: return "ports below 1024 need privileges: choose a higher one";
  case EADDRNOTAVAIL: return "this machine has no such address: give one of its own, or 127.0.0.1";
  default: return {};
  }
}

std::unexpected<error> could_not_listen(std::string const& where, int code) {
  return fail(code == EADDRINUSE ? error_code::conflict : error_code::unavailable,
              "could not listen on " + where + ": " + std::strerror(code), hint_for(code));
}

// Bound and listening, or the errno.
std::expected<int, int> listening_socket(socket_address const& address) {
  owned_descriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return std::unexpected(errno);
  int const on = 1;
  if (address.family() != AF_UNIX) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.size) != 0) return std::unexpected(errno);
  if (::listen(fd.get(), backlog) != 0) return std::unexpected(errno);
  return fd.release();
}

socket_address bound_address(int fd) {
  socket_address out;
  out.size = sizeof out.storage;
  ::getsockname(fd, out.get(), &out.size);
  return out;
}

// A socket file whose process is gone refuses connections.
bool is_stale(socket_address const& address) {
  owned_descriptor const probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED;
}

void set_options_of_tcp(int fd) {
  int const on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

bool is_shortage(int code) { return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM; }

class socket_acceptor final : public acceptor {
public:
  socket_acceptor(asio::any_io_executor const& executor, int descriptor, std::string address)
      : descriptor_(executor, descriptor), address_(std::move(address)) {}

  ~socket_acceptor() override { socket_acceptor::close(); }

  task<std::unique_ptr<transport>> accept() override;
  void close() noexcept override;

  [[nodiscard]] std::string const& address() const override { return address_; }

  [[nodiscard]] std::uint16_t port() const override { return port_; }

  [[nodiscard]] bool is_loopback() const override { return loopback_; }

  void on_port(std::uint16_t port, bool loopback) {
    port_ = port;
    loopback_ = loopback;
  }

  void with_file(std::string path) { unlink_path_ = std::move(path); }

private:
  task<bool> wait_after(int code);

  asio::posix::stream_descriptor descriptor_;
  std::string address_;
  std::uint16_t port_ = 0;
  bool loopback_ = true;
  std::string unlink_path_; // empty: nothing to remove
  log_limiter shortage_{std::chrono::seconds(1)};
};

task<std::unique_ptr<transport>> socket_acceptor::accept() {
  for (;;) {
    if (!descriptor_.is_open() || is_cancelled(co_await asio::this_coro::cancellation_state)) co_return nullptr;
    socket_address from;
    from.size = sizeof from.storage;
    int const fd = ::accept4(descriptor_.native_handle(), from.get(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      if (from.family() != AF_UNIX) set_options_of_tcp(fd);
      co_return adopt_socket(descriptor_.get_executor(), fd, to_string(from));
    }
    if (!co_await wait_after(errno)) co_return nullptr;
  }
}

// Waits for what the failed accept lacked. False when the listener is closed or the task cancelled.
task<bool> socket_acceptor::wait_after(int code) {
  if (code == EAGAIN) {
    auto const [ec] = co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    co_return !ec;
  }
  if (!is_shortage(code)) co_return true; // the peer gave up before it was accepted
  if (shortage_.allow(mono_now()))
    log_error("net.accept_failed", "no connection can be accepted",
              {{"address", address_}, {"reason", std::strerror(code)}, {"suppressed", shortage_.suppressed()}});
  co_return co_await sleep_for(shortage_pause);
}

void socket_acceptor::close() noexcept {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  if (!unlink_path_.empty()) ::unlink(std::exchange(unlink_path_, {}).c_str());
}

result<listener> listener_on(result<std::unique_ptr<acceptor>> made) {
  if (!made) return std::unexpected(std::move(made).error());
  return listener(std::move(*made));
}

} // namespace

result<listener> listener::tcp(asio::any_io_executor const& executor, std::string const& host, std::uint16_t port) {
  auto const where = to_string(host_and_port{host, port});
  if (auto* const simulated = stand_in_network()) return listener_on(simulated->listen(executor, where));
  auto const addresses = numeric_addresses(host, port);
  if (addresses.empty())
    return fail(error_code::invalid_input, "cannot listen on \"" + host + "\"",
                "give an IP address of this machine, or localhost");
  auto const fd = listening_socket(addresses.front());
  if (!fd) return could_not_listen(where, fd.error());
  auto const bound = bound_address(*fd);
  auto made = std::make_unique<socket_acceptor>(executor, *fd, to_string(bound));
  made->on_port(bound.port(), paddler::is_loopback(bound));
  return listener(std::move(made));
}

result<listener> listener::unix_socket(asio::any_io_executor const& executor, std::string path) {
  if (auto* const simulated = stand_in_network()) return listener_on(simulated->listen(executor, "unix:" + path));
  auto const address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  if (is_stale(*address)) ::unlink(path.c_str());
  auto const old_mask = ::umask(0177);
  auto const fd = listening_socket(*address);
  ::umask(old_mask);
  if (!fd) return could_not_listen("unix:" + path, fd.error());
  auto made = std::make_unique<socket_acceptor>(executor, *fd, "unix:" + path);
  made->with_file(std::move(path));
  return listener(std::move(made));
}

} // namespace paddler
