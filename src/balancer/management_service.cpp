#include "balancer/management_service.hpp"

#include "balancer/readiness.hpp"
#include "balancer/views.hpp"
#include "core/state/layers.hpp"
#include "model/words.hpp"
#include "net/problem.hpp"
#include "wire/desired_codec.hpp"
#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"

#include <charconv>

namespace paddler {
namespace {

constexpr std::string_view yaml_type = "application/yaml";
constexpr std::string_view json_type = "application/json";

template <class View> std::string list_json(std::vector<View> const& rows, revision at) {
  auto items = list_node();
  for (auto const& row : rows) items.items.push_back(to_document(row));
  auto out = object_node();
  out.add("items", std::move(items)).add("revision", number_node(at.value));
  return print_json(out);
}

std::string etag_of(revision at) { return "\"" + std::to_string(at.value) + "\""; }

// `If-Match: "12"`. A missing header and `*` ask for nothing; anything else that is not a revision matches none.
result<std::optional<revision>> wanted_revision(http_head const& head) {
  auto text = head.header("if-match");
  if (text.empty() || text == "*") return std::nullopt;
  if (text.starts_with("W/")) text.remove_prefix(2);
  revision out;
  bool const quoted = text.size() > 2 && text.front() == '"' && text.back() == '"';
  if (quoted) text = text.substr(1, text.size() - 2);
  auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out.value);
  if (!quoted || ec != std::errc{} || end != text.data() + text.size())
    return fail(error_code::invalid_input,
                "If-Match: " + std::string(head.header("if-match")) + " is not an ETag of this API.",
                "Send the ETag of GET /management/v1/desired, as in If-Match: \"12\".");
  return out;
}

std::vector<header_view> fresh_json() { return {{"Content-Type", json_type}, {"Cache-Control", "no-store"}}; }

task<> answer_json(http_exchange& exchange, std::string body) {
  auto const headers = fresh_json();
  co_await exchange.respond(200, headers, body);
}

// RFC 9457, with every place that is wrong in a document.
task<> answer_error(http_exchange& exchange, error why) {
  unsigned status = http_status_of(why.code);
  if (!why.fields.empty()) status = 422;              // understood, and wrong
  if (why.code == error_code::conflict) status = 412; // If-Match did not hold
  auto const body =
      problem_json(status, reason_phrase(status), why.message, exchange.request_id(), why.fields, why.hint);
  std::vector<header_view> const headers = {{"Content-Type", problem_content_type}};
  co_await exchange.respond(status, headers, body);
}

// One source's document by the name of its kind; several files or agents are merged.
result<desired_document> document_of(desired_state const& desired, std::string_view kind) {
  desired_layers chosen;
  bool known = false;
  for (auto each : {source_kind::api, source_kind::file, source_kind::discovery}) {
    if (to_string(each) != kind) continue;
    known = true;
    for (auto const& [source, document] : desired.layers())
      if (source.kind == each) chosen.emplace(source, document);
  }
  if (!known)
    return fail(error_code::invalid_input, "There is no source '" + std::string(kind) + "'.",
                "Use source=api, file or discovery.");
  return merge_layers(chosen);
}

agent_id agent_of(http_exchange const& exchange) { return agent_id{std::string(exchange.param("agent"))}; }

} // namespace

std::vector<route> management_service::routes() {
  auto const at = [this](task<> (management_service::*handler)(http_exchange&)) {
    return [this, handler](http_exchange& exchange) { return (this->*handler)(exchange); };
  };
  using self = management_service;
  return {
      {"GET", "/management/v1/desired", "get_desired", 0, at(&self::get_desired)},
      {"PUT", "/management/v1/desired", "put_desired", 0, at(&self::put_desired)},
      {"GET", "/management/v1/explain", "explain_fields", 0, at(&self::explain_fields)},
      {"GET", "/management/v1/conflicts", "list_conflicts", 0, at(&self::get_conflicts)},
      {"GET", "/management/v1/agents", "list_agents", 0, at(&self::get_agents)},
      {"GET", "/management/v1/models", "list_models", 0, at(&self::get_models)},
      {"GET", "/management/v1/slots", "list_slots", 0, at(&self::get_slots)},
      {"GET", "/management/v1/requests", "list_requests", 0, at(&self::get_requests)},
      {"GET", "/management/v1/reconciliations", "list_reconciliations", 0, at(&self::get_reconciliations)},
      {"GET", "/management/v1/version", "get_version", 0, at(&self::get_version)},
      {"GET", "/management/v1/agents/{agent}/link", "open_link", 0, at(&self::open_link)},
      {"POST", "/management/v1/agents/{agent}/slots", "open_slot", 0, at(&self::open_slot)},
  };
}

// What was read may have been decided only just now: it is shown once a crash can no longer take it back.
task<> management_service::answer_when_durable(http_exchange& exchange, header_list headers, std::string_view body) {
  auto const durable = co_await core_.wait_durable();
  if (durable)
    co_await exchange.respond(200, headers, body);
  else
    co_await answer_error(exchange, durable.error());
}

