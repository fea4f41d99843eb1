#include "cli/describe.hpp"

#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "cli/change_text.hpp"
#include "cli/describe_policy.hpp"
#include "cli/describe_request.hpp"
#include "cli/event_stream.hpp"
#include "cli/events.hpp"
#include "cli/help.hpp"
#include "cli/page_text.hpp"
#include "cli/units.hpp"
#include "cli/view_tables.hpp"
#include "core/state/field_map.hpp"
#include "model/words.hpp"
#include "runtime/clock.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "wire/json_codec.hpp"
#include "wire/rfc3339.hpp"

#include <algorithm>
#include <ostream>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t shown_actions = 8;
constexpr std::size_t shown_events = 10;
constexpr std::uint64_t searched_events = 1'000; // the newest ones, for those about the agent
constexpr duration events_limit = 3s;            // to read them; a page without them is a page

// What an agent is to run, under the names of the desired document: "slots", "desired_model.path",
// "parameters.temperature".
field_map fields_of(std::optional<applicable_state> const& state) {
  field_map out;
  if (!state || !state->model) return out;
  auto const& model = *state->model;
  agent_spec const agent{.id = {"-"},
                         .desired_model = model.reference,
                         .model = model.name,
                         .slots = model.slots,
                         .max_context_length = model.max_context_length};
  model_spec entry{.id = {"-"}, .chat_template = {}, .parameters = model.parameters};
  if (!model.chat_template.empty()) entry.chat_template = model.chat_template;
  for (auto const& fields : {flatten(agent), flatten(entry)})
    for (auto const& [path, value] : fields)
      if (auto const dot = path.find('.'); dot != std::string::npos) out.emplace(path.substr(dot + 1), value);
  return out;
}

// "agents/a1.b.slots" of the entry agents/a1.b → "slots"; empty for the entry itself.
std::string field_name(std::string const& path, agent_page const& page) {
  for (auto const& entry : {entry_path(page.agent.id), entry_path(model_id{page.agent.model.value_or("")})})
    if (path.starts_with(entry + ".")) return path.substr(entry.size() + 1);
  return "";
}

std::string cell(field_map const& fields, std::string const& name) {
  auto const at = fields.find(name);
  return at == fields.end() ? "" : describe(at->second);
}

table fields_table(agent_page const& page) {
  auto const applicable = fields_of(page.applicable);
  auto const served = fields_of(page.served);
  std::map<std::string, field_provenance const*> desired;
  for (auto const& field : page.fields)
    if (auto const name = field_name(field.path, page); !name.empty()) desired.emplace(name, &field);
  std::set<std::string> names;
  for (auto const& [name, field] : desired) names.insert(name);
  for (auto const* const fields : {&applicable, &served})
    for (auto const& [name, value] : *fields) names.insert(name);
  table out({{.title = "FIELD"},
             {.title = "DESIRED", .shortens = true},
             {.title = "APPLICABLE", .shortens = true},
             {.title = "CURRENT", .shortens = true},
             {.title = "DECIDED-BY", .shortens = true}});
  for (auto const& name : names) {
    auto const at = desired.find(name);
    auto const* const owner = at != desired.end() && at->second->owner ? &*at->second->owner : nullptr;
    auto const decider =
        owner == nullptr ? "default" : cell_of(owner->source) + "@" + std::to_string(owner->since.value);
    out.add(
        {name, owner == nullptr ? "" : describe(owner->value), cell(applicable, name), cell(served, name), decider});
  }
  return out;
}

std::string breaker_text(breaker_standing const& breaker, wall_time now) {
  auto out = std::string(to_string(breaker.state)) + ": " + describe(breaker);
  if (breaker.until) out += "; tried again in " + print_age(std::max(*breaker.until - now, duration{}));
  return out;
}

