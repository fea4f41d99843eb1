#include "balancer/history_service.hpp"

#include "balancer/management_answers.hpp"
#include "core/state/field_map.hpp"
#include "core/state/layer_fields.hpp"
#include "core/state/validation.hpp"
#include "runtime/clock.hpp"
#include "wire/desired_codec.hpp"
#include "wire/rfc3339.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t max_rollback_bytes = 4096; // of the request's body

// The body of POST /rollback.
struct rollback_wish {
  paddler::revision revision;
};

BOOST_DESCRIBE_STRUCT(rollback_wish, (), (revision))

struct applicable_of_agent {
  agent_id agent;
  applicable_state state;
};

BOOST_DESCRIBE_STRUCT(applicable_of_agent, (), (agent, state))

std::vector<applicable_of_agent> rows_of(std::map<agent_id, applicable_state> const& states) {
  std::vector<applicable_of_agent> out;
  for (auto const& [agent, state] : states) out.push_back({agent, state});
  return out;
}

error wrong_revision(std::string_view text) {
  return {error_code::invalid_input, "'" + std::string(text) + "' is no revision.", "Revisions are numbers.", {}};
}

// "/management/v1/revisions/12": with the state before it, so that what changed can be told.
std::optional<std::string> revision_json(history_slice const& slice) {
  if (slice.records.empty()) return std::nullopt;
  auto before = slice;
  before.records.pop_back();
  auto state = fold(before);
  auto const& record = *slice.records.back();
  auto out = to_document(view_revision(record, state.apply(record)));
  out.add("document", to_document(record.document));
  return print_json(out);
}

} // namespace

std::vector<route> history_service::routes() {
  auto const at = [this](task<> (history_service::*handler)(http_exchange&)) {
    return [this, handler](http_exchange& exchange) { return (this->*handler)(exchange); };
  };
  using self = history_service;
  return {
      {"GET", "/management/v1/desired", "get_desired", 0, at(&self::get_desired)},
      {"GET", "/management/v1/applicable", "get_applicable", 0, at(&self::get_applicable)},
      {"GET", "/management/v1/revisions", "list_revisions", 0, at(&self::list_revisions)},
      {"GET", "/management/v1/revisions/{number}", "get_revision", 0, at(&self::get_revision)},
      {"GET", "/management/v1/diff", "get_diff", 0, at(&self::get_diff)},
      {"POST", "/management/v1/rollback", "roll_back", 0, at(&self::roll_back)},
      {"POST", "/management/v1/plan", "plan", 0, at(&self::plan)},
      {"POST", "/management/v1/validate", "validate", 0, at(&self::validate)},
  };
}

result<layer_instant> history_service::instant_of(std::string_view text) const {
  auto const mark = text.find('@');
  auto const when = parse_rfc3339(mark == std::string_view::npos ? text : text.substr(mark + 1));
  if (!when) return parse_layer_instant(text);
  auto const number = core_.core().history().as_of(*when);
  if (!number) return std::unexpected(number.error());
  auto const layer = mark == std::string_view::npos ? std::string("desired") : std::string(text.substr(0, mark));
  return parse_layer_instant(layer + "@" + std::to_string(number->value));
}

result<history_slice> history_service::slice_of(std::optional<revision> at) const {
  auto const& history = core_.core().history();
  if (at) return history.up_to(*at);
  return history.all();
}

result<layer_instant> history_service::desired_instant(http_head const& head) const {
  auto out = instant_of(head.query_param("at").value_or("desired"));
  if (!out) return out;
  if (out->layer != state_layer::desired)
    return fail(error_code::invalid_input, "That is another layer than desired state.",
                "Give a revision or a time, as in at=41; see also /management/v1/applicable.");
  auto const source = head.query_param("source");
  if (!source) return out;
  auto const of_source = parse_layer_instant(*source);
  if (!of_source || of_source->at || !is_source(of_source->layer))
    return fail(error_code::invalid_input, "There is no source '" + *source + "'.",
                "Use source=api, file or discovery.");
  out->layer = of_source->layer;
  return out;
}

// The present costs no fold.
task<result<desired_document>> history_service::document_at(layer_instant instant) {
  if (!instant.at) co_return layer_document(core_.core().desired(), instant.layer);
  auto const slice = slice_of(instant.at);
  if (!slice) co_return std::unexpected(slice.error());
  co_return co_await run_blocking(pool_, [&slice, instant] { return layer_document(fold(*slice), instant.layer); });
}

