#include "engine/engine_probe.hpp"

#include "net/http_parser.hpp"
#include "net/read_buffer.hpp"
#include "net/transport.hpp"
#include "runtime/race.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

namespace paddler {
namespace {

constexpr std::size_t max_answer_bytes = 4 * 1024 * 1024; // /slots of the largest engine has a quarter of it
constexpr std::size_t max_quoted_bytes = 200;

struct small_answer {
  small_answer() = default;

  int status = 0;
  std::string body;
};

std::string request_text(std::string_view method, std::string_view path, std::string_view body) {
  std::string out(method);
  out.append(" ").append(path).append(" HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n");
  if (!body.empty())
    out.append("Content-Type: application/json\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
  return out.append("\r\n").append(body);
}

std::string request_for(probe_kind kind, bool embedding) {
  if (kind == probe_kind::liveness) return request_text("GET", "/slots", {});
  if (embedding) return request_text("POST", "/v1/embeddings", R"({"input":"a"})");
  return request_text("POST", "/v1/completions", R"({"prompt":"a","max_tokens":1})");
}

// Reads more; false at the end of the stream.
task<bool> receive(transport& stream, read_buffer& buffer) {
  auto const read = co_await stream.read_some(buffer.prepare(4096));
  buffer.commit(read.n);
  co_return !read.ec;
}

task<result<small_answer>> read_answer(transport& stream) {
  static http_limits const limits;
  http_parser parser(http_parser::role::client, limits);
  read_buffer buffer;
  http_response_head head;
  while (!parser.head_done()) {
    if (!co_await receive(stream, buffer)) co_return fail(error_code::closed, "it closed the connection");
    auto const taken = parser.parse_head(buffer.view(), head, false);
    if (!taken) co_return fail(error_code::protocol, "it does not speak HTTP");
    buffer.consume(*taken);
  }
  small_answer out;
  out.status = head.status;
  while (!parser.body_done()) {
    auto const step = parser.parse_body(buffer.bytes());
    if (!step || out.body.size() > max_answer_bytes) co_return fail(error_code::protocol, "its answer cannot be read");
    out.body.append(step->payload.data(), step->payload.size());
    buffer.consume(step->consumed);
    if (step->consumed > 0 || parser.body_done()) continue;
    if (!co_await receive(stream, buffer) && !parser.parse_end())
      co_return fail(error_code::closed, "it cut its answer off");
  }
  co_return out;
}

task<result<small_answer>> ask(std::string socket_path, std::string request, duration deadline) {
  auto stream = co_await connect_unix(std::move(socket_path), deadline);
  if (!stream) co_return fail(error_code::unavailable, "it does not accept connections yet");
  std::array<asio::const_buffer, 1> const bytes{asio::buffer(request)};
  auto const sent = co_await (*stream)->write(bytes);
  if (sent.ec) co_return fail(error_code::closed, "it closed the connection");
  co_return co_await read_answer(**stream);
}

// As in {"error":{"message":"Loading model"}}.
std::string error_words(small_answer const& answer) {
  boost::system::error_code ec;
  auto const parsed = boost::json::parse(answer.body, ec);
  std::string words;
  if (!ec && parsed.is_object())
    if (auto const* found = parsed.as_object().if_contains("error"); found != nullptr && found->is_object())
      if (auto const* text = found->as_object().if_contains("message"); text != nullptr && text->is_string())
        words = std::string(std::string_view(text->as_string()).substr(0, max_quoted_bytes));
  return "it answered " + std::to_string(answer.status) + (words.empty() ? "" : " " + words);
}

bool is_busy(boost::json::value const& slot) {
  auto const* fields = slot.if_object();
  auto const* busy = fields == nullptr ? nullptr : fields->if_contains("is_processing");
  return busy != nullptr && busy->is_bool() && busy->as_bool();
}

// Nothing where the answer is no list of slots.
std::optional<int> count_busy(std::string const& body) {
  boost::system::error_code ec;
  auto const parsed = boost::json::parse(body, ec);
  auto const* slots = ec ? nullptr : parsed.if_array();
  if (slots == nullptr) return std::nullopt;
  return static_cast<int>(std::ranges::count_if(*slots, is_busy));
}

probe_answer judge(probe_kind kind, small_answer const& answer) {
  probe_answer out;
  if (answer.status != 200) {
    out.reason = error_words(answer);
    return out;
  }
  auto const busy = kind == probe_kind::liveness ? count_busy(answer.body) : std::optional(0);
  out.served = busy.has_value();
  out.slots_busy = busy.value_or(0);
  if (!busy) out.reason = "its list of slots cannot be read";
  return out;
}

} // namespace

task<probe_answer> probe_engine_once(probe_target target, probe_kind kind, duration deadline) {
  auto request = request_for(kind, target.embedding);
  auto answer = co_await with_deadline(deadline, ask(std::move(target.socket_path), std::move(request), deadline));
  probe_answer out;
  if (!answer) {
    auto const milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(deadline).count();
    out.reason = "no answer within " + std::to_string(milliseconds) + " ms";
  } else if (!*answer) {
    out.reason = answer->error().message;
  } else {
    out = judge(kind, **answer);
  }
  co_return out;
}

} // namespace paddler
