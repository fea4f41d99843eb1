#include "sim/workload.hpp"

#include "core/engine/hash_chain.hpp"
#include "net/http_client.hpp"
#include "runtime/race.hpp"
#include "sim/cluster.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr auto patience = 60s;
constexpr std::size_t answer_limit = 1 << 20;
constexpr std::size_t natural_tokens = 1000;

// Poisson arrivals.
duration pause_of(simulator& sim, duration mean) {
  double const drawn = -std::log(1.0 - sim.chance().unit());
  return duration(static_cast<duration::rep>(static_cast<double>(mean.count()) * std::min(drawn, 5.0)));
}

std::string chat_body(std::string const& text, std::size_t tokens) {
  json::object message{{"role", "user"}, {"content", text}};
  return json::serialize(
      json::object{{"model", "sim"}, {"messages", json::array{message}}, {"max_tokens", tokens}, {"stream", true}});
}

std::string chain_of(std::string const& text, std::size_t tokens) {
  std::vector<chat_message> const messages = {{"user", text}};
  return expected_answer("sim", canonical_prompt(messages), tokens, natural_tokens).text;
}

// What a stream's events say, together.
struct stream_reader {
  std::string buffer;
  std::string text;
  bool done = false;
  bool error = false;
  bool finished = false;

  void take(std::string_view bytes) {
    buffer += bytes;
    for (auto end = buffer.find("\n\n"); end != std::string::npos; end = buffer.find("\n\n")) {
      event(std::string_view(buffer).substr(0, end));
      buffer.erase(0, end + 2);
    }
  }

  void event(std::string_view block) {
    if (!block.starts_with("data:")) return;
    auto const data = block.substr(block.find_first_not_of(' ', 5));
    if (data == "[DONE]") {
      done = true;
      return;
    }
    boost::system::error_code ec;
    auto const value = json::parse(data, ec);
    if (ec || !value.is_object()) return;
    if (value.as_object().contains("error")) error = true;
    if (auto const* content = value.find_pointer("/choices/0/delta/content", ec);
        content != nullptr && content->is_string())
      text += content->as_string();
    if (auto const* reason = value.find_pointer("/choices/0/finish_reason", ec);
        reason != nullptr && reason->is_string())
      finished = true;
  }
};

struct outcome {
  int status = 0; // 0: no answer came
  bool whole = false;
  std::string body;
};

http_client_config client_config() {
  http_client_config out;
  out.authority = "127.0.0.1";
  out.limits.head_timeout = out.limits.body_silence = out.limits.write_silence = patience;
  return out;
}

// One request on a connection of its own. `on_piece` sees the body as it comes.
task<outcome> call(char const* place, std::string method, std::string target, std::string body,
                   std::function<void(std::string_view)> on_piece, std::string_view type) {
  outcome out;
  auto const port = static_cast<std::uint16_t>(std::string_view(place) == inference_place ? 8061 : 8060);
  auto stream = co_await connect_tcp("127.0.0.1", port, 5s);
  if (!stream) co_return out;
  http_connection connection(std::move(*stream), {}, client_config());
  std::vector<header_view> const headers{{"Content-Type", type}};
  auto const sent = co_await connection.send(method, target, headers, body);
  if (!sent) co_return out;
  auto const head = co_await connection.read_head();
  if (!head) co_return out;
  out.status = (*head)->status;
  for (;;) {
    auto const piece = co_await connection.read_body_some();
    if (!piece) break;
    if (piece->empty()) {
      out.whole = true;
      break;
    }
    std::string_view const bytes(piece->data(), piece->size());
    if (on_piece)
      on_piece(bytes);
    else if (out.body.size() < answer_limit)
      out.body += bytes;
  }
  connection.close();
  co_return out;
}

revision revision_in(std::string const& body) {
  boost::system::error_code ec;
  auto const value = json::parse(body, ec);
  auto const* number = ec ? nullptr : value.find_pointer("/revision", ec);
  return {number != nullptr ? number->to_number<std::uint64_t>(ec) : 0};
}

} // namespace