// ?source=api, file or discovery; ?at=REVISION or a time.
task<> history_service::get_desired(http_exchange& exchange) {
  auto const durable = co_await core_.wait_durable();
  if (!durable) co_return co_await answer_error(exchange, durable.error());
  auto const wanted = desired_instant(exchange.head());
  if (!wanted) co_return co_await answer_error(exchange, wanted.error());
  auto const etag = etag_of(wanted->at.value_or(core_.core().desired().current()));
  auto const document = co_await document_at(*wanted);
  if (!document) co_return co_await answer_error(exchange, document.error());
  bool const yaml = exchange.head().has_token("accept", yaml_type);
  auto const body = print_desired(*document, yaml ? document_format::yaml : document_format::json);
  std::vector<header_view> const headers = {
      {"Content-Type", yaml ? yaml_type : json_type}, {"ETag", etag}, {"Cache-Control", "no-cache"}};
  co_await exchange.respond(200, headers, body);
}

task<> history_service::get_applicable(http_exchange& exchange) {
  auto wanted = instant_of(exchange.head().query_param("at").value_or("desired"));
  auto const slice = wanted ? slice_of(wanted->at) : std::unexpected(wanted.error());
  if (!slice) co_return co_await answer_error(exchange, slice.error());
  auto const body = co_await run_blocking(pool_, [&slice] {
    auto const state = fold(*slice);
    return list_json(rows_of(state.applicable_states()), state.current());
  });
  if (!body) co_return co_await answer_error(exchange, body.error());
  co_await answer_json(exchange, *body);
}

// ?limit=, ?before=REVISION, ?path=
task<> history_service::list_revisions(http_exchange& exchange) {
  auto const limit = query_number(exchange.head(), "limit", max_listed_revisions);
  auto const before = query_number(exchange.head(), "before", std::numeric_limits<std::uint64_t>::max());
  if (!limit) co_return co_await answer_error(exchange, limit.error());
  if (!before) co_return co_await answer_error(exchange, before.error());
  revision_filter filter;
  if (*limit) filter.limit = **limit;
  if (*before) filter.before = revision{**before};
  filter.path = exchange.head().query_param("path").value_or("");
  auto const& history = core_.core().history();
  auto const slice = history.all();
  auto const oldest = history.oldest();
  auto const newest = history.newest();
  auto const body = co_await run_blocking(pool_, [&] {
    auto out = list_document(paddler::list_revisions(slice, filter), newest);
    out.add("oldest", number_node(oldest.value));
    return print_json(out);
  });
  if (!body) co_return co_await answer_error(exchange, body.error());
  co_await answer_json(exchange, *body);
}

task<> history_service::get_revision(http_exchange& exchange) {
  auto const text = exchange.param("number");
  auto const wanted = parse_layer_instant(text);
  if (!wanted || !wanted->at || print_layer_instant(*wanted) != "desired@" + std::string(text))
    co_return co_await answer_error(exchange, wrong_revision(text));
  auto const slice = slice_of(wanted->at);
  if (!slice) co_return co_await answer_error(exchange, slice.error());
  auto const body = co_await run_blocking(pool_, [&slice] { return revision_json(*slice); });
  if (!body) co_return co_await answer_error(exchange, body.error());
  if (*body) co_return co_await answer_json(exchange, **body);
  error const folded{
      error_code::gone,
      "Of revision " + std::string(text) + " only the state is kept, not the change.",
      "Older changes are folded into a snapshot; see GET /management/v1/desired?at=" + std::string(text) + ".",
      {}};
  co_await answer_error(exchange, folded);
}

task<result<field_map>> history_service::fields_of(layer_instant instant) {
  if (instant.layer == state_layer::current) co_return current_fields(core_.core().agents());
  auto const slice = slice_of(instant.at);
  if (!slice) co_return std::unexpected(slice.error());
  co_return co_await run_blocking(pool_, [&slice, instant] { return layer_fields(fold(*slice), instant.layer); });
}

// Where it is not said from where: what the last change did.
result<layer_instant> history_service::start_of_diff(http_head const& head, layer_instant const& to) const {
  if (auto const from = head.query_param("from")) return instant_of(*from);
  if (to.layer == state_layer::current) return layer_instant{state_layer::applicable, {}};
  auto const end = to.at.value_or(core_.core().history().newest());
  return layer_instant{to.layer, revision{end.value == 0 ? 0 : end.value - 1}};
}

