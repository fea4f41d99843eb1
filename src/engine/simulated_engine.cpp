#include "engine/simulated_engine.hpp"

#include "net/listener.hpp"
#include "runtime/clock.hpp"
#include "runtime/timer.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace paddler {
namespace {

namespace json = boost::json;

constexpr std::size_t max_request_bytes = 256 * 1024 * 1024; // images in a conversation

// llama-server's shape for what the server itself refuses.
error_answer format_error(unsigned status, std::string_view detail, std::string_view) {
  error_answer out;
  out.content_type = json_content_type;
  out.body = to_json(api_error(status, status < 500 ? "invalid_request_error" : "server_error", std::string(detail)));
  return out;
}

// What is answered without spending a slot's time: a document made of the request's body.
using document_maker = api_result<std::string> (*)(std::string_view body);

template <generation_api api> api_result<std::string> counted_tokens(std::string_view body) {
  auto const request = parse_generation(api, body);
  if (!request) return std::unexpected(request.error());
  json::object answer{{"input_tokens", request->prompt_tokens()}};
  if (api != generation_api::messages) answer.emplace("object", "response.input_tokens");
  return json::serialize(answer);
}

api_result<std::string> tokens_of(std::string_view body) {
  auto const parsed = parse_body(body);
  if (!parsed) return std::unexpected(parsed.error());
  json::array tokens;
  auto const* fields = parsed->if_object();
  auto const* content = fields == nullptr ? nullptr : fields->if_contains("content");
  if (auto const text = content == nullptr ? std::nullopt : mixed_text(*content))
    for (auto number : token_numbers(*text)) tokens.emplace_back(number);
  return json::serialize(json::object{{"tokens", std::move(tokens)}});
}

api_result<std::string> applied_template(std::string_view body) {
  auto const request = parse_generation(generation_api::chat, body);
  if (!request) return std::unexpected(request.error());
  return json::serialize(json::object{{"prompt", request->prompt + request->delivered}});
}

struct document_route {
  std::string_view path;
  document_maker make;
};

constexpr std::array documents = std::to_array<document_route>({
    {"/v1/messages/count_tokens", counted_tokens<generation_api::messages>},
    {"/v1/chat/completions/input_tokens", counted_tokens<generation_api::chat>},
    {"/v1/responses/input_tokens", counted_tokens<generation_api::responses>},
    {"/tokenize", tokens_of},
    {"/apply-template", applied_template},
});

struct generation_route {
  std::string_view path;
  generation_api api;
};

constexpr std::array generations = std::to_array<generation_route>({
    {"/v1/chat/completions", generation_api::chat},
    {"/chat/completions", generation_api::chat},
    {"/v1/completions", generation_api::completions},
    {"/v1/responses", generation_api::responses},
    {"/responses", generation_api::responses},
    {"/v1/messages", generation_api::messages},
});

api_error loading() { return {503, "unavailable_error", "Loading model"}; }

api_error no_such_page() { return {404, "not_found_error", "File Not Found"}; }

// llama-server's words.
api_error makes_no_text() { return {500, "server_error", "the current context does not logits computation. skipping"}; }

http_server_config server_config() {
  http_server_config out;
  out.name = "simulated engine";
  out.limits.body_bytes = max_request_bytes;
  out.errors = format_error;
  return out;
}

} // namespace

simulated_engine::simulated_engine(asio::any_io_executor executor, simulated_engine_config config)
    : executor_(executor),
      config_(std::move(config)),
      random_(random_seed()),
      slots_(executor, config_.slots),
      never_(executor),
      server_(std::move(executor), server_config(), [this](http_exchange& exchange) { return handle(exchange); }) {}

result<void> simulated_engine::start() {
  auto from = listener::unix_socket(executor_, config_.socket_path);
  if (!from) return std::unexpected(from.error());
  server_.start(std::move(*from));
  return {};
}

task<bool> simulated_engine::run() {
  if (config_.simulation.load_time.count() > 0) co_await sleep_for(config_.simulation.load_time);
  if (config_.simulation.fail_load || config_.simulation.fail_model == config_.alias) co_return false;
  loaded_ = !config_.simulation.refuse_health;
  while (co_await never_.wait()) {
  }
  co_return true;
}

task<> simulated_engine::stop() { co_await server_.stop({}); }

// --- routes ---

