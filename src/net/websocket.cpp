// The only translation unit with Beast's WebSocket codec.
#include "net/websocket.hpp"

#include "base/text.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

namespace paddler {
namespace {

namespace beast = boost::beast;
namespace ws = beast::websocket;
using io_error = boost::system::error_code;

constexpr std::size_t write_buffer_size = 16 * 1024; // a client's frames are masked in it
constexpr std::size_t buffers_limit = 8;

// Our transport in the form that Beast composes its operations upon. Gives out first what was read before.
class any_stream {
public:
  using executor_type = asio::any_io_executor;

  any_stream(std::unique_ptr<transport> stream, std::string initial_bytes)
      : stream_(std::move(stream)), initial_(std::move(initial_bytes)) {}

  executor_type get_executor() { return stream_->executor(); }

  transport& stream() { return *stream_; }

  template <class Buffers, class Token> auto async_read_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(io_error, std::size_t)>(
        [me = this](auto handler, Buffers const& into) {
          me->start_read(first_buffers<asio::mutable_buffer>(into), std::move(handler));
        },
        token, buffers);
  }

  template <class Buffers, class Token> auto async_write_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(io_error, std::size_t)>(
        [me = this](auto handler, Buffers const& from) {
          auto const few = first_buffers<asio::const_buffer>(from);
          me->stream_->async_write_some({few.items.data(), few.count}, io_handler(std::move(handler)));
        },
        token, buffers);
  }

private:
  template <class Buffer> struct few {
    std::array<Buffer, buffers_limit> items{};
    std::size_t count = 0;
  };

  template <class Buffer, class Sequence> static few<Buffer> first_buffers(Sequence const& from) {
    few<Buffer> out;
    auto const end = asio::buffer_sequence_end(from);
    for (auto it = asio::buffer_sequence_begin(from); it != end && out.count < buffers_limit; ++it)
      out.items[out.count++] = *it;
    return out;
  }

  template <class Handler> void start_read(few<asio::mutable_buffer> const& into, Handler handler) {
    if (initial_.empty()) {
      stream_->async_read_some({into.items.data(), into.count}, io_handler(std::move(handler)));
      return;
    }
    auto const n = asio::buffer_copy(std::span(into.items).first(into.count), asio::buffer(initial_));
    initial_.erase(0, n);
    asio::post(get_executor(), [handler = std::move(handler), n]() mutable { std::move(handler)(io_error(), n); });
  }

  std::unique_ptr<transport> stream_;
  std::string initial_;
};

// What Beast looks up by argument-dependent lookup, to end a connection.
template <class Handler> void async_teardown(beast::role_type /*role*/, any_stream& stream, Handler&& handler) {
  stream.stream().close();
  asio::post(stream.get_executor(),
             [handler = std::forward<Handler>(handler)]() mutable { std::move(handler)(io_error()); });
}

void beast_close_socket(any_stream& stream) { stream.stream().close(); }

ws::stream_base::timeout timeouts(websocket_limits const& limits) {
  return {std::chrono::duration_cast<std::chrono::steady_clock::duration>(limits.handshake),
          std::chrono::duration_cast<std::chrono::steady_clock::duration>(limits.idle), true};
}

beast::http::request<beast::http::empty_body> as_beast_request(http_head const& head) {
  beast::http::request<beast::http::empty_body> out;
  out.version(static_cast<unsigned>(head.version));
  out.method_string({head.method.data(), head.method.size()});
  out.target({head.target.data(), head.target.size()});
  for (auto const& each : head.headers)
    out.insert(beast::string_view(each.name.data(), each.name.size()),
               beast::string_view(each.value.data(), each.value.size()));
  return out;
}

// Close reasons are at most 123 bytes long.
ws::close_reason close_reason(std::uint16_t code, std::string_view reason) {
  reason = reason.substr(0, 123);
  while (!is_valid_utf8(reason)) reason.remove_suffix(1);
  return {static_cast<ws::close_code>(code), beast::string_view(reason.data(), reason.size())};
}

} // namespace

// Shared with the operations under way; each holds it until it ended. One read and one write at a time.
class websocket::impl : public std::enable_shared_from_this<websocket::impl> {
public:
  impl(taken_connection connection, websocket_limits limits)
      : peer_(connection.stream->peer()),
        limits_(limits),
        stream_(std::move(connection.stream), std::move(connection.initial_bytes)),
        changed_(stream_.get_executor()) {
    stream_.set_option(timeouts(limits_));
    stream_.read_message_max(limits_.message_bytes);
    stream_.write_buffer_bytes(write_buffer_size);
    stream_.auto_fragment(false);
    stream_.text(true);
  }