task<> management_service::get_desired(http_exchange& exchange) {
  auto const& desired = core_.core().desired();
  result<desired_document> document = desired.effective();
  if (auto const kind = exchange.head().query_param("source")) document = document_of(desired, *kind);
  if (!document) {
    co_await answer_error(exchange, document.error());
    co_return;
  }
  bool const yaml = exchange.head().has_token("accept", yaml_type);
  auto const body = print_desired(*document, yaml ? document_format::yaml : document_format::json);
  auto const etag = etag_of(desired.current());
  std::vector<header_view> const headers = {
      {"Content-Type", yaml ? yaml_type : json_type}, {"ETag", etag}, {"Cache-Control", "no-cache"}};
  co_await answer_when_durable(exchange, headers, body);
}

task<> management_service::put_desired(http_exchange& exchange) {
  auto const body = co_await exchange.read_body(max_document_bytes_);
  if (!body) {
    co_await answer_error(exchange, body.error());
    co_return;
  }
  auto const wanted = wanted_revision(exchange.head());
  bool const json = exchange.head().header("content-type").starts_with(json_type);
  auto const format = json ? document_format::json : document_format::yaml;
  auto document = co_await run_blocking(parsers_, [&body, format] { return parse_desired(*body, format); });
  if (!wanted) document = std::unexpected(wanted.error());
  if (!document) {
    co_await answer_error(exchange, document.error());
    co_return;
  }
  auto const before = core_.core().desired().current();
  desired_change change;
  change.source = {source_kind::api, ""};
  change.document = std::move(*document);
  change.if_match = *wanted;
  change.origin = {"anonymous", exchange.connection().peer()};
  auto const changed = co_await core_.submit(std::move(change));
  if (!changed) {
    co_await answer_error(exchange, changed.error());
    co_return;
  }
  auto const etag = etag_of(*changed);
  std::vector<header_view> const headers = {{"Content-Type", json_type}, {"ETag", etag}};
  auto const answer = R"({"revision":)" + std::to_string(changed->value) + R"(,"changed":)" +
                      (*changed > before ? "true" : "false") + "}";
  co_await exchange.respond(200, headers, answer);
}

// ?path=agents/a1 or agents/a1.slots; without it every field.
task<> management_service::explain_fields(http_exchange& exchange) {
  auto const& desired = core_.core().desired();
  auto const path = exchange.head().query_param("path").value_or("");
  auto const found = desired.claims().explain(path);
  if (found.empty() && !path.empty()) {
    error const wrong{error_code::not_found,
                      "No source sets '" + path + "'.",
                      "Paths look like agents/ID.slots or models/ID.parameters; `explain` without one lists all.",
                      {}};
    co_await answer_error(exchange, wrong);
    co_return;
  }
  auto const body = list_json(found, desired.current());
  auto const headers = fresh_json();
  co_await answer_when_durable(exchange, headers, body);
}

task<> management_service::get_conflicts(http_exchange& exchange) {
  auto const& desired = core_.core().desired();
  auto const body = list_json(desired.claims().conflicts(), desired.current());
  auto const headers = fresh_json();
  co_await answer_when_durable(exchange, headers, body);
}

task<> management_service::get_agents(http_exchange& exchange) {
  co_await answer_json(exchange, list_json(view_agents(core_.core()), core_.core().desired().current()));
}

task<> management_service::get_models(http_exchange& exchange) {
  co_await answer_json(exchange, list_json(view_models(core_.core()), core_.core().desired().current()));
}

task<> management_service::get_slots(http_exchange& exchange) {
  co_await answer_json(exchange, list_json(view_slots(core_.core()), core_.core().desired().current()));
}

task<> management_service::get_requests(http_exchange& exchange) {
  co_await answer_json(exchange, list_json(view_requests(core_.core()), core_.core().desired().current()));
}

task<> management_service::get_reconciliations(http_exchange& exchange) {
  co_await answer_json(exchange, list_json(view_reconciliations(core_.core()), core_.core().desired().current()));
}

task<> management_service::get_version(http_exchange& exchange) {
  co_await answer_json(exchange, "{\"version\":\"" PADDLER_VERSION "\"}");
}

task<> management_service::open_link(http_exchange& exchange) {
  auto const agent = agent_of(exchange);
  co_await links_.serve(exchange, agent);
}

task<> management_service::open_slot(http_exchange& exchange) {
  auto const agent = agent_of(exchange);
  co_await slots_.serve(exchange, agent);
}

std::vector<route> health_routes(core_service& core) {
  return {
      {"GET", "/healthz", "healthz", 0, [](http_exchange& exchange) { return answer_health(exchange); }},
      {"GET", "/readyz", "readyz", 0, [&core](http_exchange& exchange) { return answer_readiness(exchange, core); }}};
}

} // namespace paddler