// --- clients ---

task<> client_life::run() {
  std::uint64_t number = 0;
  while (!ending()) {
    auto const pause = pause_of(sim_, what_.client_pause);
    if (co_await with_deadline(pause, changed().wait())) continue;
    auto const text = where().name() + " asks " + std::to_string(++number);
    co_await ask(text, 1 + sim_.chance().below(16));
  }
}

task<> client_life::ask(std::string text, std::size_t tokens) {
  ++book_.asked;
  stream_reader reader;
  auto const answer = co_await call(
      inference_place, "POST", "/v1/chat/completions", chat_body(text, tokens),
      [&reader](std::string_view bytes) { reader.take(bytes); }, "application/json");
  if (killed()) co_return;
  auto const expected = chain_of(text, tokens);
  if (!expected.starts_with(reader.text))
    book_.violation("P7: " + text + " got foreign tokens: \"" + reader.text + "\" instead of \"" + expected + "\"");
  bool const claims_end = reader.done && reader.finished && !reader.error;
  if (answer.status == 0) {
    ++book_.cut_off;
  } else if (answer.status != 200) {
    ++book_.refused;
    if (answer.status != 429 && answer.status != 503 && answer.status != 504 && answer.status != 404 &&
        answer.status != 502 && answer.status != 500)
      book_.violation("a good request was answered " + std::to_string(answer.status));
    sim_.count("client.status_" + std::to_string(answer.status));
  } else if (claims_end) {
    ++book_.answered;
    if (reader.text != expected)
      book_.violation("P7: " + text + " ended early without a word: \"" + reader.text + "\" of \"" + expected + "\"");
  } else if (reader.error) {
    ++book_.told_error;
    sim_.count("client.error_event");
  } else {
    if (answer.whole) book_.violation("P7: " + text + " got a complete body without an end or an error event");
    ++book_.cut_off;
    sim_.count("client.cut_off");
  }
}

// --- operators ---

task<> operator_life::run() {
  auto document = draw_document();
  co_await put(document);
  while (!ending()) {
    auto const pause = pause_of(sim_, what_.operator_pause);
    if (co_await with_deadline(pause, changed().wait())) continue;
    document = draw_document();
    co_await put(document);
  }
}

// Unique by its token limits; not every agent is always wanted.
std::string operator_life::draw_document() {
  auto document = "agents:\n" + std::string();
  bool any = false;
  for (std::size_t i = 0; i < what_.agents; ++i) {
    if (sim_.likely(0.1)) continue;
    any = true;
    document += "  - id: a" + std::to_string(i) + "\n    desired_model: {source: local, path: /models/m" +
                std::to_string(sim_.chance().below(2)) +
                ".gguf}\n    slots: " + std::to_string(1 + sim_.chance().below(4)) + "\n    max_context_length: 4096\n";
  }
  if (!any) document = "agents: []\n";
  document +=
      "models:\n  - id: sim\n    parameters: {seed: " + std::to_string(sim_.chance().below(1'000'000'000)) + "}\n";
  return document;
}

task<> operator_life::put(std::string document) {
  auto const before = book_.newest_seen;
  auto const answer =
      co_await call(management_place, "PUT", "/management/v1/desired", document, {}, "application/yaml");
  if (killed()) co_return;
  if (answer.status == 200 && answer.whole) {
    auto const number = revision_in(answer.body);
    if (number < before)
      book_.violation("P3: a write was given revision " + std::to_string(number.value) + " after " +
                      std::to_string(before.value) + " had been seen");
    book_.newest_seen = std::max(book_.newest_seen, number);
    book_.acknowledged[number] = std::move(document);
    ++book_.writes_acknowledged;
  } else if (answer.status >= 400 && answer.status < 500) {
    ++book_.writes_refused;
    book_.violation("a good document was answered " + std::to_string(answer.status) + ": " + answer.body);
  } else {
    ++book_.writes_unknown;
    sim_.count("operator.unknown_outcome");
  }
}

} // namespace paddler_sim