  task<io_error> accept(beast::http::request<beast::http::empty_body> request, std::string protocol) {
    if (!protocol.empty())
      stream_.set_option(ws::stream_base::decorator(
          [protocol](ws::response_type& answer) { answer.set(beast::http::field::sec_websocket_protocol, protocol); }));
    auto const [ec] = co_await stream_.async_accept(request, as_result);
    co_return ec;
  }

  // The error, and the status of an answer that was no upgrade.
  task<std::pair<io_error, int>> connect(std::string authority, std::string target,
                                         std::vector<std::pair<std::string, std::string>> headers) {
    stream_.set_option(ws::stream_base::decorator([&headers](ws::request_type& request) {
      for (auto const& [name, value] : headers) request.set(name, value);
    }));
    ws::response_type answer;
    auto const [ec] = co_await stream_.async_handshake(answer, authority, target, as_result);
    stream_.set_option(ws::stream_base::decorator([](ws::request_type&) {}));
    int const status = ec == ws::error::upgrade_declined ? static_cast<int>(answer.result_int()) : 0;
    co_return std::pair(ec, status);
  }

  void start_reading() {
    if (reading_ || ended_ || incoming_.size() >= limits_.incoming_messages) return;
    reading_ = true;
    stream_.async_read(arrived_, [me = shared_from_this()](io_error ec, std::size_t /*n*/) { me->read_ended(ec); });
  }

  task<result<std::string>> read() {
    while (incoming_.empty() && !ended_) {
      if (!co_await changed_.wait()) co_return fail(error_code::cancelled, "reading from " + peer_ + " was given up");
    }
    if (incoming_.empty())
      co_return fail(error_code::closed, "the connection to " + peer_ + " ended: " + ended_->reason);
    std::string message = std::move(incoming_.front());
    incoming_.pop_front();
    start_reading();
    co_return message;
  }

  bool send(std::string message) {
    if (ended_ || closing_) return false;
    unsent_bytes_ += message.size();
    outgoing_.push_back(std::move(message));
    if (outgoing_.size() > limits_.outgoing_messages || unsent_bytes_ > limits_.outgoing_bytes) {
      drop_unsent();
      begin_close(websocket_code::try_again_later, "too much is unsent: the peer does not read");
      return false;
    }
    start_writing();
    return true;
  }

  task<> close(std::uint16_t code, std::string reason) {
    begin_close(code, reason);
    while (!ended_) {
      if (co_await changed_.wait()) continue;
      abort();
      co_return;
    }
  }

  // Nothing waits in read() or close() any more.
  void abort() {
    end({0, "the connection was dropped"});
    stream_.next_layer().stream().close();
  }

  [[nodiscard]] std::optional<websocket_end> const& ended() const { return ended_; }

  [[nodiscard]] std::size_t unsent_bytes() const { return unsent_bytes_; }

  [[nodiscard]] std::string const& peer() const { return peer_; }

private:
  void read_ended(io_error ec) {
    reading_ = false;
    if (ec) {
      end(reason_of(ec));
      return;
    }
    if (!stream_.got_text()) {
      begin_close(websocket_code::unsupported, "only text messages are understood");
    } else if (!closing_) {
      auto const bytes = arrived_.data();
      incoming_.emplace_back(static_cast<char const*>(bytes.data()), bytes.size());
      changed_.notify_all();
    }
    arrived_.consume(arrived_.size());
    start_reading();
  }

  [[nodiscard]] websocket_end reason_of(io_error ec) const {
    if (ended_) return *ended_;
    if (closing_) return *closing_;
    if (ec == ws::error::closed) {
      auto const& said = stream_.reason();
      return {said.code, std::string(said.reason.data(), said.reason.size())};
    }
    if (ec == ws::error::message_too_big || ec == ws::error::buffer_overflow)
      return {websocket_code::too_big, "a message was larger than " + std::to_string(limits_.message_bytes) + " bytes"};
    if (ec == beast::error::timeout) return {0, "the peer was silent too long"};
    return {0, ec.message()};
  }

  void start_writing() {
    if (writing_ || ended_ || outgoing_.empty()) return;
    writing_ = true;
    stream_.async_write(asio::buffer(outgoing_.front()),
                        [me = shared_from_this()](io_error ec, std::size_t /*n*/) { me->write_ended(ec); });
  }

