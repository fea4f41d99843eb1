// transport on a socket of the kernel.
#include "net/transport.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace paddler {
namespace {

using io_error = boost::system::error_code;
using steady = std::chrono::steady_clock;
using stream_socket = asio::generic::stream_protocol::socket;

constexpr std::size_t buffers_per_call_limit = 64;
constexpr std::size_t asio_buffers_limit = 16;
constexpr int writes_without_yield_limit = 32; // then other tasks of the loop have their turn
constexpr auto peer_poll_period = std::chrono::milliseconds(250);

// Position in a list of buffers that are being written.
class write_cursor {
public:
  explicit write_cursor(std::span<asio::const_buffer const> buffers) : rest_(buffers) { skip_empty(); }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  // The next buffers for one system call; returns how many.
  std::size_t fill(std::span<iovec> out) const {
    std::size_t n = 0;
    for (auto const& buffer : rest_) {
      if (n == out.size()) break;
      std::size_t const skipped = n == 0 ? offset_ : 0;
      auto const* data = static_cast<char const*>(buffer.data()) + skipped;
      out[n++] = {const_cast<char*>(data), buffer.size() - skipped}; // NOLINT: iovec has no const form
    }
    return n;
  }

  void advance(std::size_t bytes) {
    while (bytes > 0) {
      auto const left = rest_.front().size() - offset_;
      if (bytes < left) {
        offset_ += bytes;
        return;
      }
      bytes -= left;
      offset_ = 0;
      rest_ = rest_.subspan(1);
    }
    skip_empty();
  }

private:
  void skip_empty() {
    while (!rest_.empty() && offset_ == rest_.front().size()) {
      rest_ = rest_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<asio::const_buffer const> rest_;
  std::size_t offset_ = 0;
};

// One sendmsg(). A negative result is -errno.
ssize_t send_some(int descriptor, write_cursor const& from) {
  std::array<iovec, buffers_per_call_limit> parts; // NOLINT: filled below
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = from.fill(parts);
  ssize_t n = 0;
  do n = ::sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

// A bounded copy of a buffer list in the form that Asio's operations want.
template <class Buffer> struct few_buffers {
  explicit few_buffers(std::span<Buffer const> from) {
    for (auto const& buffer : from) {
      if (count == items.size()) break;
      items[count++] = buffer;
    }
  }

  [[nodiscard]] Buffer const* begin() const { return items.data(); }

  [[nodiscard]] Buffer const* end() const { return items.data() + count; }

  std::array<Buffer, asio_buffers_limit> items{};
  std::size_t count = 0;
};

enum class peer_state { quiet, has_bytes, gone };

peer_state look_at_peer(int descriptor) {
  char byte = 0;
  auto const n = ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n == 0) return peer_state::gone;
  if (n < 0) return errno == EAGAIN || errno == EINTR ? peer_state::quiet : peer_state::gone;
  pollfd look{descriptor, POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0 ? peer_state::gone : peer_state::has_bytes;
}

class socket_transport final : public transport {
public:
  socket_transport(stream_socket socket, std::string peer)
      : state_(std::make_shared<state>(std::move(socket))), socket_(state_->socket), peer_(std::move(peer)) {}

  ~socket_transport() override {
    state_->on_gone = nullptr;
    close();
  }

  task<io_result> read_some(asio::mutable_buffer into) override {
    if (state_->timed_out) co_return io_result(asio::error::timed_out, 0);
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
      co_return io_result(asio::error::operation_aborted, 0);
    auto const [ec, n] = co_await socket_.async_read_some(into, as_result);
    writes_without_yield_ = 0;
    co_return io_result(translate(ec), n);
  }

  task<io_result> write(std::span<asio::const_buffer const> buffers) override {
    write_cursor cursor(buffers);
    std::size_t written = 0;
    while (!cursor.at_end()) {
      if (state_->timed_out) co_return io_result(asio::error::timed_out, written);
      auto const n = send_some(socket_.native_handle(), cursor);
      if (n >= 0) {
        if (written > 0) renew_deadline();
        written += static_cast<std::size_t>(n);
        cursor.advance(static_cast<std::size_t>(n));
        continue;
      }
      if (n != -EAGAIN) co_return io_result(io_error(static_cast<int>(-n), boost::system::system_category()), written);
      if (is_cancelled(co_await asio::this_coro::cancellation_state))
        co_return io_result(asio::error::operation_aborted, written);
      writes_without_yield_ = 0;
      auto const [ec] = co_await socket_.async_wait(stream_socket::wait_write, as_result);
      if (ec) co_return io_result(translate(ec), written);
    }
    if (++writes_without_yield_ >= writes_without_yield_limit) {
      writes_without_yield_ = 0;
      co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    }
    co_return io_result({}, written);
  }

  void async_read_some(std::span<asio::mutable_buffer const> buffers, io_handler handler) override {
    socket_.async_read_some(few_buffers<asio::mutable_buffer>(buffers), std::move(handler));
  }

  void async_write_some(std::span<asio::const_buffer const> buffers, io_handler handler) override {
    socket_.async_write_some(few_buffers<asio::const_buffer>(buffers), std::move(handler));
  }

  void set_deadline(duration limit) override {
    auto& s = *state_;
    s.timed_out = false;
    s.limit = std::chrono::duration_cast<steady::duration>(limit);
    s.deadline = steady::now() + s.limit;
    if (s.deadline < s.timer_fires_at) arm_timer(state_);
  }

  void clear_deadline() override {
    state_->timed_out = false;
    state_->deadline = steady::time_point::max();
  }

  void watch_peer(std::move_only_function<void()> gone) override {
    state_->on_gone = std::move(gone);
    wait_for_peer(state_);
  }

  void unwatch_peer() noexcept override { state_->on_gone = nullptr; }

  [[nodiscard]] bool peer_gone() override {
    return !socket_.is_open() || state_->timed_out || look_at_peer(socket_.native_handle()) == peer_state::gone;
  }

  void finish_writing() noexcept override {
    io_error ignored;
    socket_.shutdown(stream_socket::shutdown_send, ignored);
  }

  void close() noexcept override {
    io_error ignored;
    socket_.close(ignored);
    state_->deadline = steady::time_point::max();
    if (state_->timer_fires_at != steady::time_point::max()) state_->timer.cancel();
    state_->peer_poll.cancel();
  }

  [[nodiscard]] std::string const& peer() const override { return peer_; }

  [[nodiscard]] asio::any_io_executor executor() override { return socket_.get_executor(); }

private:
  // Shared with the timer's handler, which may be queued already when the transport goes.
  struct state {
    explicit state(stream_socket socket_in)
        : socket(std::move(socket_in)), timer(socket.get_executor()), peer_poll(socket.get_executor()) {}

    stream_socket socket;
    asio::steady_timer timer;
    steady::duration limit{}; // what the deadline was set with
    steady::time_point deadline = steady::time_point::max();
    steady::time_point timer_fires_at = steady::time_point::max(); // max: not armed
    bool timed_out = false;
    std::move_only_function<void()> on_gone; // while somebody watches
    bool waits_for_peer = false;             // until there is something to look at
    asio::steady_timer peer_poll;
  };

  // A wait goes on when its watch is over: what ends it is the next bytes, and until then it serves the next watch.
  static void wait_for_peer(std::shared_ptr<state> const& s) {
    if (std::exchange(s->waits_for_peer, true)) return;
    s->socket.async_wait(stream_socket::wait_read, [s](io_error ec) { look_at_peer_of(s, ec); });
  }

  static void look_at_peer_of(std::shared_ptr<state> const& s, io_error ec) {
    s->waits_for_peer = false;
    if (!s->on_gone) return;
    // A deadline that passed ended this wait with all others, and says nothing of the peer.
    auto seen = peer_state::quiet;
    if (!s->socket.is_open())
      seen = peer_state::gone;
    else if (ec != asio::error::operation_aborted)
      seen = look_at_peer(s->socket.native_handle());
    if (seen == peer_state::gone) return std::exchange(s->on_gone, nullptr)();
    if (seen == peer_state::quiet) return wait_for_peer(s);
    s->waits_for_peer = true; // waiting for readability would spin
    s->peer_poll.expires_after(peer_poll_period);
    s->peer_poll.async_wait([s](io_error cancelled) { look_at_peer_of(s, cancelled); });
  }

  // One timer a transport. It is armed for the deadline of that moment; when it fires and the deadline has moved on, it
  // is armed again. So a deadline that is set for every read costs a timer only once in its length.
  static void arm_timer(std::shared_ptr<state> const& s) {
    s->timer_fires_at = s->deadline;
    s->timer.expires_at(s->deadline);
    s->timer.async_wait([s](io_error ec) {
      if (ec) return; // armed anew, or closed
      s->timer_fires_at = steady::time_point::max();
      if (s->deadline == steady::time_point::max()) return;
      if (steady::now() < s->deadline) {
        arm_timer(s);
        return;
      }
      s->timed_out = true;
      io_error ignored;
      s->socket.cancel(ignored);
    });
  }

  void renew_deadline() {
    auto& s = *state_;
    if (s.deadline != steady::time_point::max()) s.deadline = steady::now() + s.limit;
  }

  [[nodiscard]] io_error translate(io_error ec) const {
    if (ec == asio::error::operation_aborted && state_->timed_out) return asio::error::timed_out;
    return ec;
  }

  std::shared_ptr<state> state_;
  stream_socket& socket_;
  std::string peer_;
  int writes_without_yield_ = 0;
};

int family_of(int descriptor) {
  int family = AF_UNSPEC;
  socklen_t size = sizeof family;
  ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

} // namespace

std::unique_ptr<transport> adopt_socket(asio::any_io_executor const& executor, int descriptor, std::string peer) {
  stream_socket socket(executor, asio::generic::stream_protocol(family_of(descriptor), 0), descriptor);
  return std::make_unique<socket_transport>(std::move(socket), std::move(peer));
}

} // namespace paddler
