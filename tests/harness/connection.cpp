#include "harness/connection.hpp"

#include "base/text.hpp"
#include "harness/system_test.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace paddler_test {
namespace {

constexpr std::size_t read_size = 16 * 1024;

std::size_t number_in(std::string_view text, int base) {
  std::size_t out = 0;
  auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  require(ec == std::errc{} && end != text.data(), "the answer has no length where one belongs");
  return out;
}

} // namespace

asio::ip::tcp::endpoint endpoint_of(std::string const& address) {
  auto const where = parse_host_and_port(address, 0);
  require(where.has_value(), "an address is HOST:PORT, not " + address);
  return {asio::ip::make_address(where->host), where->port};
}

std::string answer_head::header(std::string_view name) const {
  for (auto const& [each, value] : headers)
    if (equals_ignoring_case(each, name)) return value;
  return {};
}

task<connection> connection::open(std::string address, int unread) {
  auto const executor = co_await asio::this_coro::executor;
  auto const endpoint = endpoint_of(address);
  asio::ip::tcp::socket socket(executor, endpoint.protocol());
  if (unread > 0) socket.set_option(asio::socket_base::receive_buffer_size(unread));
  auto const [ec] = co_await socket.async_connect(endpoint, as_result);
  if (ec) throw test_failure("cannot connect to " + address + ": " + ec.message());
  socket.set_option(asio::ip::tcp::no_delay(true));
  int const descriptor = socket.release();
  auto stream = adopt_socket(executor, descriptor, address);
  co_return connection(std::move(stream), descriptor, std::move(address));
}

task<bool> connection::send(std::string bytes) {
  std::array<asio::const_buffer, 1> const one{asio::buffer(bytes)};
  auto const sent = co_await stream_->write(one);
  co_return !sent.ec;
}

task<bool> connection::send_request(std::string method, std::string target, http_headers headers, std::string body) {
  std::string bytes = method + " " + target + " HTTP/1.1\r\nHost: " + address_ + "\r\n";
  for (auto const& [name, value] : headers) bytes += name + ": " + value + "\r\n";
  if (!body.empty() || method != "GET") bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  bytes += "\r\n" + body;
  co_return co_await send(std::move(bytes));
}

task<bool> connection::read_more() {
  std::array<char, read_size> piece{};
  stream_->set_deadline(patience);
  auto const got = co_await stream_->read_some(asio::buffer(piece));
  received_.append(piece.data(), got.n);
  co_return !got.ec;
}

task<std::optional<std::string>> connection::read_line() {
  for (;;) {
    auto const end = received_.find("\r\n");
    if (end != std::string::npos) {
      auto line = take(end + 2);
      line.resize(end);
      co_return line;
    }
    if (!co_await read_more()) co_return std::nullopt;
  }
}

std::string connection::take(std::size_t limit) {
  auto out = received_.substr(0, limit);
  received_.erase(0, out.size());
  return out;
}

task<std::optional<answer_head>> connection::read_head() {
  answer_head head;
  auto status_line = co_await read_line();
  if (!status_line) co_return std::nullopt;
  require(status_line->starts_with("HTTP/1.1 ") && status_line->size() >= 12, "not an HTTP answer: " + *status_line);
  head.status = static_cast<int>(number_in(std::string_view(*status_line).substr(9, 3), 10));
  for (;;) {
    auto const line = co_await read_line();
    if (!line) co_return std::nullopt;
    if (line->empty()) break;
    auto const colon = line->find(':');
    require(colon != std::string::npos, "not a header: " + *line);
    auto const value = line->find_first_not_of(' ', colon + 1);
    head.headers.emplace_back(line->substr(0, colon), value == std::string::npos ? "" : line->substr(value));
  }
  if (head.status >= 100 && head.status < 200 && head.status != 101) co_return co_await read_head();
  note_framing(head);
  co_return head;
}

void connection::note_framing(answer_head const& head) {
  auto const length = head.header("content-length");
  bool const chunked = equals_ignoring_case(head.header("transfer-encoding"), "chunked");
  require(length.empty() || !chunked, "an answer has either a length or chunks");
  body_left_ = length.empty() ? 0 : number_in(length, 10);
  if (head.status == 101 || head.status == 204 || head.status == 304 || (!length.empty() && body_left_ == 0))
    framing_ = framing::none;
  else if (chunked)
    framing_ = framing::chunked;
  else
    framing_ = length.empty() ? framing::until_close : framing::length;
  end_ = framing_ == framing::none ? body_end::complete : body_end::open;
}

task<std::string> connection::read_piece() {
  if (end_ != body_end::open) co_return std::string();
  if (framing_ == framing::chunked) co_return co_await read_chunk();
  if (received_.empty() && !co_await read_more()) {
    end_ = framing_ == framing::until_close ? body_end::complete : body_end::truncated;
    co_return std::string();
  }
  auto const limit = framing_ == framing::length ? body_left_ : received_.size();
  auto piece = take(limit);
  if (framing_ == framing::length) body_left_ -= piece.size();
  if (framing_ == framing::length && body_left_ == 0) end_ = body_end::complete;
  co_return piece;
}

// A chunk as a whole, so that what was one write of the server is one piece here.
task<std::string> connection::read_chunk() {
  auto const size_line = co_await read_line();
  if (size_line) {
    auto const size = number_in(*size_line, 16);
    while (received_.size() < size + 2 && co_await read_more()) {
    }
    if (received_.size() >= size + 2) {
      auto piece = take(size);
      require(take(2) == "\r\n", "a chunk does not end where it says");
      if (size == 0) end_ = body_end::complete;
      co_return piece;
    }
  }
  end_ = body_end::truncated;
  co_return std::string();
}

task<http_answer> connection::read_answer() {
  auto head = co_await read_head();
  require(head.has_value(), "the connection to " + address_ + " ended without an answer");
  http_answer out;
  static_cast<answer_head&>(out) = std::move(*head);
  while (end_ == body_end::open) out.body += co_await read_piece();
  require(end_ == body_end::complete, "the answer is cut off after: " + out.body);
  co_return out;
}

task<std::string> connection::read_some() {
  if (received_.empty()) co_await read_more();
  co_return take(received_.size());
}

task<std::string> connection::read_to_end() {
  while (co_await read_more()) {
  }
  co_return take(received_.size());
}

std::size_t connection::unread() const {
  int bytes = 0;
  ::ioctl(descriptor_, FIONREAD, &bytes);
  return received_.size() + static_cast<std::size_t>(bytes);
}

void connection::close() { stream_->close(); }

void connection::half_close() { stream_->finish_writing(); }

void connection::reset() {
  linger const at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  stream_->close();
}

std::string chunk_of(std::string_view text) {
  std::array<char, 16> size{};
  auto const [end, ec] = std::to_chars(size.data(), size.data() + size.size(), text.size(), 16);
  return std::string(size.data(), end) + "\r\n" + std::string(text) + "\r\n";
}

task<http_answer> ask(std::string address, std::string method, std::string target, http_headers headers,
                      std::string body) {
  auto line = co_await connection::open(std::move(address));
  co_await line.send_request(std::move(method), std::move(target), std::move(headers), std::move(body));
  auto out = co_await line.read_answer();
  co_return out;
}

task<std::string> talk(std::string address, std::string bytes) {
  auto line = co_await connection::open(std::move(address));
  co_await line.send(std::move(bytes));
  auto out = co_await line.read_to_end();
  co_return out;
}

} // namespace paddler_test
