#include "balancer/answer_writer.hpp"

#include "base/canary.hpp"
#include "runtime/clock.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace paddler {
namespace {

constexpr std::chrono::seconds least_retry{1};
constexpr std::chrono::seconds most_retry{60};
constexpr std::string_view event_stream = "text/event-stream";
constexpr std::string_view blank_line = "\n\n";
constexpr std::string_view waiting_comment = ": waiting\n\n";

std::vector<header_view> headers_of(std::string_view content_type, std::vector<header_view> const& more) {
  std::vector<header_view> out = {{"Content-Type", content_type.empty() ? "application/json" : content_type}};
  if (is_event_stream(content_type)) {
    out.push_back({"Cache-Control", "no-cache"});
    out.push_back({"X-Accel-Buffering", "no"});
  }
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

} // namespace

retry_texts retry_seconds(std::optional<duration> wait) {
  auto const seconds = std::chrono::ceil<std::chrono::seconds>(wait.value_or(least_retry));
  auto const told = std::clamp<std::chrono::seconds>(seconds, least_retry, most_retry).count();
  return {std::to_string(told), std::to_string(told * 1000)};
}

std::vector<header_view> error_headers(inference_error const& wrong, retry_texts const& wait) {
  if (!wrong.should_retry) return {{"Content-Type", "application/json"}, {"X-Should-Retry", "false"}};
  return {{"Content-Type", "application/json"},
          {"X-Should-Retry", "true"},
          {"Retry-After", wait.seconds},
          {"Retry-After-Ms", wait.milliseconds}};
}

bool is_event_stream(std::string_view content_type) { return content_type.starts_with(event_stream); }

answer_writer::answer_writer(http_exchange& exchange)
    : exchange_(exchange), changed_(exchange.connection().executor()), last_write_(mono_now()) {}

// Where it cannot be written, the connection ends, which whoever works for the client is told.
task<> answer_writer::comment() {
  if (writing_) co_return;
  writing_ = commenting_ = true;
  if (!committed_) prepare_stream(200, event_stream);
  if (!co_await exchange_.write_chunk(waiting_comment)) exchange_.abort();
  writing_ = commenting_ = false;
  last_write_ = mono_now();
  changed_.notify_all();
}

task<> answer_writer::settle() {
  while (commenting_) co_await changed_.wait_uncancellable();
}

void answer_writer::prepare_stream(unsigned status, std::string_view content_type,
                                   std::vector<header_view> const& more) {
  committed_ = true;
  remember(status, content_type);
  exchange_.prepare_stream(status, headers_of(content_type, more));
}

task<bool> answer_writer::write(std::string_view first, std::string_view second, position where) {
  while (writing_)
    if (!co_await changed_.wait()) co_return false;
  writing_ = true;
  remember(first);
  remember(second);
  if (auto const newest = second.empty() ? first : second; !newest.empty()) within_event_ = !newest.ends_with('\n');
  std::array<asio::const_buffer, 2> const pieces{asio::buffer(first), asio::buffer(second)};
  bool written = false;
  if (where == position::last)
    written = co_await exchange_.finish_stream(pieces);
  else
    written = co_await exchange_.write_chunk(pieces);
  writing_ = false;
  last_write_ = mono_now();
  co_return written;
}

task<bool> answer_writer::respond(unsigned status, std::string_view content_type, std::string_view body,
                                  std::vector<header_view> const& more) {
  committed_ = true;
  remember(status, content_type);
  remember(body);
  auto const headers = headers_of(content_type, more);
  co_return co_await exchange_.respond(status, headers, body);
}

task<bool> answer_writer::tell(inference_error const& wrong, std::optional<duration> retry_after) {
  auto const dialect = dialect_of(exchange_.head().path);
  if (committed_) {
    // Behind a piece of an event it would be read as more of it.
    auto frame = (within_event_ ? std::string(blank_line) : "") + error_frame(wrong, dialect);
    if (is_loose(canary::failure_not_told)) frame.clear();
    co_return co_await write(frame, {}, position::last);
  }
  auto const wait = retry_seconds(retry_after);
  auto const headers = error_headers(wrong, wait);
  auto const body = error_body(wrong, dialect);
  co_return co_await exchange_.respond(static_cast<unsigned>(wrong.status), headers, body);
}

// --- for whoever asks the same again ---

void answer_writer::keep(std::size_t max_bytes) {
  keeps_ = true;
  max_kept_ = max_bytes;
  if (committed_) remember(200, event_stream); // a comment has left
}

std::optional<kept_answer> answer_writer::take_kept() {
  if (!keeps_) return std::nullopt;
  return std::move(kept_);
}

void answer_writer::remember(unsigned status, std::string_view content_type) {
  if (!keeps_) return;
  kept_.status = status;
  kept_.content_type = content_type;
}

void answer_writer::remember(std::string_view bytes) {
  if (!keeps_) return;
  if (kept_.body.size() + bytes.size() > max_kept_) {
    keeps_ = false;
    kept_ = {};
    return;
  }
  kept_.body += bytes;
}

} // namespace paddler