task<> simulated_engine::handle(http_exchange& exchange) {
  auto const method = exchange.head().method;
  if (!loaded_) {
    co_await refuse(exchange, loading());
  } else if (method == "POST") {
    co_await handle_post(exchange);
  } else if (method == "GET" && exchange.head().path == "/slots") {
    co_await list_slots(exchange);
  } else if (method == "GET" && exchange.head().path == "/metrics") {
    co_await respond(exchange, metrics_text(), "text/plain; version=0.0.4");
  } else if (auto const page = method == "GET" ? page_of(exchange.head().path) : std::nullopt) {
    co_await respond(exchange, *page);
  } else {
    co_await refuse(exchange, no_such_page());
  }
}

task<> simulated_engine::handle_post(http_exchange& exchange) {
  auto const path = exchange.head().path;
  auto const generation = std::ranges::find(generations, path, &generation_route::path);
  auto const document = std::ranges::find(documents, path, &document_route::path);
  if (generation != generations.end() && config_.embeddings_only) {
    co_await refuse(exchange, makes_no_text());
  } else if (config_.broken && exchange.head().has_header("X-Request-Id") && config_.broken()) {
    co_await refuse(exchange, {500, "server_error", "the simulated engine is broken"});
  } else if (generation != generations.end()) {
    co_await generate(exchange, generation->api);
  } else if (path == "/v1/embeddings") {
    co_await embed(exchange);
  } else if (document != documents.end()) {
    co_await answer_document(exchange, document->make);
  } else {
    co_await refuse(exchange, no_such_page());
  }
}

task<> simulated_engine::answer_document(http_exchange& exchange, api_result<std::string> (*make)(std::string_view)) {
  auto const body = co_await exchange.read_body();
  if (!body) {
    co_await exchange.respond_error(body.error());
  } else if (auto const document = make(*body)) {
    co_await respond(exchange, *document);
  } else {
    co_await refuse(exchange, document.error());
  }
}

task<> simulated_engine::list_slots(http_exchange& exchange) {
  if (hung_) {
    co_await exchange.run_unless_client_leaves(hang());
  } else {
    co_await respond(exchange, slots_json());
  }
}

task<> simulated_engine::respond(http_exchange& exchange, std::string body, std::string_view type) {
  std::vector<header_view> const headers = {{"Content-Type", type}};
  co_await exchange.respond(200, headers, body);
}

task<> simulated_engine::refuse(http_exchange& exchange, api_error error) {
  std::vector<header_view> const headers = {{"Content-Type", json_content_type}};
  auto const body = to_json(error);
  co_await exchange.respond(error.status, headers, body);
}

// --- pages ---

std::optional<std::string> simulated_engine::page_of(std::string_view path) const {
  if (path == "/health" || path == "/v1/health") return R"({"status":"ok"})";
  if (path == "/v1/models" || path == "/models") return models_json();
  if (path == "/props") return props_json();
  return std::nullopt;
}

std::string simulated_engine::models_json() const {
  json::object const model{
      {"id", config_.alias},
      {"aliases", json::array{config_.alias}},
      {"tags", json::array()},
      {"object", "model"},
      {"created", unix_milliseconds(wall_now()) / 1000},
      {"owned_by", "llamacpp"},
      {"meta", json::object{{"n_ctx", config_.context_per_slot}, {"n_embd", embedding_dimensions}, {"n_params", 0}}}};
  json::object const listed{{"name", config_.alias}, {"model", config_.alias}, {"type", "model"}};
  return json::serialize(
      json::object{{"models", json::array{listed}}, {"object", "list"}, {"data", json::array{model}}});
}

std::string simulated_engine::slots_json() const {
  json::array out;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    out.push_back(json::object{{"id", slot},
                               {"n_ctx", config_.context_per_slot},
                               {"speculative", false},
                               {"is_processing", slots_.is_busy(slot)}});
  return json::serialize(out);
}

std::string simulated_engine::props_json() const {
  return json::serialize(json::object{
      {"default_generation_settings", json::object{{"n_ctx", config_.context_per_slot}}},
      {"total_slots", config_.slots},
      {"model_alias", config_.alias},
      {"endpoint_slots", true},
      {"endpoint_metrics", true},
      {"build_info", "simulated"},
  });
}

std::string simulated_engine::metrics_text() const {
  auto const line = [](std::string_view kind, std::string_view name, std::uint64_t value) {
    std::string const full = "llamacpp:" + std::string(name);
    return "# TYPE " + full + ' ' + std::string(kind) + '\n' + full + ' ' + std::to_string(value) + '\n';
  };
  return line("counter", "prompt_tokens_total", tokens_read_) +
         line("counter", "tokens_predicted_total", tokens_sent_) + line("gauge", "requests_processing", slots_.busy()) +
         line("gauge", "requests_deferred", slots_.waiting());
}

} // namespace paddler