std::string what_it_is(agent_view const& agent, wall_time now) {
  auto const& machine = agent.capabilities;
  auto const seen = agent.last_seen == wall_time{} ? "never seen" : "seen " + print_age(now - agent.last_seen) + " ago";
  auto out = page_line("status", agent.connected ? std::string(to_string(agent.status)) : "gone");
  if (!agent.reason.empty()) out += page_line("because", agent.reason);
  out += page_line("model", agent.model.value_or("none"));
  out += page_line("slots", std::to_string(agent.slots_busy) + " of " + std::to_string(agent.slots) + " busy");
  if (agent.request_milliseconds)
    out += page_line("requests", "one takes " + print_duration(std::chrono::milliseconds(*agent.request_milliseconds)) +
                                     ", on average");
  if (agent.breaker) out += page_line("breaker", breaker_text(*agent.breaker, now));
  out += page_line("versions", "wanted " + std::to_string(agent.wanted.value) + ", held " +
                                   std::to_string(agent.applied.value) + ", served " +
                                   (agent.serving ? std::to_string(agent.serving->value) : "none"));
  out += page_line("link", (agent.connected ? "connected, " : "not connected, ") + seen);
  if (agent.engine_pid != 0)
    out += page_line("engine", "process " + std::to_string(agent.engine_pid) + ", started anew " +
                                   std::to_string(agent.engine_restarts) + " times");
  if (machine.hostname.empty()) return out;
  auto gpus = machine.gpus.empty() ? std::string("no GPU") : "";
  for (auto const& gpu : machine.gpus) gpus += (gpus.empty() ? "" : ", ") + gpu;
  return out +
         page_line("machine", machine.hostname + ": " + std::to_string(machine.cpu_cores) + " cores, " +
                                  print_bytes(machine.memory_bytes) + ", " + gpus + "; paddler " + machine.version);
}

std::string about_action(reconciliation_view const& action, wall_time now) {
  return std::string(to_string(action.action)) + (action.model.empty() ? "" : " " + action.model) + ", since " +
         print_age(now - action.started_at) + ": " + action.difference;
}

// What an action is followed by while all goes well.
std::string then_of(reconcile_action action) {
  switch (action) {
  case reconcile_action::deliver: return "the agent compares it with what it runs";
  case reconcile_action::load: return "it is admitted once it answers, and what served before is drained and unloaded";
  case reconcile_action::admit: return "what served before is drained";
  case reconcile_action::drain: return "its engine is unloaded";
  case reconcile_action::unload: return "what is wanted is loaded, where it is not there yet";
  case reconcile_action::restart: return "it is admitted once it answers";
  }
  return "";
}

result<agent_view> blocking_agent(describe_command const& wanted) {
  auto const rows = blocking_rows<agent_view>(wanted.management, management_target("agents"));
  if (!rows) return std::unexpected(rows.error());
  auto const at = std::ranges::find(*rows, wanted.name, [](agent_view const& row) { return row.id.value; });
  if (at != rows->end()) return *at;
  return fail(error_code::not_found, "there is no agent \"" + wanted.name + "\"", "See: paddler get agents");
}

// The applicable state of one agent at an instant; none where there is none, or it is not kept any more.
std::optional<applicable_state> blocking_applicable(describe_command const& wanted, std::string const& at) {
  auto const states = blocking_get<applicable_answer>(wanted.management, management_target("applicable", {{"at", at}}));
  if (!states) return std::nullopt;
  auto const found = std::ranges::find(states->items, agent_id{wanted.name}, &agent_applicable::agent);
  return found == states->items.end() ? std::nullopt : std::optional(found->state);
}

std::vector<field_provenance> blocking_fields(describe_command const& wanted, std::string const& path) {
  auto found = blocking_get<provenance_answer>(wanted.management, management_target("explain", {{"path", path}}));
  return found ? std::move(found->items) : std::vector<field_provenance>();
}

// Actions are not among them: the page has a list of its own of these.
bool is_about(document_node const& event, std::string const& agent) {
  auto const* const data = item_of(event, "data");
  if (data == nullptr) return false;
  if (text_of(item_of(*data, "agent")) == agent) return true;
  auto const* const agents = item_of(*data, "agents");
  return agents != nullptr && std::ranges::any_of(agents->items, [&](auto const& each) { return each.text == agent; });
}

