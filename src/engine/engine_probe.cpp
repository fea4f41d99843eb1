#include "engine/engine_probe.hpp"

#include "net/http_client.hpp"
#include "net/transport.hpp"
#include "runtime/race.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler {
namespace {

constexpr std::size_t max_answer_bytes = 4 * 1024 * 1024; // /slots of the largest engine has a quarter of it
constexpr std::size_t max_quoted_bytes = 200;

struct probe_request {
  std::string_view method;
  std::string_view path;
  std::string_view body;
};

probe_request request_for(probe_kind kind, bool embedding) {
  if (kind == probe_kind::liveness) return {"GET", "/slots", {}};
  if (embedding) return {"POST", "/v1/embeddings", R"({"input":"a"})"};
  return {"POST", "/v1/completions", R"({"prompt":"a","max_tokens":1})"};
}

task<result<http_answer>> ask(std::string socket_path, probe_request request, duration deadline) {
  auto stream = co_await connect_unix(std::move(socket_path), deadline);
  if (!stream) co_return fail(error_code::unavailable, "it does not accept connections yet");
  http_client_config config;
  config.limits.head_timeout = config.limits.body_silence = deadline;
  std::vector<std::pair<std::string, std::string>> headers;
  headers.emplace_back("Connection", "close");
  if (!request.body.empty()) headers.emplace_back("Content-Type", "application/json");
  co_return co_await http_fetch(std::move(*stream), std::move(config), std::string(request.method),
                                std::string(request.path), std::move(headers), std::string(request.body),
                                max_answer_bytes);
}

// As in {"error":{"message":"Loading model"}}.
std::string error_words(http_answer const& answer) {
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

// Empty where the answer is no object with such a text.
std::string text_in(std::string const& body, std::string_view key) {
  boost::system::error_code ec;
  auto const parsed = boost::json::parse(body, ec);
  auto const* fields = ec ? nullptr : parsed.if_object();
  auto const* text = fields == nullptr ? nullptr : fields->if_contains(key);
  return text != nullptr && text->is_string() ? std::string(text->as_string()) : std::string();
}

probe_answer judge(probe_kind kind, http_answer const& answer) {
  probe_answer out;
  if (answer.status != 200) {
    out.reason = error_words(answer);
    return out;
  }
  if (kind == probe_kind::readiness) out.build = text_in(answer.body, "system_fingerprint");
  auto const busy = kind == probe_kind::liveness ? count_busy(answer.body) : std::optional(0);
  out.served = busy.has_value();
  out.slots_busy = busy.value_or(0);
  if (!busy) out.reason = "its list of slots cannot be read";
  return out;
}

// A chat to be continued, and one in which a new message is to be opened as well.
constexpr std::string_view open_chat = R"({"messages":[{"role":"user","content":"a"},)"
                                       R"({"role":"assistant","content":"b"}],)"
                                       R"("continue_final_message":"content","add_generation_prompt":false})";
constexpr std::string_view opened_twice = R"({"messages":[{"role":"user","content":"a"},)"
                                          R"({"role":"assistant","content":"b"}],)"
                                          R"("continue_final_message":"content","add_generation_prompt":true})";

// Status 0 where there is no answer.
task<http_answer> render(std::string socket_path, std::string_view chat, duration deadline) {
  probe_request const question{"POST", "/apply-template", chat};
  auto answer = co_await ask(std::move(socket_path), question, deadline);
  if (!answer) co_return http_answer();
  co_return std::move(*answer);
}

task<bool> continues_chats(std::string socket_path, duration deadline) {
  auto const open = co_await render(socket_path, open_chat, deadline);
  if (open.status != 200 || !text_in(open.body, "prompt").ends_with('b')) co_return false;
  auto const twice = co_await render(std::move(socket_path), opened_twice, deadline);
  co_return twice.status == 400;
}

} // namespace

task<probe_answer> probe_engine_once(probe_target target, probe_kind kind, duration deadline) {
  auto const request = request_for(kind, target.embedding);
  auto answer = co_await with_deadline(deadline, ask(std::move(target.socket_path), request, deadline));
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

task<resumable_apis> probe_resumable_apis(probe_target target, duration deadline) {
  if (target.embedding) co_return resumable_apis{};
  auto const chat = co_await with_deadline(deadline, continues_chats(std::move(target.socket_path), deadline));
  co_return resumable_apis{.chat = chat.value_or(false), .completions = true};
}

} // namespace paddler
