#include "sim/http_call.hpp"

#include "base/text.hpp"
#include "net/http_client.hpp"

#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;
constexpr std::size_t longest_answer = 1 << 20;

revision revision_of_etag(std::string_view text) {
  if (text.size() <= 2) return {};
  return {parse_number<std::uint64_t>(text.substr(1, text.size() - 2)).value_or(0)};
}

http_client_config client_config() {
  http_client_config out;
  out.authority = "127.0.0.1";
  out.limits.head_timeout = out.limits.body_silence = out.limits.write_silence = patience;
  return out;
}

} // namespace

task<outcome> call(asked what) {
  outcome out;
  auto const port = static_cast<std::uint16_t>(std::string_view(what.place) == inference_place ? 8061 : 8060);
  auto stream = co_await connect_tcp("127.0.0.1", port, 5s);
  if (!stream) co_return out;
  http_connection connection(std::move(*stream), {}, client_config());
  std::vector<header_view> headers;
  if (!what.body.empty()) headers.push_back({"Content-Type", what.type});
  auto const condition = what.if_match ? "\"" + std::to_string(what.if_match->value) + "\"" : std::string();
  if (what.if_match) headers.push_back({"If-Match", condition});
  if (!what.idempotency_key.empty()) headers.push_back({"Idempotency-Key", what.idempotency_key});
  if (!what.seconds_of_patience.empty()) headers.push_back({"X-Stainless-Timeout", what.seconds_of_patience});
  out.sent = true;
  auto const sent = co_await connection.send(what.method, what.target, headers, what.body);
  if (!sent) co_return out;
  auto const head = co_await connection.read_head();
  if (!head) co_return out;
  out.status = (*head)->status;
  out.retry_after = (*head)->header("retry-after");
  out.etag = revision_of_etag((*head)->header("etag"));
  for (;;) {
    auto const piece = co_await connection.read_body_some();
    if (!piece) break;
    if (piece->empty()) {
      out.whole = true;
      break;
    }
    std::string_view const bytes(piece->data(), piece->size());
    if (what.on_piece)
      what.on_piece(bytes);
    else if (out.body.size() < longest_answer)
      out.body += bytes;
  }
  connection.close();
  co_return out;
}

} // namespace paddler_sim