std::vector<std::string> blocking_events(describe_command const& wanted) {
  event_loop loop;
  auto reading = recent_events(management_server(wanted.management), searched_events);
  auto const found = loop.run_until_done(with_deadline(events_limit, std::move(reading)));
  std::vector<std::string> out;
  if (!found || !*found) return out;
  for (auto const& text : **found) {
    auto const event = parse_json(text, answer_limits);
    if (event && is_about(*event, wanted.name)) out.push_back(event_line(*event));
  }
  if (out.size() > shown_events) out.erase(out.begin(), out.end() - shown_events);
  return out;
}

exit_code describe_agent(describe_command const& wanted, console& terminal) {
  auto agent = blocking_agent(wanted);
  if (!agent) return terminal.fail_with(agent.error());
  agent_page page{
      .agent = *std::move(agent), .fields = {}, .applicable = {}, .served = {}, .actions = {}, .events = {}};
  page.fields = blocking_fields(wanted, entry_path(page.agent.id));
  if (page.agent.model) {
    auto more = blocking_fields(wanted, entry_path(model_id{*page.agent.model}));
    std::ranges::move(more, std::back_inserter(page.fields));
  }
  page.applicable = blocking_applicable(wanted, "");
  auto const& serving = page.agent.serving;
  if (serving == page.agent.wanted)
    page.served = page.applicable;
  else if (serving)
    page.served = blocking_applicable(wanted, "applicable@" + std::to_string(serving->value));
  auto actions = blocking_rows<reconciliation_view>(wanted.management, management_target("reconciliations"));
  if (!actions) return terminal.fail_with(actions.error());
  std::erase_if(*actions, [&](reconciliation_view const& each) { return each.agent != page.agent.id; });
  if (actions->size() > shown_actions) actions->erase(actions->begin(), actions->end() - shown_actions);
  page.actions = *std::move(actions);
  page.events = blocking_events(wanted);
  terminal.out << text_of(page, wall_now(), terminal) << std::flush;
  return exit_code::success;
}

exit_code describe_model(describe_command const& wanted, console& terminal) {
  auto const models = blocking_rows<model_view>(wanted.management, management_target("models"));
  if (!models) return terminal.fail_with(models.error());
  auto const at = std::ranges::find(*models, wanted.name, &model_view::name);
  if (at == models->end())
    return terminal.fail_with(
        {error_code::not_found, "there is no model \"" + wanted.name + "\"", "See: paddler get models", {}});
  auto agents = blocking_rows<agent_view>(wanted.management, management_target("agents"));
  if (!agents) return terminal.fail_with(agents.error());
  std::erase_if(*agents, [&](agent_view const& each) { return each.model != wanted.name; });
  auto out = page_title("model " + wanted.name, terminal);
  out += page_line("agents", std::to_string(at->agents_ready) + " of " + std::to_string(at->agents_wanted) + " ready");
  out += page_line("slots", std::to_string(at->slots_busy) + " of " + std::to_string(at->slots) + " busy");
  auto const fields = blocking_fields(wanted, entry_path(model_id{wanted.name}));
  if (!fields.empty())
    out +=
        page_heading("What is said of it", terminal) + indented(table_of_fields(fields).print(terminal.columns, false));
  auto const rows = table_of(*agents, wall_now());
  if (!agents->empty())
    out += page_heading("Agents that serve it", terminal) + indented(rows.print(terminal.columns, false));
  terminal.out << out << std::flush;
  terminal.err << notes_on(*agents) << std::flush;
  return exit_code::success;
}

exit_code describe_revision(describe_command const& wanted, console& terminal) {
  auto const target = management_target("revisions/" + wanted.name);
  auto const answer = blocking_call_api(management_server(wanted.management), {.target = target});
  if (!answer) return terminal.fail_with(answer.error());
  auto const made = value_of<revision_view>(*answer);
  auto const whole = document_of(*answer);
  if (!made) return terminal.fail_with(made.error());
  auto const* const document = item_of(*whole, "document");
  auto const text = document == nullptr ? "" : print_document(*document, true);
  terminal.out << text_of(*made, text, wall_now(), terminal) << std::flush;
  return exit_code::success;
}

} // namespace

