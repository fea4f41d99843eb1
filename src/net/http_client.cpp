#include "net/http_client.hpp"

#include "net/char_set.hpp"
#include "runtime/check.hpp"

#include <boost/asio/error.hpp>

#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace paddler {
namespace {

constexpr std::size_t answer_read_least = 1024;
constexpr std::size_t answer_read_size = 16 * 1024;
constexpr int interim_answers_limit = 16;

bool usually_has_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

// A line break within a name or value would become a header of its own.
bool is_safe(std::string_view text) { return !breaks_lines(text); }

} // namespace

http_connection::http_connection(std::unique_ptr<transport> stream, std::string initial_bytes,
                                 http_client_config config)
    : stream_(std::move(stream)), config_(std::move(config)), parser_(http_parser::role::client, config_.limits) {
  buffer_.append(initial_bytes);
}

http_connection::~http_connection() { close(); }

void http_connection::close() noexcept {
  phase_ = phase::failed;
  if (stream_) stream_->close();
}

std::unique_ptr<transport> http_connection::release(std::string* unread) {
  buffer_.consume(std::exchange(piece_consumed_, 0));
  *unread = buffer_.take();
  phase_ = phase::failed;
  stream_->clear_deadline();
  return std::move(stream_);
}

error http_connection::failed(error why) {
  close();
  return why;
}

error http_connection::read_error(boost::system::error_code ec, std::string_view when) {
  auto const peer = "the connection to " + stream_->peer();
  if (ec == asio::error::timed_out)
    return failed({error_code::timeout, peer + " was silent " + std::string(when), {}, {}});
  if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor)
    return failed({error_code::cancelled, peer + " was given up " + std::string(when), {}, {}});
  return failed({error_code::closed, peer + " ended " + std::string(when), {}, {}});
}

void http_connection::compose(std::string_view method, std::string_view target, header_list headers,
                              std::size_t body_size) {
  ensure(is_safe(method) && is_safe(target) && target.find(' ') == std::string_view::npos,
         "a request line is malformed");
  out_.clear();
  for (auto const part : {method, std::string_view(" "), target, std::string_view(" HTTP/1.1\r\n")}) out_ += part;
  bool has_host = false;
  for (auto const& each : headers) {
    if (!is_safe(each.name) || !is_safe(each.value)) continue;
    has_host = has_host || each.name == "Host";
    for (auto const part : {each.name, std::string_view(": "), each.value, std::string_view("\r\n")}) out_ += part;
  }
  if (!has_host) out_ += "Host: " + config_.authority + "\r\n";
  if (body_size > 0 || usually_has_body(method)) out_ += "Content-Length: " + std::to_string(body_size) + "\r\n";
  out_ += "\r\n";
  request_was_head_ = method == "HEAD";
}

// Not coroutines: what they are given is used up before the first wait, except for the body.
task<result<void>> http_connection::send(std::string_view method, std::string_view target, header_list headers,
                                         std::span<asio::const_buffer const> body) {
  compose(method, target, headers, asio::buffer_size(body));
  return send_composed(body);
}

task<result<void>> http_connection::send(std::string_view method, std::string_view target, header_list headers,
                                         std::string_view body) {
  compose(method, target, headers, body.size());
  return send_composed(body);
}

task<result<void>> http_connection::send_composed(std::string_view body_text) {
  std::array<asio::const_buffer, 1> const body{asio::buffer(body_text)};
  co_return co_await send_composed(std::span<asio::const_buffer const>(body));
}

task<result<void>> http_connection::send_composed(std::span<asio::const_buffer const> body) {
  if (phase_ != phase::idle && !reusable())
    co_return fail(error_code::internal, "a connection was used for a second request before the first was answered");
  std::vector<asio::const_buffer> all;
  all.reserve(body.size() + 1);
  all.push_back(asio::buffer(out_));
  all.insert(all.end(), body.begin(), body.end());
  buffer_.consume(std::exchange(piece_consumed_, 0));
  phase_ = phase::sent;
  answer_begun_ = false;
  stream_->set_deadline(config_.limits.write_silence);
  auto const sent = co_await stream_->write(all);
  stream_->clear_deadline();
  // A peer that closed may have said why before: the answer is still there to be read.
  bool const may_have_answered = sent.ec == asio::error::broken_pipe || sent.ec == asio::error::connection_reset;
  if (sent.ec && !may_have_answered) co_return std::unexpected(read_error(sent.ec, "while the request was written"));
  co_return result<void>();
}

