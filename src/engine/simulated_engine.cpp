#include "engine/simulated_engine.hpp"

#include "net/listener.hpp"
#include "runtime/clock.hpp"
#include "runtime/race.hpp"
#include "runtime/timer.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace paddler {
namespace {

namespace json = boost::json;

constexpr std::string_view json_type = "application/json; charset=utf-8";

// llama-server's shape for what the server itself refuses.
error_answer format_error(unsigned status, std::string_view detail, std::string_view) {
  error_answer out;
  out.content_type = json_type;
  out.body = to_json(api_error(status, status < 500 ? "invalid_request_error" : "server_error", std::string(detail)));
  return out;
}

enum class post_kind { generate, count, embed, tokenize, apply_template };

struct post_route {
  std::string_view path;
  post_kind what = post_kind::generate;
  generation_api api = generation_api::chat;
};

constexpr std::array posts = std::to_array<post_route>({
    {"/v1/chat/completions", post_kind::generate, generation_api::chat},
    {"/chat/completions", post_kind::generate, generation_api::chat},
    {"/v1/completions", post_kind::generate, generation_api::completions},
    {"/v1/responses", post_kind::generate, generation_api::responses},
    {"/responses", post_kind::generate, generation_api::responses},
    {"/v1/messages", post_kind::generate, generation_api::messages},
    {"/v1/chat/completions/input_tokens", post_kind::count, generation_api::chat},
    {"/v1/responses/input_tokens", post_kind::count, generation_api::responses},
    {"/v1/messages/count_tokens", post_kind::count, generation_api::messages},
    {"/v1/embeddings", post_kind::embed},
    {"/tokenize", post_kind::tokenize},
    {"/apply-template", post_kind::apply_template},
});

api_error no_such_page() { return {404, "not_found_error", "File Not Found"}; }

http_server_config server_config() {
  http_server_config out;
  out.name = "simulated engine";
  out.limits.body_bytes = 256 * 1024 * 1024;
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
  if (config_.simulation.fail_load) co_return false;
  loaded_ = !config_.simulation.refuse_health;
  while (co_await never_.wait()) {
  }
  co_return true;
}

task<> simulated_engine::stop() { co_await server_.stop({}); }

// --- routes ---

task<> simulated_engine::handle(http_exchange& exchange) {
  auto const& head = exchange.head();
  if (!loaded_) {
    co_await refuse(exchange, api_error(503, "unavailable_error", "Loading model"));
  } else if (head.method == "POST") {
    co_await handle_post(exchange);
  } else if (head.method != "GET") {
    co_await refuse(exchange, no_such_page());
  } else if (head.path == "/health" || head.path == "/v1/health") {
    co_await respond(exchange, R"({"status":"ok"})");
  } else if (head.path == "/v1/models" || head.path == "/models") {
    co_await respond(exchange, models_json());
  } else if (head.path == "/slots") {
    co_await list_slots(exchange);
  } else if (head.path == "/props") {
    co_await respond(exchange, props_json());
  } else if (head.path == "/metrics") {
    co_await exchange.respond(200, {{"Content-Type", "text/plain; version=0.0.4"}}, metrics_text());
  } else {
    co_await refuse(exchange, no_such_page());
  }
}

task<> simulated_engine::handle_post(http_exchange& exchange) {
  auto const path = exchange.head().path;
  auto const known = std::ranges::find(posts, path, &post_route::path);
  if (known == posts.end()) {
    co_await refuse(exchange, no_such_page());
  } else if (config_.embeddings_only && known->what == post_kind::generate) {
    co_await refuse(exchange,
                    api_error(500, "server_error", "the current context does not logits computation. skipping"));
  } else if (known->what == post_kind::generate) {
    co_await generate(exchange, known->api);
  } else if (known->what == post_kind::count) {
    co_await count_tokens(exchange, known->api);
  } else if (known->what == post_kind::embed) {
    co_await embed(exchange);
  } else if (known->what == post_kind::tokenize) {
    co_await tokenize(exchange);
  } else {
    co_await apply_template(exchange);
  }
}

task<> simulated_engine::list_slots(http_exchange& exchange) {
  if (hung_) {
    co_await run_unless(hang(), exchange.wait_client_gone());
    co_return;
  }
  co_await respond(exchange, slots_json());
}

task<> simulated_engine::count_tokens(http_exchange& exchange, generation_api api) {
  auto const body = co_await exchange.read_body();
  if (!body) {
    co_await exchange.respond_error(body.error());
    co_return;
  }
  auto const request = parse_generation(api, *body);
  if (!request) {
    co_await refuse(exchange, request.error());
    co_return;
  }
  json::object answer{{"input_tokens", chain_token_count(request->prompt)}};
  if (api != generation_api::messages) answer.emplace("object", "response.input_tokens");
  co_await respond(exchange, json::serialize(answer));
}

task<> simulated_engine::tokenize(http_exchange& exchange) {
  auto const body = co_await exchange.read_body();
  if (!body) {
    co_await exchange.respond_error(body.error());
    co_return;
  }
  auto const parsed = parse_body(*body);
  if (!parsed) {
    co_await refuse(exchange, parsed.error());
    co_return;
  }
  json::array tokens;
  auto const* fields = parsed->if_object();
  if (auto const* content = fields == nullptr ? nullptr : fields->if_contains("content"))
    if (content->is_string())
      for (auto number : token_numbers(content->as_string())) tokens.emplace_back(number);
  co_await respond(exchange, json::serialize(json::object{{"tokens", std::move(tokens)}}));
}

task<> simulated_engine::apply_template(http_exchange& exchange) {
  auto const body = co_await exchange.read_body();
  if (!body) {
    co_await exchange.respond_error(body.error());
    co_return;
  }
  auto const request = parse_generation(generation_api::chat, *body);
  if (!request) {
    co_await refuse(exchange, request.error());
    co_return;
  }
  co_await respond(exchange, json::serialize(json::object{{"prompt", request->prompt}}));
}

task<> simulated_engine::respond(http_exchange& exchange, std::string body) {
  co_await exchange.respond(200, {{"Content-Type", json_type}, {"Server", "llama.cpp"}}, body);
}

task<> simulated_engine::refuse(http_exchange& exchange, api_error error) {
  auto const body = to_json(error);
  co_await exchange.respond(error.status, {{"Content-Type", json_type}, {"Server", "llama.cpp"}}, body);
}

// --- documents ---

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
