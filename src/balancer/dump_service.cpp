#include "balancer/dump_service.hpp"

#include "balancer/event_watch.hpp"
#include "balancer/management_answers.hpp"
#include "balancer/views.hpp"
#include "core/request_dump.hpp"
#include "runtime/clock.hpp"
#include "wire/dump_codec.hpp"

#include <memory>
#include <utility>

namespace paddler {
namespace {

template <class Range, class Document> document_node list_of(Range const& rows, Document const& document) {
  auto out = list_node();
  for (auto const& row : rows) out.items.push_back(document(row));
  return out;
}

document_node layer_row(source_id const& source, desired_document const& document) {
  auto out = object_node();
  out.add("source", to_document(source)).add("document", to_document(document));
  return out;
}

document_node applicable_row(agent_id const& agent, applicable_state const& state) {
  auto out = object_node();
  out.add("agent", to_document(agent)).add("state", to_document(state));
  return out;
}

// What an agent says, whole, and whether it is believed.
document_node report_row(agent_record const& agent) {
  auto out = object_node();
  out.add("agent", to_document(agent.id)).add("process", to_document(agent.process));
  out.add("connected", boolean_node(agent.connected)).add("expired", boolean_node(agent.facts_expired));
  out.add("reported_at", to_document(agent.reported_at)).add("report", to_document(agent.report));
  return out;
}

void add_desired(document_node& out, balancer_core const& core) {
  auto const& desired = core.desired();
  out.add("layers", list_of(desired.layers(), [](auto const& each) { return layer_row(each.first, each.second); }));
  out.add("desired", to_document(desired.effective()));
  out.add("applicable", list_of(desired.applicable_states(),
                                [](auto const& each) { return applicable_row(each.first, each.second); }));
  out.add("policies", to_document(core.policies()));
  out.add("conflicts", to_document(desired.claims().conflicts()));
}

void add_current(document_node& out, balancer_core const& core) {
  out.add("agents", to_document(view_agents(core))).add("models", to_document(view_models(core)));
  out.add("reports", list_of(core.agents().agents(), [](auto const& each) { return report_row(each.second); }));
  out.add("slots", to_document(view_slots(core))).add("requests", to_document(view_requests(core)));
  out.add("ledger", to_document(dump_ledger(core.requests())));
  out.add("reconciliations", list_of(core.agents().log(), [](auto const& each) { return to_document(each); }));
  auto const events = core.events().after(core.events().oldest(), max_kept_events);
  out.add("events", list_of(events.value_or(std::vector<cluster_event>{}),
                            [&core](auto const& each) { return event_document(each, core.leader()); }));
}

} // namespace

document_node dump_document(balancer_core const& core, wall_time taken) {
  auto const past = core.history().all();
  auto out = object_node();
  out.add("format", text_node(std::string(dump_format))).add("version", text_node(PADDLER_VERSION));
  out.add("taken", to_document(taken)).add("epoch", to_document(core.leader()));
  out.add("revision", to_document(core.desired().current()));
  out.add("base", to_document(*past.base));
  out.add("log", list_of(past.records, [](auto const& record) { return to_document(*record); }));
  add_desired(out, core);
  add_current(out, core);
  return out;
}

std::vector<route> dump_service::routes() {
  return {{"GET", "/management/v1/dump", "dump", 0, [this](http_exchange& exchange) { return serve(exchange); }}};
}

// A copy of the core is the moment; what takes long is done on a thread.
task<> dump_service::serve(http_exchange& exchange) {
  auto const moment = std::make_shared<balancer_core const>(core_.core());
  auto const taken = wall_now();
  auto const body = co_await run_blocking(pool_, [moment, taken] { return print_json(dump_document(*moment, taken)); });
  if (!body) co_return co_await answer_error(exchange, body.error());
  std::vector<header_view> const headers = {{"Content-Type", json_type},
                                            {"Cache-Control", "no-store"},
                                            {"Content-Disposition", "attachment; filename=\"paddler-dump.json\""}};
  co_await exchange.respond(200, headers, *body);
}

} // namespace paddler
