#include "balancer/table_projector.hpp"

#include "balancer/views.hpp"
#include "core/session/agent_trouble.hpp"
#include "core/state/field_map.hpp"
#include "model/words.hpp"
#include "wire/json_codec.hpp"
#include "wire/json_writer.hpp"
#include "wire/mapper.hpp"

#include <algorithm>
#include <utility>

namespace paddler {
namespace {

std::string slot_name(agent_id const& agent, int number) { return agent.value + "/" + std::to_string(number); }

template <class Value> std::string json_of(Value const& value) { return print_json(to_document(value)); }

// Without configuration and capabilities. `agent` is null where it has never connected.
agent_row row_of(agent_id const& id, agent_record const* agent, balancer_core const& core) {
  agent_row row;
  row.id = id;
  if (agent == nullptr) {
    row.status = boost::describe::enum_to_string(engine_status::none, "");
    row.reason = "has never connected";
    return row;
  }
  row.status = boost::describe::enum_to_string(status_of(*agent), "");
  row.last_seen = agent->last_seen;
  row.connected = agent->connected;
  row.reason = reason_of(*agent, core.desired().applicable(id));
  return row;
}

// A row is written for each request: nothing that costs a tree.
constexpr std::size_t usual_timeline_bytes = 1024;

std::string timeline_of(request_record const& request) {
  std::string out;
  out.reserve(usual_timeline_bytes);
  out += R"({"steps":)";
  append_json(out, view_steps(request));
  out += R"(,"attempts":)";
  append_json(out, view_attempts(request));
  out += '}';
  return out;
}

std::string parameters_of(request_record const& request) {
  std::string out = R"({"model":)";
  append_json(out, request.model);
  out += R"(,"endpoint":)";
  append_json(out, request.endpoint);
  out += R"(,"body_bytes":)";
  append_json(out, request.body_bytes);
  out += '}';
  return out;
}

std::optional<wall_time> first_byte_of(request_record const& request) {
  auto const at = std::ranges::find(request.steps, request_state::streaming, &request_step::state);
  return at == request.steps.end() ? std::nullopt : std::optional(at->at);
}

request_row row_of(request_record const& request, std::string slot) {
  request_row row;
  row.id = request.id;
  row.slot = std::move(slot);
  row.status = boost::describe::enum_to_string(request.state, "");
  row.created_at = request.created_at;
  if (is_terminal(request.state)) row.completed_at = request.completed_at;
  row.parameters = parameters_of(request);
  row.agent = request.agent;
  if (request.failure != request_failure::none) row.failure = boost::describe::enum_to_string(request.failure, "");
  row.attempts = request.tries.value;
  row.queue_milliseconds = request.queue_milliseconds;
  row.priority = to_string(request.level);
  row.resumes = request.resumes;
  if (request.not_resumed) row.not_resumed = to_string(*request.not_resumed);
  row.first_byte_at = first_byte_of(request);
  row.timeline = timeline_of(request);
  return row;
}

std::string words_of(source_id const& source) {
  std::string const kind = boost::describe::enum_to_string(source.kind, "");
  return source.name.empty() ? kind : kind + " " + source.name;
}

std::vector<conflict_row> conflict_rows(desired_state const& desired) {
  std::vector<conflict_row> rows;
  for (auto const& field : desired.claims().conflicts()) {
    for (auto const& other : field.others) {
      conflict_row row;
      row.path = field.path;
      if (field.owner) {
        if (other.value == field.owner->value) continue;
        row.owner = words_of(field.owner->source);
        row.value = json_of(field.owner->value);
        row.owner_since = field.owner->since;
      }
      row.loser = words_of(other.source);
      row.lost_value = json_of(other.value);
      row.loser_since = other.since;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string location_of(model_reference const& reference) {
  for (auto const* place : {&reference.path, &reference.model_id, &reference.url})
    if (*place) return **place;
  return {};
}

// Of the models[] entry, if there is one, and of the first agent that is to serve it.
model_row row_of(std::string const& name, applicable_model const* served, balancer_core const& core) {
  model_row row;
  row.id = name;
  auto metadata = object_node();
  if (auto const at = core.desired().models().find({name}); at != core.desired().models().end())
    metadata = to_document(at->second);
  if (served != nullptr) {
    auto const& reference = served->reference;
    if (reference.source) row.source_type = boost::describe::enum_to_string(*reference.source, "");
    row.source_location = location_of(reference);
    metadata.add("reference", to_document(reference));
  }
  row.metadata = print_json(metadata);
  return row;
}

} // namespace

// --- what happens ---

struct table_projector::note {
  table_projector& to;
  wall_time now;

  void operator()(link_greeted const& e) const {
    to.links_[e.link] = e.hello.agent;
    if (auto const at = to.written_.find(e.hello.agent); at != to.written_.end()) at->second.capabilities = false;
    reported(e.hello.agent, e.hello.report.engine);
  }

  void operator()(link_spoke const& e) const {
    auto const at = to.links_.find(e.link);
    if (at == to.links_.end() || std::holds_alternative<link_heartbeat>(e.message)) return;
    if (auto const* report = std::get_if<link_report>(&e.message))
      reported(at->second, report->report.engine);
    else
      to.agents_.insert(at->second);
  }

  void operator()(link_closed const& e) const {
    if (auto const link = to.links_.extract(e.link)) to.agents_.insert(link.mapped());
  }

  void operator()(request_arrived const& e) const { to.touch(e.request.serial); }

  void operator()(request_left const& e) const {
    if (auto const at = to.running_.find(e.serial); at != to.running_.end())
      to.end_attempt(e.serial, at->second.number, false);
    to.touch(e.serial);
  }

  void operator()(slot_arrived const& e) const { to.open_slot(e.slot); }

  void operator()(slot_left const& e) const { to.close_slot(e.serial); }

  void operator()(attempt_sent const& e) const { to.touch(e.serial); }

  void operator()(attempt_first_byte const& e) const { to.touch(e.serial); }

  void operator()(attempt_ended const& e) const {
    to.end_attempt(e.serial, e.number, e.outcome == attempt_outcome::completed);
    to.touch(e.serial);
  }

  void operator()(records_stored const&) const { to.desired_changed_ = true; }

  void operator()(run_request const& e) const {
    to.running_[e.serial] = {e.number, e.slot->serial};
    if (auto const at = to.open_.find(e.slot->serial); at != to.open_.end()) {
      auto& slot = to.slots_[at->second];
      slot.busy = true;
      slot.last_request = now;
      to.slots_changed_.insert(at->second);
      to.ran_on_[e.serial] = slot_name(at->second.agent, at->second.number);
    }
    to.touch(e.serial);
  }

  void operator()(fail_request const& e) const { to.touch(e.serial); }

  void operator()(drop_slots const& e) const { to.agents_.insert(e.agent); }

  void operator()(drop_slot const& e) const { to.close_slot(e.serial); }

  // Whatever else there is changes no row.
  template <class Other> void operator()(Other const&) const {}

private:
  void reported(agent_id const& agent, engine_report const& engine) const {
    to.agents_.insert(agent);
    if (engine.status == engine_status::ready && to.loaded_at_.emplace(engine.model, now).second)
      to.desired_changed_ = true;
  }
};

void table_projector::saw(balancer_event const& event, balancer_effects const& effects, balancer_core const& core,
                          wall_time now) {
  note const on{*this, now};
  std::visit(on, event);
  for (auto const& effect : effects) std::visit(on, effect);
  restated_.insert(core.restated().begin(), core.restated().end());
  // A link that was refused.
  if (auto const* greeted = std::get_if<link_greeted>(&event);
      greeted && !core.agents().agents().contains(greeted->hello.agent)) {
    links_.erase(greeted->link);
    agents_.erase(greeted->hello.agent);
  }
}

void table_projector::touch(request_serial serial) {
  if (requests_.size() < waiting_requests_limit || requests_.contains(serial)) {
    requests_.insert(serial);
    return;
  }
  ++lost_;
  ran_on_.erase(serial);
}

// A slot may have been written before there was a row of its model to refer to.
void table_projector::touch_slots_of(std::string const& model) {
  for (auto const& [key, slot] : slots_)
    if (slot.model == model) slots_changed_.insert(key);
}

// Slots keep their numbers; a new one takes the lowest that is free.
void table_projector::open_slot(slot_offer const& offer) {
  slot_key key{offer.agent, 0};
  for (auto at = slots_.find(key); at != slots_.end() && at->second.serial; at = slots_.find(key)) ++key.number;
  auto& slot = slots_[key];
  slot.serial = offer.serial;
  slot.model = offer.model;
  slot.busy = false;
  open_[offer.serial] = key;
  slots_changed_.insert(key);
}

void table_projector::close_slot(slot_serial serial) {
  auto const open = open_.extract(serial);
  if (!open) return;
  auto& slot = slots_[open.mapped()];
  slot.serial.reset();
  slot.busy = false;
  slots_changed_.insert(open.mapped());
}

void table_projector::end_attempt(request_serial serial, attempt number, bool reusable) {
  auto const at = running_.find(serial);
  if (at == running_.end() || at->second.number != number) return;
  auto const slot = at->second.slot;
  running_.erase(at);
  if (!reusable) return close_slot(slot);
  auto const open = open_.find(slot);
  // In the same step another request may have got it.
  if (open == open_.end()) return;
  slots_[open->second].busy = false;
  slots_changed_.insert(open->second);
}

// --- what is written ---

void table_projector::start_over(balancer_core const& core) {
  started_ = false;
  desired_changed_ = true;
  written_.clear();
  models_written_.clear();
  conflicts_written_.clear();
  for (auto const& [id, agent] : core.agents().agents()) agents_.insert(id);
  for (auto const& [key, slot] : slots_) slots_changed_.insert(key);
  for (auto const& request : core.requests().requests()) touch(request.serial);
}

bool table_projector::empty() const {
  return started_ && !desired_changed_ && agents_.empty() && slots_changed_.empty() && requests_.empty();
}

// In the order in which rows refer to each other: what refers waits until what it refers to is written.
table_changes table_projector::take(balancer_core const& core, std::size_t limit, bool with_desired) {
  table_changes out;
  out.is_first = !started_;
  started_ = true;
  if (desired_changed_ && (with_desired || out.is_first)) take_desired(core, out);
  take_agents(core, limit, out);
  while (agents_.empty() && !slots_changed_.empty() && out.slots.size() < limit) {
    auto const key = slots_changed_.extract(slots_changed_.begin()).value();
    auto const& slot = slots_.at(key);
    auto const agent = core.agents().agents().find(key.agent);
    int const context = agent == core.agents().agents().end() ? 0 : agent->second.report.engine.max_context_length;
    out.slots.push_back({slot_name(key.agent, key.number), key.agent,
                         !slot.serial ? "closed"
                         : slot.busy  ? "busy"
                                      : "idle",
                         slot.model, context, slot.last_request});
  }
  while (agents_.empty() && slots_changed_.empty() && !requests_.empty() && out.requests.size() < limit) {
    auto const serial = requests_.extract(requests_.begin()).value();
    auto const* const request = core.requests().find(serial);
    auto const ran_on = ran_on_.find(serial);
    if (request != nullptr)
      out.requests.push_back(row_of(*request, ran_on == ran_on_.end() ? std::string() : ran_on->second));
    else
      ++lost_;
    if (ran_on != ran_on_.end() && (request == nullptr || is_terminal(request->state))) ran_on_.erase(ran_on);
  }
  return out;
}

// What is wanted of an agent, and its hardware, are written where they are others: they are long, and agents report
// often.
void table_projector::take_agents(balancer_core const& core, std::size_t limit, table_changes& out) {
  auto const& known = core.agents().agents();
  while (!agents_.empty() && out.agents.size() + out.agents_gone.size() < limit) {
    auto const id = agents_.extract(agents_.begin()).value();
    auto const at = known.find(id);
    auto const* const agent = at == known.end() ? nullptr : &at->second;
    if (agent == nullptr && !core.desired().agents().contains(id)) {
      if (written_.erase(id) > 0) out.agents_gone.push_back(id);
      continue;
    }
    auto row = row_of(id, agent, core);
    auto& written = written_[id];
    auto const& wanted = core.desired().applicable(id);
    if (std::exchange(written.version, wanted.version) != wanted.version) row.configuration = json_of(wanted);
    if (!std::exchange(written.capabilities, true))
      row.capabilities = json_of(agent == nullptr ? agent_capabilities{} : agent->capabilities);
    out.agents.push_back(std::move(row));
  }
}

void table_projector::take_desired(balancer_core const& core, table_changes& out) {
  desired_changed_ = false;
  agents_.merge(restated_);
  restated_.clear();
  if (out.is_first)
    for (auto const& [id, spec] : core.desired().agents()) agents_.insert(id);
  take_models(core, out);
  auto conflicts = conflict_rows(core.desired());
  if (conflicts == conflicts_written_) return;
  conflicts_written_ = conflicts;
  out.conflicts = std::move(conflicts);
}

void table_projector::take_models(balancer_core const& core, table_changes& out) {
  std::map<std::string, applicable_model const*> served;
  for (auto const& name : core.desired().served_names()) served[name] = nullptr;
  for (auto const& [name, agents] : core.desired().agents_by_name())
    served[name] = &*core.desired().applicable(*agents.begin()).model;
  for (auto const& [name, model] : served) {
    auto row = row_of(name, model, core);
    if (auto const at = loaded_at_.find(name); at != loaded_at_.end()) row.loaded_at = at->second;
    auto const [before, is_new] = models_written_.try_emplace(name);
    if (is_new) touch_slots_of(name);
    if (before->second == row) continue;
    before->second = row;
    out.models.push_back(std::move(row));
  }
  for (auto at = models_written_.begin(); at != models_written_.end();) {
    bool const is_gone = !served.contains(at->first);
    if (is_gone) out.models_gone.push_back(at->first);
    at = is_gone ? models_written_.erase(at) : std::next(at);
  }
  std::erase_if(loaded_at_, [&](auto const& each) { return !served.contains(each.first); });
}

} // namespace paddler