// ?from= and ?to= as in "desired@41", ?path=
task<> history_service::get_diff(http_exchange& exchange) {
  auto const durable = co_await core_.wait_durable();
  if (!durable) co_return co_await answer_error(exchange, durable.error());
  auto const to = instant_of(exchange.head().query_param("to").value_or("desired"));
  if (!to) co_return co_await answer_error(exchange, to.error());
  auto const from = start_of_diff(exchange.head(), *to);
  if (!from) co_return co_await answer_error(exchange, from.error());
  auto const path = exchange.head().query_param("path").value_or("");
  auto const newest = core_.core().history().newest();
  auto const before = co_await fields_of(*from);
  if (!before) co_return co_await answer_error(exchange, before.error());
  auto const after = co_await fields_of(*to);
  if (!after) co_return co_await answer_error(exchange, after.error());
  auto out = object_node();
  out.add("from", text_node(print_layer_instant(*from))).add("to", text_node(print_layer_instant(*to)));
  out.add("items", to_document(compare_layers(from->layer, *before, to->layer, *after, path)));
  out.add("revision", number_node(newest.value));
  co_await answer_json(exchange, print_json(out));
}

task<result<history_service::way_back>> history_service::find_way_back(http_exchange& exchange) {
  auto const condition = wanted_revision(exchange.head());
  if (!condition) co_return std::unexpected(condition.error());
  auto const body = co_await exchange.read_body(max_rollback_bytes);
  if (!body) co_return std::unexpected(body.error());
  auto const parsed = parse_json(*body);
  auto const wish =
      parsed ? from_document<rollback_wish>(*parsed, unknown_keys::refuse) : std::unexpected(parsed.error());
  if (!wish) co_return std::unexpected(wish.error());
  auto const slice = slice_of(wish->revision);
  if (!slice) co_return std::unexpected(slice.error());
  auto document = co_await run_blocking(pool_, [&slice] { return layer_document(fold(*slice), state_layer::api); });
  if (!document) co_return std::unexpected(document.error());
  way_back out;
  out.to = wish->revision;
  out.change.source = {source_kind::api, ""};
  out.change.document = *std::move(document);
  out.change.if_match = *condition;
  out.change.origin = {"anonymous",
                       exchange.connection().peer() + ", back to revision " + std::to_string(wish->revision.value)};
  co_return out;
}

// Another source decides these, or did.
task<result<std::vector<field_change>>> history_service::remaining_difference(revision wanted) {
  auto const then = slice_of(wanted);
  if (!then) co_return std::vector<field_change>{}; // it was folded away in between
  auto const now = core_.core().history().all();
  co_return co_await run_blocking(pool_, [&then, &now] {
    return compare(layer_fields(fold(*then), state_layer::desired), layer_fields(fold(now), state_layer::desired));
  });
}

task<> history_service::roll_back(http_exchange& exchange) {
  auto way = co_await find_way_back(exchange);
  if (!way) co_return co_await answer_error(exchange, way.error());
  auto const admitted = co_await door_.submit(std::move(way->change));
  if (!admitted) co_return co_await answer_error(exchange, admitted.error());
  auto const remaining = co_await remaining_difference(way->to);
  auto out = outcome_document(admitted->made, admitted->warnings);
  if (remaining) out.add("remaining", to_document(*remaining));
  co_await answer_outcome(exchange, admitted->made.at, std::move(out));
}

task<result<history_service::look_ahead>> history_service::foresee_change(http_exchange& exchange) {
  auto const condition = wanted_revision(exchange.head());
  if (!condition) co_return std::unexpected(condition.error());
  desired_change change;
  change.source = {source_kind::api, ""};
  change.if_match = *condition;
  auto document = co_await read_desired(exchange, pool_, max_document_bytes_);
  if (!document) co_return std::unexpected(document.error());
  change.document = *std::move(document);
  auto const slice = core_.core().history().all();
  auto const now = wall_now();
  auto foreseen = co_await run_blocking(pool_, [&slice, &change, now] { return foresee(fold(slice), change, now); });
  if (!foreseen) co_return std::unexpected(std::move(foreseen).error());
  auto examined = co_await door_.examine(std::move(change));
  if (!examined.errors.empty()) co_return std::unexpected(refusal_of(std::move(examined.errors)));
  co_return look_ahead{*std::move(foreseen), std::move(examined.needs), std::move(examined.warnings)};
}

task<> history_service::plan(http_exchange& exchange) {
  auto ahead = co_await foresee_change(exchange);
  if (!ahead) co_return co_await answer_error(exchange, ahead.error());
  auto out = to_document(plan_agents(std::move(ahead->foreseen), core_.core(), ahead->needs));
  out.add("warnings", to_document(ahead->warnings));
  co_await answer_json(exchange, print_json(out));
}

task<> history_service::validate(http_exchange& exchange) {
  auto const ahead = co_await foresee_change(exchange);
  if (!ahead) co_return co_await answer_error(exchange, ahead.error());
  auto out = object_node();
  out.add("valid", boolean_node(true)).add("warnings", to_document(ahead->warnings));
  co_await answer_json(exchange, print_json(out));
}

} // namespace paddler
