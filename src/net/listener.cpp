#include "net/listener.hpp"

#include "net/socket_address.hpp"
#include "runtime/clock.hpp"
#include "runtime/timer.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace paddler {
namespace {

constexpr int backlog = 4096; // the kernel lowers it to net.core.somaxconn
constexpr auto shortage_pause = std::chrono::milliseconds(100);

// A descriptor until somebody takes it.
class owned_descriptor {
public:
  explicit owned_descriptor(int fd) : fd_(fd) {}

  ~owned_descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  owned_descriptor(owned_descriptor const&) = delete;
  owned_descriptor& operator=(owned_descriptor const&) = delete;

  [[nodiscard]] int get() const { return fd_; }

  int release() { return std::exchange(fd_, -1); }

private:
  int fd_;
};

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

} // namespace

listener::listener(asio::posix::stream_descriptor descriptor, std::string address, std::uint16_t port, bool loopback,
                   std::string unlink_path)
    : descriptor_(std::move(descriptor)),
      address_(std::move(address)),
      port_(port),
      loopback_(loopback),
      unlink_path_(std::move(unlink_path)) {}

listener::listener(listener&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      address_(std::move(other.address_)),
      port_(other.port_),
      loopback_(other.loopback_),
      unlink_path_(std::exchange(other.unlink_path_, {})) {}

listener::~listener() { close(); }

result<listener> listener::tcp(asio::any_io_executor const& executor, std::string const& host, std::uint16_t port) {
  auto const addresses = numeric_addresses(host, port);
  if (addresses.empty())
    return fail(error_code::invalid_input, "cannot listen on \"" + host + "\"",
                "give an IP address of this machine, or localhost");
  auto const fd = listening_socket(addresses.front());
  if (!fd) return could_not_listen(to_string(host_and_port{host, port}), fd.error());
  auto const bound = bound_address(*fd);
  return listener(asio::posix::stream_descriptor(executor, *fd), to_string(bound), bound.port(),
                  paddler::is_loopback(bound), {});
}

result<listener> listener::unix_socket(asio::any_io_executor const& executor, std::string path) {
  auto const address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  if (is_stale(*address)) ::unlink(path.c_str());
  auto const old_mask = ::umask(0177);
  auto const fd = listening_socket(*address);
  ::umask(old_mask);
  if (!fd) return could_not_listen("unix:" + path, fd.error());
  auto name = "unix:" + path;
  return listener(asio::posix::stream_descriptor(executor, *fd), std::move(name), 0, true, std::move(path));
}

task<std::unique_ptr<transport>> listener::accept() {
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
task<bool> listener::wait_after(int code) {
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

void listener::close() noexcept {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  if (!unlink_path_.empty()) ::unlink(std::exchange(unlink_path_, {}).c_str());
}

} // namespace paddler
