#include "agent/engine_relay.hpp"

#include "base/text.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

constexpr auto engine_dial_limit = std::chrono::seconds(5);
constexpr auto line_idle_limit = std::chrono::seconds(2); // cpp-httplib closes an idle connection after 5
constexpr std::size_t max_kept_answer = 64 * 1024;        // what is at most so long goes on in one piece

struct relayed_path {
  std::string_view method;
  std::string_view path;
};

constexpr std::array relayed_paths{
    relayed_path{"POST", "/v1/chat/completions"}, relayed_path{"POST", "/v1/completions"},
    relayed_path{"POST", "/v1/embeddings"},       relayed_path{"POST", "/v1/responses"},
    relayed_path{"POST", "/v1/messages"},         relayed_path{"POST", "/v1/messages/count_tokens"},
    relayed_path{"POST", "/v1/rerank"},           relayed_path{"POST", "/tokenize"},
    relayed_path{"POST", "/detokenize"},          relayed_path{"POST", "/v1/chat/completions/input_tokens"},
};

// What of a request's headers an engine may see; clients' keys are not among them.
constexpr std::array<std::string_view, 6> engine_headers{"Content-Type", "Accept",     "X-Request-Id",
                                                         "traceparent",  "tracestate", "anthropic-version"};

// What belongs to the connection with the engine and not to its answer.
constexpr std::array<std::string_view, 7> connection_headers{
    "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Upgrade", "Trailer", "Date"};

std::vector<header_view> headers_for_engine(http_head const& head) {
  std::vector<header_view> out{{"Host", "localhost"}};
  for (auto const name : engine_headers)
    if (head.has_header(name)) out.push_back({name, head.header(name)});
  return out;
}

std::vector<header_view> headers_of_answer(http_response_head const& head) {
  auto const stays = [](header_view const& header) {
    return std::ranges::any_of(connection_headers,
                               [&](std::string_view name) { return equals_ignoring_case(name, header.name); });
  };
  std::vector<header_view> out;
  std::ranges::remove_copy_if(head.headers, std::back_inserter(out), stays);
  return out;
}

http_client_config engine_client() {
  http_client_config out;
  out.limits.head_timeout = out.limits.body_silence = duration{}; // a long prompt takes its time; hangs are supervised
  return out;
}

task<> refuse(http_exchange& exchange, unsigned status, std::string_view reason, std::string detail) {
  log_debug("request.refused", detail, {{"request_id", exchange.request_id()}, {"reason", reason}});
  std::vector<header_view> const headers{{"X-Paddler-Refused", reason}};
  co_await exchange.respond_error(status, detail, headers);
}

// Passes the pieces on as they come; no piece is kept or copied. The head goes with the first one: the balancer can do
// nothing with it alone.
task<relay_end> pass_stream(http_exchange& exchange, http_connection& engine, http_response_head const& head) {
  exchange.prepare_stream(static_cast<unsigned>(head.status), headers_of_answer(head));
  for (;;) {
    auto const piece = co_await engine.read_body_some();
    if (!piece) co_return relay_end::engine_failed;
    std::array<asio::const_buffer, 1> const bytes{asio::buffer(*piece)};
    bool const last = engine.body_done();
    bool const written = last ? co_await exchange.finish_stream(bytes) : co_await exchange.write_chunk(bytes);
    if (!written) co_return relay_end::balancer_gone;
    if (last) co_return relay_end::answered;
  }
}

task<relay_end> pass_whole(http_exchange& exchange, http_connection& engine, http_response_head const& head) {
  auto const body = co_await engine.read_body(max_kept_answer);
  if (!body) co_return relay_end::engine_failed;
  if (!co_await exchange.respond(static_cast<unsigned>(head.status), headers_of_answer(head), *body))
    co_return relay_end::balancer_gone;
  co_return relay_end::answered;
}

task<relay_end> pass_answer(http_exchange& exchange, http_connection& engine, http_response_head const& head) {
  auto const length = head.content_length;
  if (length && *length <= max_kept_answer) co_return co_await pass_whole(exchange, engine, head);
  co_return co_await pass_stream(exchange, engine, head);
}

// However the request ends, cancelled too: a connection with half an answer is closed, which frees the engine's slot.
class settle_at_end {
public:
  explicit settle_at_end(engine_line& line) : line_(line) {}

  ~settle_at_end() { line_.settle(); }

  settle_at_end(settle_at_end const&) = delete;
  settle_at_end& operator=(settle_at_end const&) = delete;

private:
  engine_line& line_;
};

task<relay_end> refuse_for_engine(http_exchange& exchange, error const& why) {
  co_await refuse(exchange, 502, "engine", why.message);
  co_return relay_end::engine_failed;
}

// The engine may have closed a kept connection just when the request came: nothing was done on it, so once more on a
// new one.
task<relay_end> ask_engine(http_exchange& exchange, ready_engine const& engine, engine_line& line,
                           std::string_view body) {
  auto const& request = exchange.head();
  auto const headers = headers_for_engine(request);
  for (;;) {
    auto const connection = co_await line.open(engine);
    if (!connection) co_return co_await refuse_for_engine(exchange, connection.error());
    auto const sent = co_await (*connection)->send(request.method, request.target, headers, body);
    if (!sent && !line.reused()) co_return co_await refuse_for_engine(exchange, sent.error());
    if (sent) {
      auto const answer = co_await (*connection)->read_head();
      if (answer) co_return co_await pass_answer(exchange, **connection, **answer);
      if (!line.reused() || (*connection)->answer_begun()) co_return relay_end::engine_failed;
    }
    line.close();
  }
}

} // namespace

bool is_relayed(std::string_view method, std::string_view path) {
  return std::ranges::any_of(relayed_paths,
                             [&](relayed_path const& each) { return each.method == method && each.path == path; });
}

task<result<http_connection*>> engine_line::open(ready_engine const& engine) {
  reused_ = connection_ && mono_now() - idle_since_ < line_idle_limit;
  if (reused_) co_return connection_.get();
  connection_.reset();
  auto stream = co_await connect_unix(engine.socket_path, engine_dial_limit);
  if (!stream) co_return std::unexpected(stream.error());
  connection_ = std::make_unique<http_connection>(std::move(*stream), std::string(), engine_client());
  co_return connection_.get();
}

void engine_line::settle() {
  if (connection_ && !connection_->reusable()) connection_.reset();
  idle_since_ = mono_now();
}

task<relay_end> relay_to_engine(http_exchange& exchange, ready_engine const& engine, engine_line& line,
                                std::function<generation()> runs_now) {
  auto const& head = exchange.head();
  auto const body = co_await exchange.read_body();
  if (!body) {
    exchange.abort();
    co_return relay_end::balancer_gone;
  }
  if (!is_relayed(head.method, head.path)) {
    co_await exchange.respond_error(404, "engines serve inference requests only");
    co_return relay_end::answered;
  }
  auto const version = std::to_string(runs_now().value);
  if (head.header("X-Paddler-Version") != version) {
    co_await refuse(exchange, 409, "version", "the engine runs version " + version + " by now");
    co_return relay_end::answered;
  }
  settle_at_end const settles(line);
  auto const end = co_await exchange.unless_client_leaves(ask_engine(exchange, engine, line, *body));
  if (end != relay_end::answered) exchange.abort();
  co_return end.value_or(relay_end::balancer_gone);
}

} // namespace paddler