  void write_ended(io_error ec) {
    writing_ = false;
    if (!outgoing_.empty()) {
      unsent_bytes_ -= outgoing_.front().size();
      outgoing_.pop_front();
    }
    if (ec) {
      end(reason_of(ec));
      return;
    }
    start_writing();
    if (closing_) start_closing();
  }

  // The message that is being written must stay where it is.
  void drop_unsent() {
    auto const kept = outgoing_.begin() + (writing_ ? 1 : 0);
    outgoing_.erase(kept, outgoing_.end());
    unsent_bytes_ = writing_ ? outgoing_.front().size() : 0;
  }

  void begin_close(std::uint16_t code, std::string const& reason) {
    if (ended_ || closing_) return;
    closing_ = websocket_end{code, reason};
    start_closing();
  }

  // Once everything is written. A peer that does not read is not waited for: the codec's timeout ends it.
  void start_closing() {
    bool const stuck = closing_->code == websocket_code::try_again_later;
    if (close_sent_ || ended_ || (!outgoing_.empty() && !stuck)) return;
    close_sent_ = true;
    stream_.async_close(close_reason(closing_->code, closing_->reason),
                        [me = shared_from_this()](io_error /*ec*/) { me->end(*me->closing_); });
  }

  void end(websocket_end how) {
    if (ended_) return;
    ended_ = std::move(how);
    stream_.next_layer().stream().close();
    changed_.notify_all();
  }

  std::string const peer_;
  websocket_limits const limits_;
  ws::stream<any_stream> stream_;
  wakeup changed_;
  beast::flat_buffer arrived_;
  std::deque<std::string> incoming_;
  std::deque<std::string> outgoing_; // the front is being written
  std::size_t unsent_bytes_ = 0;
  std::optional<websocket_end> closing_; // what we say goodbye with
  std::optional<websocket_end> ended_;
  bool reading_ = false;
  bool writing_ = false;
  bool close_sent_ = false;
};

bool is_websocket_upgrade(http_head const& head) {
  return head.upgrade && head.version == 11 && head.method == "GET" && head.has_token("Upgrade", "websocket") &&
         head.has_header("Sec-WebSocket-Key") && head.header("Sec-WebSocket-Version") == "13";
}

websocket::websocket(std::shared_ptr<impl> my) : impl_(std::move(my)) { impl_->start_reading(); }

websocket::websocket(websocket&&) noexcept = default;

websocket& websocket::operator=(websocket&& other) noexcept {
  if (impl_) impl_->abort();
  impl_ = std::move(other.impl_);
  return *this;
}

websocket::~websocket() {
  if (impl_) impl_->abort();
}

namespace {

std::unexpected<error> no_websocket(std::string const& peer, io_error ec) {
  return fail(ec == beast::error::timeout ? error_code::timeout : error_code::protocol,
              "the WebSocket handshake with " + peer + " failed: " + ec.message());
}

} // namespace

task<result<websocket>> websocket::accept(taken_connection connection, http_head const& head, websocket_limits limits,
                                          std::string protocol) {
  auto my = std::make_shared<impl>(std::move(connection), limits);
  auto const ec = co_await my->accept(as_beast_request(head), std::move(protocol));
  if (ec) co_return no_websocket(my->peer(), ec);
  co_return websocket(std::move(my));
}

task<result<websocket>> websocket::connect(std::unique_ptr<transport> stream, std::string authority, std::string target,
                                           std::vector<std::pair<std::string, std::string>> headers,
                                           websocket_limits limits) {
  taken_connection connection;
  connection.stream = std::move(stream);
  auto my = std::make_shared<impl>(std::move(connection), limits);
  auto const [ec, status] = co_await my->connect(std::move(authority), std::move(target), std::move(headers));
  if (status != 0)
    co_return fail(error_code::unavailable,
                   my->peer() + " refused the WebSocket connection with status " + std::to_string(status));
  if (ec) co_return no_websocket(my->peer(), ec);
  co_return websocket(std::move(my));
}

task<result<std::string>> websocket::read() { return impl_->read(); }

bool websocket::send(std::string message) { return impl_->send(std::move(message)); }

task<> websocket::close(std::uint16_t code, std::string reason) { return impl_->close(code, std::move(reason)); }

std::optional<websocket_end> websocket::ended() const { return impl_->ended(); }

std::size_t websocket::unsent_bytes() const { return impl_->unsent_bytes(); }

std::string const& websocket::peer() const { return impl_->peer(); }

} // namespace paddler
