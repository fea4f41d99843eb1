#include "net/http_session.hpp"
#include "net/problem.hpp"
#include "runtime/log.hpp"

#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace paddler {
namespace {

// A chunk's size line: hexadecimal, CR LF.
struct chunk_size_line {
  explicit chunk_size_line(std::size_t size) {
    auto const end = std::to_chars(text.data(), text.data() + 16, size, 16).ptr;
    end[0] = '\r';
    end[1] = '\n';
    length = static_cast<std::size_t>(end + 2 - text.data());
  }

  [[nodiscard]] asio::const_buffer buffer() const { return {text.data(), length}; }

  std::array<char, 18> text{};
  std::size_t length = 0;
};

constexpr std::string_view end_of_line = "\r\n";
constexpr std::string_view end_of_stream = "0\r\n\r\n";
constexpr std::string_view end_of_chunk_and_stream = "\r\n0\r\n\r\n";
constexpr std::size_t usual_pieces = 6;
constexpr std::size_t around_pieces = 3; // the answer's head (or nothing), the size line, the tail

void frame_chunk(std::span<asio::const_buffer> out, asio::const_buffer head, chunk_size_line const& size,
                 std::span<asio::const_buffer const> pieces, std::string_view tail) {
  out[0] = head;
  out[1] = size.buffer();
  for (std::size_t i = 0; i < pieces.size(); ++i) out[i + 2] = pieces[i];
  out.back() = asio::buffer(tail);
}

} // namespace

http_head const& http_exchange::head() const { return session_.head_; }

std::string const& http_exchange::request_id() const { return session_.request_id_; }

std::string_view http_exchange::param(std::string_view name) const {
  for (auto const& [key, value] : params_) {
    if (key == name) return value;
  }
  return {};
}

void http_exchange::set_route(std::string_view operation_id, std::size_t body_limit,
                              std::vector<std::pair<std::string_view, std::string>> params) {
  operation_id_ = operation_id;
  body_limit_ = body_limit;
  params_ = std::move(params);
}

task<result<std::string>> http_exchange::read_body(std::size_t limit, std::function<void(std::string_view)> on_piece) {
  if (limit == 0) limit = body_limit_;
  if (limit == 0) limit = session_.service_->limits.body_bytes;
  return collect_body(limit, std::move(on_piece));
}

task<result<std::string>> http_exchange::collect_body(std::size_t limit,
                                                      std::function<void(std::string_view)> on_piece) {
  auto const too_large = [this, limit] {
    session_.close_after_ = true;
    return fail(error_code::too_large, "the body is larger than the limit of " + std::to_string(limit) + " bytes");
  };
  auto const announced = session_.head_.content_length;
  if (announced && *announced > limit) co_return too_large();
  std::string body;
  if (announced) body.reserve(std::min<std::size_t>(*announced, 1024 * 1024)); // a client's word is not worth more
  for (;;) {
    std::span<char const> piece;
    error why;
    if (!co_await session_.next_body_piece(&piece, &why)) co_return std::unexpected(std::move(why));
    if (piece.empty()) co_return body;
    if (piece.size() > limit - body.size()) co_return too_large();
    body.append(piece.data(), piece.size());
    if (on_piece) on_piece({piece.data(), piece.size()});
  }
}

task<result<std::span<char const>>> http_exchange::read_body_some() {
  std::span<char const> piece;
  error why;
  if (!co_await session_.next_body_piece(&piece, &why)) co_return std::unexpected(std::move(why));
  co_return piece;
}

// Not a coroutine: the headers are used up before the first wait.
task<bool> http_exchange::respond(unsigned status, header_list headers, std::string_view body) {
  auto& s = session_;
  if (s.answer_ == http_session::answer_state::none) {
    s.compose_head(status, headers);
    s.finish_head(status, body.size());
  }
  return s.send_whole(body);
}

task<bool> http_exchange::respond_error(unsigned status, std::string_view detail, header_list headers) {
  auto& s = session_;
  auto answer = s.error_body(status, detail);
  if (s.answer_ == http_session::answer_state::none) {
    std::vector<header_view> all(headers.begin(), headers.end());
    all.push_back({"Content-Type", answer.content_type});
    s.compose_head(status, all);
    s.finish_head(status, answer.body.size());
  }
  return s.send_kept(std::move(answer.body));
}