task<boost::system::error_code> http_connection::read_more(duration limit) {
  if (limit > duration::zero()) stream_->set_deadline(limit);
  auto const least = phase_ == phase::body ? answer_read_size : answer_read_least;
  auto const got = co_await stream_->read_some(buffer_.prepare(least));
  if (limit > duration::zero()) stream_->clear_deadline();
  buffer_.commit(got.n);
  co_return got.ec;
}

task<result<http_response_head const*>> http_connection::read_head() {
  if (phase_ != phase::sent) co_return fail(error_code::internal, "no request was sent whose answer could be read");
  for (int interim = 0; interim < interim_answers_limit;) {
    if (!buffer_.empty()) {
      answer_begun_ = true;
      auto const taken = parser_.parse_head(buffer_.view(), head_, request_was_head_);
      if (!taken)
        co_return std::unexpected(
            failed({error_code::protocol,
                    "the answer of " + stream_->peer() + " is malformed: " + std::string(taken.error().detail),
                    {},
                    {}}));
      buffer_.consume(*taken);
      if (*taken > 0 && (head_.status >= 200 || head_.status == 101)) {
        phase_ = phase::body;
        co_return &head_;
      }
      if (*taken > 0) ++interim;
      if (*taken > 0) continue;
    }
    auto const ec = co_await read_more(config_.limits.head_timeout);
    if (ec) co_return std::unexpected(read_error(ec, "before it answered"));
  }
  co_return std::unexpected(failed({error_code::protocol, stream_->peer() + " sends interim answers only", {}, {}}));
}

task<result<std::span<char const>>> http_connection::read_body_some() {
  if (phase_ != phase::body) co_return fail(error_code::internal, "there is no answer whose body could be read");
  buffer_.consume(std::exchange(piece_consumed_, 0));
  while (!parser_.body_done()) {
    auto const step = parser_.parse_body(buffer_.bytes());
    if (!step)
      co_return std::unexpected(
          failed({error_code::protocol,
                  "the answer of " + stream_->peer() + " is malformed: " + std::string(step.error().detail),
                  {},
                  {}}));
    if (!step->payload.empty()) {
      piece_consumed_ = step->consumed;
      co_return std::span<char const>(step->payload);
    }
    buffer_.consume(step->consumed);
    if (parser_.body_done()) break;
    auto const ec = co_await read_more(config_.limits.body_silence);
    if (ec == asio::error::eof && parser_.parse_end()) break;
    if (ec) co_return std::unexpected(read_error(ec, "within an answer"));
  }
  co_return std::span<char const>();
}

task<result<std::string>> http_connection::read_body(std::size_t limit) {
  std::string body;
  for (;;) {
    auto const piece = co_await read_body_some();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return body;
    if (piece->size() > limit - body.size())
      co_return std::unexpected(failed(
          {error_code::too_large,
           "the answer of " + stream_->peer() + " is larger than the limit of " + std::to_string(limit) + " bytes",
           {},
           {}}));
    body.append(piece->data(), piece->size());
  }
}

bool http_connection::reusable() const {
  return phase_ == phase::body && head_.keep_alive && !parser_.ends_with_stream() && body_done() && head_.status != 101;
}

task<result<http_answer>> http_fetch(std::unique_ptr<transport> stream, http_client_config config, std::string method,
                                     std::string target, std::vector<std::pair<std::string, std::string>> headers,
                                     std::string body, std::size_t answer_limit) {
  http_connection connection(std::move(stream), {}, std::move(config));
  std::vector<header_view> views;
  for (auto const& [name, value] : headers) views.push_back({name, value});
  views.push_back({"Connection", "close"});
  if (auto const sent = co_await connection.send(method, target, views, body); !sent)
    co_return std::unexpected(sent.error());
  auto const head = co_await connection.read_head();
  if (!head) co_return std::unexpected(head.error());
  http_answer answer;
  answer.status = (*head)->status;
  answer.content_type = (*head)->header("Content-Type");
  auto received = co_await connection.read_body(answer_limit);
  if (!received) co_return std::unexpected(received.error());
  answer.body = std::move(*received);
  co_return answer;
}

} // namespace paddler
