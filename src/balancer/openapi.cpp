#include "balancer/openapi.hpp"

#include "balancer/management_answers.hpp"
#include "model/applicable.hpp"
#include "model/dump.hpp"
#include "model/events.hpp"
#include "model/history.hpp"
#include "model/link.hpp"
#include "model/snapshot.hpp"
#include "model/views.hpp"
#include "wire/json_schema.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

namespace paddler {
namespace {

struct parameter {
  std::string_view name;
  std::string_view place; // query or header
  std::string_view type;
  std::string_view description;
};

using schema_maker = document_node (*)(schema_collection&);

// How one operation is called and what comes back.
struct operation {
  std::string_view id;
  std::string_view summary;
  std::string_view body = {};       // media types that it takes: "yaml", "json" or "patch"
  schema_maker taken = nullptr;     // schema of the body
  std::string_view answer = "json"; // "json", "text", "events", "none"
  schema_maker answered = nullptr;  // schema of the answer
  std::vector<parameter> parameters = {};
};

template <class T> document_node schema_of(schema_collection& schemas) { return schemas.add<T>(); }

template <class Row> document_node list_schema(schema_collection& schemas) {
  return schema_collection::object(
      {{"items", schema_collection::list_of(schemas.add<Row>())}, {"revision", schemas.add<revision>()}});
}

document_node texts(schema_collection& schemas) { return schema_collection::list_of(schemas.add<std::string>()); }

document_node revisions_schema(schema_collection& schemas) {
  return schema_collection::object({{"items", schemas.add<std::vector<revision_view>>()},
                                    {"revision", schemas.add<revision>()},
                                    {"oldest", schemas.add<revision>()}});
}

document_node outcome_schema(schema_collection& schemas) {
  return schema_collection::object({{"revision", schemas.add<revision>()},
                                    {"changed", schemas.add<bool>()},
                                    {"losses", schemas.add<std::vector<lost_field>>()},
                                    {"warnings", texts(schemas)}});
}

document_node rollback_schema(schema_collection& schemas) {
  return schema_collection::object({{"revision", schemas.add<revision>()}});
}

document_node diff_schema(schema_collection& schemas) {
  return schema_collection::object({{"from", schemas.add<std::string>()},
                                    {"to", schemas.add<std::string>()},
                                    {"items", schemas.add<std::vector<field_change>>()},
                                    {"revision", schemas.add<revision>()}});
}

document_node validity_schema(schema_collection& schemas) {
  return schema_collection::object({{"valid", schemas.add<bool>()}, {"warnings", texts(schemas)}});
}

document_node applicable_schema(schema_collection& schemas) {
  auto row =
      schema_collection::object({{"agent", schemas.add<agent_id>()}, {"state", schemas.add<applicable_state>()}});
  return schema_collection::object(
      {{"items", schema_collection::list_of(std::move(row))}, {"revision", schemas.add<revision>()}});
}

document_node policies_schema(schema_collection& schemas) {
  return schema_collection::object({{"items", schemas.add<std::vector<policy_view>>()},
                                    {"revision", schemas.add<revision>()},
                                    {"version", schemas.add<generation>()},
                                    {"settings", schemas.add<policies_spec>()}});
}

document_node dump_schema(schema_collection& schemas) {
  return schema_collection::object({{"format", schemas.add<std::string>()},
                                    {"taken", schemas.add<wall_time>()},
                                    {"epoch", schemas.add<epoch>()},
                                    {"revision", schemas.add<revision>()},
                                    {"base", schemas.add<state_snapshot>()},
                                    {"log", schemas.add<std::vector<log_record>>()},
                                    {"desired", schemas.add<desired_document>()},
                                    {"policies", schemas.add<applicable_policies>()},
                                    {"conflicts", schemas.add<std::vector<field_provenance>>()},
                                    {"agents", schemas.add<std::vector<agent_view>>()},
                                    {"slots", schemas.add<std::vector<slot_view>>()},
                                    {"requests", schemas.add<std::vector<request_view>>()},
                                    {"ledger", schemas.add<dumped_ledger>()},
                                    {"reconciliations", schemas.add<std::vector<logged_action>>()}});
}

document_node version_schema(schema_collection& schemas) {
  return schema_collection::object({{"version", schemas.add<std::string>()}});
}

constexpr parameter condition{"If-Match", "header", "string", "The ETag that desired state must have; else 412."};
constexpr parameter path{"path", "query", "string", "Only what lies beneath it, as in agents/a1 or agents/a1.slots."};
constexpr parameter instant{"at", "query", "string", "A revision or an RFC 3339 time; left out: now."};

std::vector<operation> operations_on_desired_state() {
  return {{.id = "get_desired",
           .summary = "What operators want: all sources together, or one of them. ETag is its revision",
           .answered = schema_of<desired_document>,
           .parameters = {instant, {"source", "query", "string", "api, file or discovery: what it says alone."}}},
          {.id = "put_desired",
           .summary =
               "Replaces what the API says. Answered when it is durable, with the fields that another source decides",
           .body = "yaml",
           .taken = schema_of<desired_document>,
           .answered = outcome_schema,
           .parameters = {condition}},
          {.id = "delete_desired",
           .summary = "Releases all that the API said",
           .answered = outcome_schema,
           .parameters = {condition}},
          {.id = "get_applicable",
           .summary = "Desired state, resolved for each agent",
           .answered = applicable_schema,
           .parameters = {instant}},
          {.id = "list_revisions",
           .summary = "The changes of desired state, the newest first",
           .answered = revisions_schema,
           .parameters = {{"limit", "query", "integer", "How many; 20 where it is left out, 1000 at most."},
                          {"before", "query", "integer", "Only those before this revision."},
                          path}},
          {.id = "get_revision",
           .summary = "One change, with the document that its source said",
           .answered = schema_of<revision_view>},
          {.id = "get_diff",
           .summary = "What differs between two layers, or two instants. Left out: what the last change did",
           .answered = diff_schema,
           .parameters = {{"from", "query", "string", "LAYER or LAYER@REVISION, as in desired@41, applicable, api@3."},
                          {"to", "query", "string", "The same; desired where it is left out."},
                          path}},
          {.id = "roll_back",
           .summary = "Says again what the API said at a revision, as a new revision",
           .body = "json",
           .taken = rollback_schema,
           .answered = outcome_schema,
           .parameters = {condition}},
          {.id = "plan",
           .summary = "What a document would do if it were applied, and what each agent would do then",
           .body = "yaml",
           .taken = schema_of<desired_document>,
           .answered = schema_of<plan_view>,
           .parameters = {condition}},
          {.id = "validate",
           .summary = "Whether a document would be accepted; changes nothing",
           .body = "yaml",
           .taken = schema_of<desired_document>,
           .answered = validity_schema,
           .parameters = {condition}}};
}

std::vector<operation> operations_on_policies() {
  return {{.id = "get_policies",
           .summary = "What requests are served by, each with who decides it. ETag is the revision of desired state",
           .answered = policies_schema},
          {.id = "put_policies",
           .summary = "Replaces what the API says of policies, and of nothing else",
           .body = "yaml",
           .taken = schema_of<policies_spec>,
           .answered = outcome_schema,
           .parameters = {condition}},
          {.id = "patch_policies",
           .summary = "Changes what the API says of single policies; null releases one (RFC 7396)",
           .body = "patch",
           .taken = schema_of<policies_spec>,
           .answered = outcome_schema,
           .parameters = {condition}},
          {.id = "delete_policies",
           .summary = "Releases all that the API said of policies",
           .answered = outcome_schema,
           .parameters = {condition}}};
}

std::vector<operation> operations_on_what_is() {
  return {
      {.id = "explain_fields",
       .summary = "Who decides each field, since when, and who else set it",
       .answered = list_schema<field_provenance>,
       .parameters = {path}},
      {.id = "list_conflicts",
       .summary = "The fields on which sources disagree",
       .answered = list_schema<field_provenance>},
      {.id = "list_agents", .summary = "The agents that are wanted or were seen", .answered = list_schema<agent_view>},
      {.id = "list_models", .summary = "The models that clients may ask for", .answered = list_schema<model_view>},
      {.id = "list_slots", .summary = "The slots that agents offer", .answered = list_schema<slot_view>},
      {.id = "list_requests",
       .summary = "Requests that are alive, and the newest that ended",
       .answered = list_schema<request_view>,
       .parameters = {{"state", "query", "string", "Only those in this state, as in failed."},
                      {"model", "query", "string", "Only those for this model."},
                      {"agent", "query", "string", "Only those whose newest attempt is on this agent."},
                      {"limit", "query", "integer",
                       "At most so many: first those alive, then the newest that ended."}}},
      {.id = "get_request",
       .summary = "One request's whole way: its steps, and how each attempt ended",
       .answered = schema_of<request_page>},
      {.id = "list_reconciliations",
       .summary = "What was done to bring agents to what is wanted, with the difference that caused it",
       .answered = list_schema<reconciliation_view>}};
}

std::vector<operation> other_operations() {
  return {{.id = "watch_events",
           .summary = "Events as they happen, as server-sent events or over WebSocket",
           .answer = "events",
           .parameters = {{"from", "query", "integer", "A revision: what came since its change."},
                          {"kinds", "query", "string", "agent, config, health, reconcile, with commas."},
                          {"Last-Event-ID", "header", "string", "The last event that was seen; goes on behind it."}}},
          {.id = "dump", .summary = "Everything that the balancer knows, at one moment", .answered = dump_schema},
          {.id = "get_version", .summary = "The version of this balancer", .answered = version_schema},
          {.id = "get_openapi", .summary = "This document"},
          {.id = "open_link", .summary = "For agents: their link, a WebSocket (docs/protocol.md)", .answer = "none"},
          {.id = "open_slot",
           .summary = "For agents: a slot connection, on which the balancer asks (docs/protocol.md)",
           .answer = "none"},
          {.id = "healthz", .summary = "Whether the process lives", .answer = "text"},
          {.id = "readyz",
           .summary = "Whether it can serve",
           .answer = "text",
           .parameters = {{"slots", "query", "integer", "So many slots must be there."}}}};
}

std::vector<operation> const& operations() {
  static std::vector<operation> const all = [] {
    auto out = operations_on_desired_state();
    for (auto more : {operations_on_policies, operations_on_what_is, other_operations})
      std::ranges::move(more(), std::back_inserter(out));
    return out;
  }();
  return all;
}

operation const* find_operation(std::string_view id) {
  auto const at = std::ranges::find(operations(), id, &operation::id);
  return at == operations().end() ? nullptr : &*at;
}

document_node text(std::string_view words) { return text_node(std::string(words)); }

document_node parameter_node(parameter const& from, bool required) {
  auto schema = object_node();
  schema.add("type", text(from.type));
  auto out = object_node();
  out.add("name", text(from.name)).add("in", text(from.place)).add("required", boolean_node(required));
  if (!from.description.empty()) out.add("description", text(from.description));
  out.add("schema", std::move(schema));
  return out;
}

// "/agents/{agent}/link" has one.
void add_path_parameters(document_node& out, std::string_view pattern) {
  for (auto open = pattern.find('{'); open != std::string_view::npos; open = pattern.find('{', open + 1)) {
    auto const name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
    out.items.push_back(parameter_node({name, "path", "string", ""}, true));
  }
}

document_node media(std::string_view type, document_node schema) {
  auto content = object_node();
  content.add("schema", std::move(schema));
  auto out = object_node();
  out.add(std::string(type), std::move(content));
  return out;
}

document_node body_node(operation const& described, schema_collection& schemas) {
  auto content = media(json_type, described.taken(schemas));
  if (described.body != "json") content.add(std::string(yaml_type), *content.find(json_type));
  if (described.body == "patch") content.add(std::string(merge_patch_type), *content.find(json_type));
  auto out = object_node();
  out.add("required", boolean_node(true)).add("content", std::move(content));
  return out;
}

document_node response(std::string_view description, document_node content) {
  auto out = object_node();
  out.add("description", text(description));
  if (!content.items.empty()) out.add("content", std::move(content));
  return out;
}

document_node success(operation const& described, schema_collection& schemas) {
  auto any = object_node();
  any.add("type", text("object"));
  if (described.answer == "events") return response("A stream of events", media("text/event-stream", object_node()));
  if (described.answer == "text") return response("It is so", media("text/plain", object_node()));
  return response("The answer", media(json_type, described.answered ? described.answered(schemas) : any));
}

document_node problem_schema(schema_collection& schemas) {
  auto out = object_node();
  out.add("type", text("object"));
  auto properties = object_node();
  for (auto const* each : {"type", "title", "detail", "hint", "instance"})
    properties.add(each, schemas.add<std::string>());
  properties.add("status", schemas.add<int>()).add("errors", schemas.add<std::vector<field_error>>());
  out.add("properties", std::move(properties));
  return out;
}

document_node operation_node(route const& row, operation const& described, schema_collection& schemas) {
  auto parameters = list_node();
  add_path_parameters(parameters, row.pattern);
  for (auto const& each : described.parameters) parameters.items.push_back(parameter_node(each, false));
  auto responses = object_node();
  if (described.answer == "none")
    responses.add("101", response("The connection speaks another protocol from here on", {}));
  else
    responses.add("200", success(described, schemas));
  auto problem = object_node();
  problem.add("$ref", text("#/components/schemas/problem"));
  responses.add("default", response("An error (RFC 9457)", media("application/problem+json", std::move(problem))));
  auto out = object_node();
  out.add("operationId", text(described.id)).add("summary", text(described.summary));
  if (!parameters.items.empty()) out.add("parameters", std::move(parameters));
  if (!described.body.empty()) out.add("requestBody", body_node(described, schemas));
  out.add("responses", std::move(responses));
  return out;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

} // namespace

document_node openapi_document(std::span<route const> rows) {
  schema_collection schemas;
  std::map<std::string, document_node> paths;
  for (auto const& row : rows) {
    auto const* described = find_operation(row.operation_id);
    if (described == nullptr) continue; // the test of this file does not let that stand
    auto const at = paths.try_emplace(row.pattern, object_node()).first;
    at->second.add(lower(row.method), operation_node(row, *described, schemas));
  }
  auto info = object_node();
  info.add("title", text("Paddler management API")).add("version", text(PADDLER_VERSION));
  auto problem = problem_schema(schemas);
  auto named = schemas.document();
  named.add("problem", std::move(problem));
  auto components = object_node();
  components.add("schemas", std::move(named));
  auto path_nodes = object_node();
  for (auto& [pattern, node] : paths) path_nodes.add(pattern, std::move(node));
  auto out = object_node();
  out.add("openapi", text("3.1.0")).add("info", std::move(info));
  out.add("paths", std::move(path_nodes)).add("components", std::move(components));
  return out;
}

std::vector<std::string> described_operations() {
  std::vector<std::string> out;
  for (auto const& each : operations()) out.emplace_back(each.id);
  return out;
}

std::vector<route> with_openapi(std::vector<route> rows) {
  rows.push_back({"GET", "/management/v1/openapi.json", "get_openapi", 0, {}});
  auto const printed = std::make_shared<std::string const>(print_json(openapi_document(rows)));
  rows.back().handler = [printed](http_exchange& exchange) { return answer_json(exchange, *printed); };
  return rows;
}

} // namespace paddler