task<bool> http_exchange::respond_error(error const& why, header_list headers) {
  return respond_error(http_status_of(why.code), why.message, headers);
}

task<bool> http_exchange::start_stream(unsigned status, header_list headers) {
  prepare_stream(status, headers);
  return session_.send_waiting_head();
}

void http_exchange::prepare_stream(unsigned status, header_list headers) {
  auto& s = session_;
  if (s.answer_ != http_session::answer_state::none) return;
  s.chunked_answer_ = s.head_.version == 11;
  if (!s.chunked_answer_) s.close_after_ = true;
  s.compose_head(status, headers);
  s.finish_stream_head();
  s.answer_ = http_session::answer_state::streaming;
  s.head_waits_ = true;
}

task<bool> http_exchange::write_chunk(std::span<asio::const_buffer const> pieces) {
  return session_.send_chunk(pieces, end_of_line);
}

task<bool> http_exchange::write_chunk(std::string_view piece) {
  std::array<asio::const_buffer, 1> const pieces{asio::buffer(piece)};
  co_return co_await session_.send_chunk(pieces, end_of_line);
}

task<bool> http_exchange::finish_stream() { return finish_stream({}); }

task<bool> http_exchange::finish_stream(std::span<asio::const_buffer const> last) {
  auto& s = session_;
  if (s.answer_ != http_session::answer_state::streaming) co_return false;
  bool sent = true;
  if (asio::buffer_size(last) > 0) {
    sent = co_await s.send_chunk(last, end_of_chunk_and_stream);
  } else if (s.chunked_answer_ && !s.head_request_) {
    std::array<asio::const_buffer, 2> const end{s.take_waiting_head(), asio::buffer(end_of_stream)};
    sent = co_await s.send(end);
  } else {
    sent = co_await s.send_waiting_head();
  }
  if (sent) s.answer_ = http_session::answer_state::done;
  co_return sent;
}

// A chunk in one system call: its size line, the pieces, and what follows them.
task<bool> http_session::send_chunk(std::span<asio::const_buffer const> pieces, std::string_view tail) {
  if (answer_ != answer_state::streaming) co_return false;
  auto const size = asio::buffer_size(pieces);
  if (size == 0) co_return true;
  if (head_request_ || !chunked_answer_) {
    if (!co_await send_waiting_head() || head_request_) co_return answer_ == answer_state::streaming;
    co_return co_await send(pieces);
  }
  chunk_size_line const line(size);
  if (pieces.size() <= usual_pieces) {
    std::array<asio::const_buffer, usual_pieces + around_pieces> framed;
    auto const used = std::span(framed).first(pieces.size() + around_pieces);
    frame_chunk(used, take_waiting_head(), line, pieces, tail);
    co_return co_await send(used);
  }
  std::vector<asio::const_buffer> framed(pieces.size() + around_pieces);
  frame_chunk(framed, take_waiting_head(), line, pieces, tail);
  co_return co_await send(framed);
}

bool http_exchange::client_was_slow() const { return session_.client_was_slow_; }

bool http_exchange::response_started() const { return session_.answer_ != http_session::answer_state::none; }

void http_exchange::abort() {
  if (session_.answer_ == http_session::answer_state::taken) return;
  session_.answer_ = http_session::answer_state::broken;
  session_.stream_->close();
}

task<bool> http_exchange::run_unless_client_leaves(task<> work) {
  stop_switch leaves;
  peer_watch const watch(*session_.stream_, [&leaves] { leaves.stop(); });
  bool const stayed = co_await run_unless(std::move(work), leaves);
  co_return stayed;
}

task<> http_exchange::wait_client_gone() { return session_.stream_->wait_peer_closed(); }

transport& http_exchange::connection() { return *session_.stream_; }

taken_connection http_exchange::upgrade() { return session_.take(); }

task<result<taken_connection>> http_exchange::switch_protocols(std::string protocol) {
  auto& s = session_;
  if (s.answer_ != http_session::answer_state::none)
    co_return fail(error_code::internal, "the request was answered before its connection could be taken");
  s.compose_head(101, {{"Connection", "Upgrade"}, {"Upgrade", protocol}});
  s.out_ += "\r\n";
  std::array<asio::const_buffer, 1> const head{asio::buffer(s.out_)};
  if (!co_await s.send(head)) co_return fail(error_code::closed, "the client closed the connection");
  co_return s.take();
}

} // namespace paddler
