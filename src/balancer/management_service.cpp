#include "balancer/management_service.hpp"

#include "balancer/management_answers.hpp"
#include "balancer/readiness.hpp"
#include "balancer/request_filter.hpp"
#include "balancer/views.hpp"

#include <boost/asio/post.hpp>

#include <array>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t agents_a_piece = 256; // of an answer that lists them

agent_id agent_of(http_exchange const& exchange) { return agent_id{std::string(exchange.param("agent"))}; }

// As a text of SQL.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (char const c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

error no_request(request_id const& id) {
  return {error_code::not_found,
          "There is no request '" + id.value + "' among those that are alive and the newest that ended.",
          "Older ones are in the table REQUESTS of the state database: SELECT * FROM requests WHERE id = " +
              quoted(id.value) + ";",
          {}};
}

} // namespace

std::vector<route> management_service::routes() {
  auto const at = [this](task<> (management_service::*handler)(http_exchange&)) {
    return [this, handler](http_exchange& exchange) { return (this->*handler)(exchange); };
  };
  using self = management_service;
  return {
      {"PUT", "/management/v1/desired", "put_desired", 0, at(&self::put_desired)},
      {"DELETE", "/management/v1/desired", "delete_desired", 0, at(&self::delete_desired)},
      {"GET", "/management/v1/explain", "explain_fields", 0, at(&self::explain_fields)},
      {"GET", "/management/v1/conflicts", "list_conflicts", 0, at(&self::get_conflicts)},
      {"GET", "/management/v1/agents", "list_agents", 0, at(&self::get_agents)},
      {"GET", "/management/v1/models", "list_models", 0, at(&self::get_models)},
      {"GET", "/management/v1/slots", "list_slots", 0, at(&self::get_slots)},
      {"GET", "/management/v1/requests", "list_requests", 0, at(&self::get_requests)},
      {"GET", "/management/v1/requests/{request}", "get_request", 0, at(&self::get_request)},
      {"GET", "/management/v1/reconciliations", "list_reconciliations", 0, at(&self::get_reconciliations)},
      {"GET", "/management/v1/version", "get_version", 0, at(&self::get_version)},
      {"GET", "/management/v1/agents/{agent}/link", "open_link", 0, at(&self::open_link)},
      {"POST", "/management/v1/agents/{agent}/slots", "open_slot", 0, at(&self::open_slot)},
  };
}

// Where the disk failed nobody knows what it holds.
task<> management_service::answer_when_durable(http_exchange& exchange, std::string body) {
  auto const durable = co_await core_.wait_durable();
  if (durable)
    co_await answer_json(exchange, std::move(body));
  else
    co_await answer_error(exchange, durable.error());
}

task<> management_service::put_desired(http_exchange& exchange) {
  auto document = co_await read_desired(exchange, parsers_, max_document_bytes_);
  if (!document) co_return co_await answer_error(exchange, document.error());
  co_await change_desired(exchange, *std::move(document));
}

// The API releases all that it had set.
task<> management_service::delete_desired(http_exchange& exchange) {
  desired_document const nothing;
  co_await change_desired(exchange, nothing);
}

task<> management_service::change_desired(http_exchange& exchange, desired_document document) {
  auto const wanted = wanted_revision(exchange.head());
  if (!wanted) co_return co_await answer_error(exchange, wanted.error());
  desired_change change;
  change.source = {source_kind::api, ""};
  change.document = std::move(document);
  change.if_match = *wanted;
  change.origin = {"anonymous", exchange.connection().peer()};
  auto const admitted = co_await door_.submit(std::move(change));
  if (!admitted) co_return co_await answer_error(exchange, admitted.error());
  auto outcome = outcome_document(admitted->made, admitted->warnings);
  co_await answer_outcome(exchange, admitted->made.at, std::move(outcome));
}

// ?path=agents/a1 or agents/a1.slots; without it every field.
task<> management_service::explain_fields(http_exchange& exchange) {
  auto const& desired = core_.core().desired();
  auto const path = exchange.head().query_param("path").value_or("");
  auto const found = desired.claims().explain(path);
  if (found.empty() && !path.empty()) {
    error const wrong{error_code::not_found,
                      "No source sets '" + path + "'.",
                      "Paths look like agents/ID.slots, models/ID.parameters or policies/routing.strategy; `explain` "
                      "without one lists all. What nobody sets has its default.",
                      {}};
    co_await answer_error(exchange, wrong);
    co_return;
  }
  auto const body = list_json(found, desired.current());
  co_await answer_when_durable(exchange, body);
}

task<> management_service::get_conflicts(http_exchange& exchange) {
  auto const& desired = core_.core().desired();
  auto const body = list_json(desired.claims().conflicts(), desired.current());
  co_await answer_when_durable(exchange, body);
}

// Thousands of agents are told of in pieces, with the loop's other work between them: the whole would hold up
// heartbeats. So a row may be newer than `revision`, and never older.
task<> management_service::get_agents(http_exchange& exchange) {
  auto const at = core_.core().desired().current();
  auto rows = agents_behind({});
  if (rows.size() < agents_a_piece) {
    co_await answer_json(exchange, list_json(rows, at));
    co_return;
  }
  std::vector<header_view> const headers = {{"Content-Type", json_type}, {"Cache-Control", "no-store"}};
  exchange.prepare_stream(200, headers);
  std::string piece = R"({"items":[)";
  while (!rows.empty()) {
    for (auto const& row : rows) piece += print_json(to_document(row)) + ',';
    auto const last = rows.back().id;
    rows = agents_behind(last);
    if (rows.empty()) piece.pop_back();
    if (!co_await exchange.write_chunk(piece)) co_return;
    piece.clear();
    co_await asio::post(exchange.connection().executor(), asio::use_awaitable);
  }
  piece = R"(],"revision":)" + std::to_string(at.value) + "}";
  std::array<asio::const_buffer, 1> const end{asio::buffer(piece)};
  co_await exchange.finish_stream(end);
}

// The next piece of the list, with what travelled on their links.
std::vector<agent_view> management_service::agents_behind(agent_id const& last) const {
  auto rows = view_agents(core_.core(), last, agents_a_piece);
  auto const& agents = core_.core().agents().agents();
  for (auto& row : rows)
    if (auto const at = agents.find(row.id); at != agents.end() && row.connected)
      row.link = links_.traffic(at->second.link);
  return rows;
}

task<> management_service::get_models(http_exchange& exchange) {
  co_await answer_json(exchange, list_json(view_models(core_.core()), core_.core().desired().current()));
}

task<> management_service::get_slots(http_exchange& exchange) {
  co_await answer_json(exchange, list_json(view_slots(core_.core()), core_.core().desired().current()));
}

// ?state=, ?model=, ?agent=, ?limit=
task<> management_service::get_requests(http_exchange& exchange) {
  auto const wanted = read_filter(exchange.head());
  if (!wanted) co_return co_await answer_wrong_query(exchange, wanted.error());
  co_await answer_json(exchange, list_json(view_requests(core_.core(), *wanted), core_.core().desired().current()));
}

task<> management_service::get_request(http_exchange& exchange) {
  request_id const id{std::string(exchange.param("request"))};
  auto const* const request = core_.core().requests().find(id);
  if (request == nullptr) co_return co_await answer_error(exchange, no_request(id));
  auto const page = page_of(*request, *core_.core().requests().routes_of(request->serial));
  co_await answer_json(exchange, print_json(to_document(page)));
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