course course_of(agent_page const& page, wall_time now) {
  auto const& agent = page.agent;
  if (!agent.connected) return {"nothing: it is not connected", "what is wanted is delivered when it is back"};
  auto const open =
      std::ranges::find_if(page.actions, [](auto const& each) { return each.outcome == reconcile_outcome::open; });
  if (open != page.actions.end()) return {about_action(*open, now), then_of(open->action)};
  if (agent.applied != agent.wanted)
    return {"version " + std::to_string(agent.wanted.value) + " waits to be delivered, or was refused",
            "it is sent again"};
  if (agent.status == engine_status::backoff || agent.status == engine_status::failed)
    return {"its engine does not work: " + agent.reason,
            "it is tried again after a pause, or when other content is wanted"};
  if (agent.status == engine_status::none) return {"nothing: nothing is wanted of it", "nothing"};
  return {"nothing: what it serves is what is wanted", "nothing"};
}

std::string text_of(agent_page const& page, wall_time now, console const& terminal) {
  auto out = page_title("agent " + page.agent.id.value, terminal) + what_it_is(page.agent, now);
  auto const happening = course_of(page, now);
  out += page_line("now", happening.now) + page_line("next", happening.next);
  if (auto const fields = fields_table(page); fields.size() > 0)
    out += page_heading("What it is to run, and runs", terminal) + indented(fields.print(terminal.columns, false));
  if (!page.actions.empty()) {
    out += page_heading("What was done last", terminal);
    for (auto const& action : page.actions) {
      auto const took = action.ended_at ? ", took " + print_duration(std::chrono::round<std::chrono::milliseconds>(
                                                          *action.ended_at - action.started_at))
                                        : "";
      out += "  " + print_age(now - action.started_at) + " ago: " + std::string(to_string(action.action)) +
             (action.model.empty() ? "" : " " + action.model) + " for version " + std::to_string(action.goal.value) +
             ", " + std::string(to_string(action.outcome)) + took + "\n    since " + action.difference +
             (action.observation.empty() ? "" : "; " + action.observation) + "\n";
    }
  }
  if (!page.events.empty()) out += page_heading("Its last events", terminal);
  for (auto const& event : page.events) out += "  " + event + "\n";
  return out;
}

std::string text_of(revision_view const& made, std::string const& document, wall_time now, console const& terminal) {
  auto out = page_title("revision " + std::to_string(made.number.value), terminal);
  out += page_line("made", print_rfc3339(made.at) + ", " + print_age(now - made.at) + " ago");
  out += page_line("source", describe(made.source));
  out += page_line("by", made.origin.actor + (made.origin.from.empty() ? "" : " from " + made.origin.from));
  out += page_heading("What changed in effect", terminal);
  out += made.changes.empty() ? "  nothing\n" : indented(text_of_changes(made.changes, made.more_changes, terminal));
  if (made.said != made.changes && !made.said.empty())
    out += page_heading("What the source said otherwise", terminal) + indented(text_of_changes(made.said, 0, terminal));
  if (!made.losses.empty()) out += page_heading("What it did not bring about", terminal);
  for (auto const& loss : made.losses) out += "  " + text_of_loss(loss) + "\n";
  if (!made.agents.empty()) {
    out += page_heading("Agents whose applicable state changed", terminal) + " ";
    for (auto const& agent : made.agents) out += " " + agent.value;
    out += (made.more_agents > 0 ? " and " + std::to_string(made.more_agents) + " more" : "") + "\n";
  }
  if (!document.empty()) out += page_heading("What the source said with it", terminal) + indented(document);
  return out;
}

exit_code run_describe(describe_command const& wanted, console& terminal) {
  if (wanted.kind == view_kind::models) return describe_model(wanted, terminal);
  if (wanted.kind == view_kind::revisions) return describe_revision(wanted, terminal);
  if (wanted.kind == view_kind::requests) return describe_request(wanted, terminal);
  if (wanted.kind == view_kind::policies) return describe_policy(wanted, terminal);
  return describe_agent(wanted, terminal);
}

} // namespace paddler
