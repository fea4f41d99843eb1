#include "net/http_session.hpp"

#include "base/ids.hpp"
#include "base/random.hpp"
#include "net/char_set.hpp"
#include "net/problem.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t read_least = 1024;
constexpr std::size_t body_read_size = 32 * 1024;
constexpr std::size_t idle_buffer_size = 8 * 1024;
constexpr std::size_t request_id_limit = 128;
constexpr std::size_t linger_bytes_limit = 1024 * 1024; // unread body that is thrown away after the answer
constexpr auto linger_time = std::chrono::seconds(2);
constexpr int saving_patience = 4; // times less, where memory is short

std::string new_request_id() {
  auto const first = random_number();
  return "req_" + uuid_v7(unix_milliseconds(wall_now()), first, random_number());
}

bool is_usable_request_id(std::string_view id) {
  if (id.empty() || id.size() > request_id_limit) return false;
  for (char const c : id) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

// Changes once a second.
std::string const& date_header() {
  struct cached_date {
    std::chrono::seconds second{-1};
    std::string line;
  };

  thread_local cached_date cache;
  auto const now = wall_now();
  auto const second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  if (second != cache.second) {
    cache.second = second;
    cache.line = "Date: " + to_http_date(now) + "\r\n";
  }
  return cache.line;
}

void append_decimal(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  auto const [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

bool has_no_body(unsigned status) { return status < 200 || status == 204 || status == 304; }

error body_error(boost::system::error_code ec) {
  if (ec == asio::error::timed_out) return {error_code::timeout, "the request's body did not arrive in time", {}, {}};
  if (ec == asio::error::operation_aborted) return {error_code::cancelled, "reading the request was given up", {}, {}};
  return {error_code::closed, "the client closed the connection within the request's body", {}, {}};
}

} // namespace

http_session::http_session(std::unique_ptr<transport> stream, std::string initial_bytes,
                           std::shared_ptr<http_service const> service, session_control* control)
    : stream_(std::move(stream)),
      service_(std::move(service)),
      control_(control != nullptr ? control : &own_control_),
      parser_(http_parser::role::server, service_->limits) {
  buffer_.append(initial_bytes);
  control_->stream_ = stream_.get();
}

http_session::~http_session() {
  control_->stream_ = nullptr;
  control_->busy_ = false;
}

void http_session::set_busy(bool busy) { control_->busy_ = busy; }

task<> http_session::run() {
  while (!control_->draining_ && co_await read_head()) {
    co_await answer_request();
    if (answer_ == answer_state::taken) co_return;
    if (answer_ != answer_state::done || close_after_) break;
    set_busy(false);
    first_request_ = false;
  }
  if (answer_ == answer_state::done && (body_left() || !buffer_.empty())) co_await linger();
  stream_->close();
}

// False when there is no further request: the peer is gone, silent too long, malformed, or we stop.
task<bool> http_session::read_head() {
  auto const& limits = service_->limits;
  buffer_.shrink_to(idle_buffer_size);
  bool const was_waiting = !first_request_ && buffer_.empty();
  stream_->set_deadline(patience(was_waiting ? limits.idle_timeout : limits.head_timeout));
  bool head_deadline = !was_waiting;
  for (;;) {
    if (!buffer_.empty()) {
      auto const taken = parser_.parse_head(buffer_.view(), head_);
      if (!taken) co_return co_await refuse(taken.error());
      buffer_.consume(*taken);
      if (*taken > 0) break;
      if (!head_deadline) stream_->set_deadline(limits.head_timeout);
      head_deadline = true;
    }
    auto const got = co_await stream_->read_some(buffer_.prepare(read_least));
    if (got.ec == asio::error::timed_out && !buffer_.empty()) {
      http_error const late{408, "the request's head did not arrive in time"};
      co_return co_await refuse(late);
    }
    if (got.ec) co_return false;
    buffer_.commit(got.n);
  }
  stream_->clear_deadline();
  co_return true;
}

// Answers what is no request, and ends the connection.
task<bool> http_session::refuse(http_error why) {
  head_.version = 11;
  head_.keep_alive = false;
  head_request_ = false;
  answer_ = answer_state::none;
  request_id_ = new_request_id();
  auto const answer = error_body(why.status, why.detail);
  compose_head(why.status, {{"Content-Type", answer.content_type}});
  finish_head(why.status, answer.body.size());
  co_await send_whole(answer.body);
  co_await linger();
  answer_ = answer_state::broken;
  co_return false;
}

void http_session::begin_request() {
  set_busy(true);
  answer_ = answer_state::none;
  continue_sent_ = false;
  close_after_ = false;
  head_waits_ = false;
  body_received_ = 0;
  body_waited_ = {};
  head_request_ = head_.method == "HEAD";
  auto const given = head_.header("X-Request-Id");
  if (is_usable_request_id(given))
    request_id_ = given;
  else
    request_id_ = new_request_id();
}

task<> http_session::answer_request() {
  begin_request();
  http_exchange exchange(*this);
  std::string failure;
  try {
    co_await service_->handler(exchange);
  } catch (std::exception const& e) {
    failure = e.what();
  } catch (...) {
    failure = "an exception of unknown type";
  }
  if (!failure.empty())
    log_error("http.handler_failed", "an exception escaped a request's handler",
              {{"request_id", request_id_}, {"method", head_.method}, {"path", head_.path}, {"reason", failure}});
  co_await finish_answer();
}

// What the handler left: nothing becomes a 500, a half stream stays cut off.
task<> http_session::finish_answer() {
  if (answer_ == answer_state::taken) co_return;
  if (body_consumed_ > 0) buffer_.consume(std::exchange(body_consumed_, 0));
  if (answer_ == answer_state::streaming) answer_ = answer_state::broken;
  if (answer_ != answer_state::none || is_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
  auto const answer = error_body(500, "the request was not answered: this is a bug");
  compose_head(500, {{"Content-Type", answer.content_type}});
  finish_head(500, answer.body.size());
  co_await send_whole(answer.body);
}

// Lets the client read the answer before the connection goes: closing with unread bytes would reset it.
task<> http_session::linger() {
  stream_->finish_writing();
  stream_->set_deadline(linger_time);
  buffer_.consume(buffer_.size());
  for (std::size_t thrown_away = 0; thrown_away < linger_bytes_limit;) {
    auto const got = co_await stream_->read_some(buffer_.prepare(read_least));
    if (got.ec) co_return;
    thrown_away += got.n;
  }
}

// A client may be silent for a while, but must keep a rate on the whole: drops of one byte would hold us for ever.
task<boost::system::error_code> http_session::read_body_bytes() {
  auto const& limits = service_->limits;
  auto const earned = std::chrono::milliseconds(body_received_ * 1000 / std::max<std::size_t>(limits.body_rate, 1));
  auto const left = patience(limits.body_silence) + earned - body_waited_;
  if (left <= duration::zero()) co_return asio::error::timed_out;
  auto const start = mono_now();
  stream_->set_deadline(std::min(left, limits.body_silence));
  auto const got = co_await stream_->read_some(buffer_.prepare(body_read_size));
  stream_->clear_deadline();
  body_waited_ += mono_now() - start;
  body_received_ += got.n;
  buffer_.commit(got.n);
  co_return got.ec;
}

// The next bytes of the body, or none at its end. False with the reason when it cannot be had.
task<bool> http_session::next_body_piece(std::span<char const>* out, error* why) {
  buffer_.consume(std::exchange(body_consumed_, 0));
  *out = {};
  while (!parser_.body_done()) {
    auto const step = parser_.parse_body(buffer_.bytes());
    if (!step) {
      close_after_ = true;
      *why = {error_code::protocol, std::string(step.error().detail), {}, {}};
      co_return false;
    }
    if (!step->payload.empty()) {
      *out = step->payload;
      body_consumed_ = step->consumed;
      co_return true;
    }
    buffer_.consume(step->consumed);
    if (parser_.body_done()) break;
    if (head_.expects_continue && !std::exchange(continue_sent_, true)) {
      static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      std::array<asio::const_buffer, 1> const line{asio::buffer(go_on)};
      co_await send(line);
    }
    if (auto const ec = co_await read_body_bytes()) {
      close_after_ = true;
      *why = body_error(ec);
      co_return false;
    }
  }
  co_return true;
}

task<bool> http_session::send(std::span<asio::const_buffer const> buffers) {
  stream_->set_deadline(patience(service_->limits.write_silence));
  auto const sent = co_await stream_->write(buffers);
  stream_->clear_deadline();
  if (sent.ec) answer_ = answer_state::broken;
  client_was_slow_ = sent.ec == asio::error::timed_out;
  co_return !sent.ec;
}

// The composed head and the body in one go.
task<bool> http_session::send_whole(std::string_view body) {
  if (answer_ != answer_state::none) co_return false;
  answer_ = answer_state::done;
  std::array<asio::const_buffer, 2> const both{asio::buffer(out_), asio::const_buffer(body.data(), body.size())};
  std::size_t const parts = head_request_ ? 1 : 2;
  co_return co_await send(std::span(both).first(parts));
}

task<bool> http_session::send_kept(std::string body) { co_return co_await send_whole(body); }

asio::const_buffer http_session::take_waiting_head() {
  return std::exchange(head_waits_, false) ? asio::const_buffer(out_.data(), out_.size()) : asio::const_buffer();
}

task<bool> http_session::send_waiting_head() {
  if (!head_waits_) co_return answer_ == answer_state::streaming;
  std::array<asio::const_buffer, 1> const head{take_waiting_head()};
  co_return co_await send(head);
}

bool http_session::keep_alive() const {
  return head_.keep_alive && !close_after_ && !control_->draining_ && !service_->saves_memory && !body_left();
}

duration http_session::patience(duration limit) const {
  return service_->saves_memory ? limit / saving_patience : limit;
}

void http_session::append_header(std::string_view name, std::string_view value) {
  if (breaks_lines(name) || breaks_lines(value)) {
    log_error("http.bad_header", "a header was left out: it would break the answer's head",
              {{"request_id", request_id_}, {"name", name}});
    return;
  }
  out_ += name;
  out_ += ": ";
  out_ += value;
  out_ += "\r\n";
}

// Everything but the framing, which finish_head() and finish_stream_head() add.
void http_session::compose_head(unsigned status, header_list headers) {
  close_after_ = !keep_alive();
  out_ = "HTTP/1.1 ";
  append_decimal(out_, status);
  out_ += ' ';
  out_ += reason_phrase(status);
  out_ += "\r\n";
  for (auto const& each : headers) append_header(each.name, each.value);
  out_ += date_header();
  append_header("X-Request-Id", request_id_);
}

void http_session::finish_head(unsigned status, std::size_t body_size) {
  if (!has_no_body(status)) {
    out_ += "Content-Length: ";
    append_decimal(out_, body_size);
    out_ += "\r\n";
  }
  append_connection();
}

void http_session::finish_stream_head() {
  if (chunked_answer_) out_ += "Transfer-Encoding: chunked\r\n";
  append_connection();
}

void http_session::append_connection() {
  if (close_after_)
    out_ += "Connection: close\r\n";
  else if (head_.version == 10)
    out_ += "Connection: keep-alive\r\n";
  out_ += "\r\n";
}

error_answer http_session::error_body(unsigned status, std::string_view detail) const {
  if (service_->errors) return service_->errors(status, detail, request_id_);
  return {std::string(problem_content_type), problem_json(status, reason_phrase(status), detail, request_id_)};
}

taken_connection http_session::take() {
  buffer_.consume(std::exchange(body_consumed_, 0));
  answer_ = answer_state::taken;
  control_->stream_ = nullptr;
  return {std::move(stream_), buffer_.take()};
}

task<> serve_connection(std::unique_ptr<transport> stream, std::string initial_bytes,
                        std::shared_ptr<http_service const> service, session_control* control) {
  http_session session(std::move(stream), std::move(initial_bytes), std::move(service), control);
  co_await session.run();
}

void session_control::drain() {
  draining_ = true;
  if (!busy_) drop();
}

void session_control::drop() {
  draining_ = true;
  if (stream_ != nullptr) stream_->close();
}

} // namespace paddler
