#include "balancer/inference_service.hpp"

#include "runtime/clock.hpp"
#include "wire/json_text.hpp"

#include <algorithm>

namespace paddler {
namespace {

// What the engine serves for clients. Nothing else reaches it.
struct relayed_path {
  std::string_view path;
  std::string_view operation;
};

constexpr relayed_path relayed_paths[] = {
    {"/v1/chat/completions", "create_chat_completion"},
    {"/v1/completions", "create_completion"},
    {"/v1/embeddings", "create_embedding"},
    {"/v1/responses", "create_response"},
    {"/v1/messages", "create_message"},
    {"/v1/messages/count_tokens", "count_message_tokens"},
    {"/v1/rerank", "rerank"},
    {"/tokenize", "tokenize"},
    {"/detokenize", "detokenize"},
};

constexpr std::chrono::seconds least_retry{1};
constexpr std::chrono::seconds most_retry{60};

std::string model_object(std::string_view name) {
  return R"({"id":)" + json_text(name) + R"(,"object":"model","created":0,"owned_by":"paddler"})";
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

std::vector<route> inference_service::routes() {
  std::vector<route> out;
  for (auto const& [path, operation] : relayed_paths)
    out.push_back({"POST", std::string(path), std::string(operation), max_body_bytes_,
                   [this](http_exchange& e) { return infer(e); }});
  out.push_back({"GET", "/v1/models", "list_models", 0, [this](http_exchange& e) { return list_models(e); }});
  out.push_back({"GET", "/v1/models/{model}", "show_model", 0, [this](http_exchange& e) { return show_model(e); }});
  return out;
}

void inference_service::run(run_request const& decision) {
  if (auto const at = live_.find(decision.serial); at != live_.end()) at->second->on_run(decision);
}

void inference_service::fail(fail_request const& decision) {
  if (auto const at = live_.find(decision.serial); at != live_.end()) at->second->on_fail(decision);
}

void inference_service::abort_all() {
  for (auto const& [serial, request] : live_) request->abort_for_shutdown();
}

task<> inference_service::infer(http_exchange& exchange) {
  request_probe probe(prompts_);
  auto look = [&probe](std::string_view piece) { (void)probe.feed(piece); }; // finish() tells what was wrong
  auto body = co_await exchange.read_body(max_body_bytes_, look);
  if (!body) co_return co_await refuse(exchange, error_of_input(body.error()));
  auto asked = probe.finish();
  if (!asked) co_return co_await refuse(exchange, error_of_input(asked.error()));

  auto const trust = core_.core().policies().settings.limits.priority_header.value_or(priority_trust::lower_only);
  auto const wishes = read_wishes(exchange.head(), exchange.connection().peer(), trust);
  if (!wishes) co_return co_await refuse(exchange, error_of_input(wishes.error()));

  request_serial const serial{++serials_};
  inference_request request(exchange, core_, slots_, memory_, limits_, serial, std::move(*body), std::move(*asked));
  live_.emplace(serial, &request);
  co_await request.run(*wishes);
  live_.erase(serial);
}

task<> inference_service::list_models(http_exchange& exchange) {
  std::string body = R"({"object":"list","data":[)";
  bool first = true;
  for (auto const& name : core_.core().desired().served_names()) {
    if (!first) body += ',';
    first = false;
    body += model_object(name);
  }
  body += "]}";
  std::vector<header_view> const headers = {{"Content-Type", "application/json"}};
  co_await exchange.respond(200, headers, body);
}

task<> inference_service::show_model(http_exchange& exchange) {
  auto const name = exchange.param("model");
  auto const names = core_.core().desired().served_names();
  if (std::ranges::find(names, name) == names.end()) {
    co_return co_await refuse(exchange, error_of_failure(request_failure::no_model, name, names));
  }
  std::vector<header_view> const headers = {{"Content-Type", "application/json"}};
  auto const body = model_object(name);
  co_await exchange.respond(200, headers, body);
}

task<> inference_service::refuse(http_exchange& exchange, inference_error wrong) {
  auto const wait = retry_seconds({});
  auto const headers = error_headers(wrong, wait);
  auto const body = error_body(wrong, dialect_of(exchange.head().path));
  co_await exchange.respond(static_cast<unsigned>(wrong.status), headers, body);
}

} // namespace paddler
