#include "sim/small_world.hpp"

#include "core/reconcile/content_digest.hpp"
#include "core/state/field_map.hpp"

#include <algorithm>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto latency = 1ms;
constexpr auto disk_time = 1ms;
constexpr auto restart_time = 300ms;
constexpr auto patience_of_people = 1s; // before they send a change again
constexpr std::size_t messages_kept = 64;

std::string path_of(int model) { return "/models/m" + std::to_string(model) + ".gguf"; }

std::uint64_t need_of(applicable_model const& model) {
  return small_world::need_of(model.reference.path == path_of(2) ? 2 : 1);
}

} // namespace

small_world::small_world(settings how) : how_(std::move(how)), chance_(how_.chance) {
  agents_.resize(how_.agents);
  for (std::size_t i = 0; i < agents_.size(); ++i) agents_[i].id.value = "a" + std::to_string(i);
  start_balancer();
  for (std::size_t i = 0; i < agents_.size(); ++i) start_agent(i);
}

// --- time ---

double small_world::jitter() {
  chance_ = chance_ * 6364136223846793005ULL + 1442695040888963407ULL;
  return static_cast<double>(chance_ >> 11U) / static_cast<double>(1ULL << 53U);
}

void small_world::run(duration time) {
  auto const end = now_ + time;
  while (turn(end)) {
  }
  now_ = end;
}

bool small_world::run_until_converged(duration limit) {
  for (auto const end = now_ + limit; now_ < end; run(10ms))
    if (converged()) return true;
  return converged();
}

// The next thing that happens until then.
bool small_world::turn(mono_time end) {
  auto next = events_.empty() ? mono_time::max() : events_.begin()->first;
  auto const consider = [&next](std::optional<mono_time> due) { next = std::min(next, due.value_or(next)); };
  auto const event_at = next;
  if (core_) consider(core_->next_deadline());
  for (auto const& agent : agents_) {
    if (agent.process == 0) continue;
    consider(agent.link_machine->next_deadline());
    consider(agent.table.next_step(now_));
  }
  if (next > end) return false;
  now_ = std::max(now_, next);
  if (next == event_at) {
    auto const turn = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    turn();
    return true;
  }
  if (core_ && core_->next_deadline() <= now_ && core_->next_deadline()) apply(time_passed{});
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    if (agents_[i].process == 0) continue;
    auto const due = agents_[i].link_machine->next_deadline();
    if (due && *due <= now_) apply(i, agent_timer_fired{});
    if (agents_[i].process != 0) act(i);
  }
  return true;
}

void small_world::step() {
  if (++steps_ != crash_at_) return;
  if (how_.crash_agent)
    crash_agent(*how_.crash_agent);
  else
    crash_balancer();
}

// --- the balancer ---

void small_world::start_balancer() {
  ++balancer_life_;
  core_ = std::make_unique<balancer_core>(balancer_policy{}, epoch{balancer_life_});
  core_->restore({}, log_);
}

void small_world::crash_balancer() {
  if (!core_) return;
  ++balancer_life_;
  core_.reset();
  for (std::size_t i = 0; i < agents_.size(); ++i) break_link(i);
  at(restart_time, [this] { start_balancer(); });
}

void small_world::want(std::vector<wish> wishes) {
  desired_document document;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (wishes[i].model == 0) continue;
    agent_spec spec;
    spec.id = agents_[i].id;
    spec.slots = wishes[i].slots;
    spec.desired_model = model_reference{.source = model_source::local, .path = path_of(wishes[i].model)};
    document.agents.push_back(std::move(spec));
  }
  open_.clear(); // who changes their mind asks for the old wish no more
  open_[++changes_] = std::move(document);
  submit(changes_);
}

void small_world::submit(std::uint64_t number) {
  auto const wanted = open_.find(number);
  if (wanted == open_.end()) return;
  at(patience_of_people, [this, number] { submit(number); });
  auto const document = wanted->second;
  if (core_) apply(desired_submitted{{number}, {{source_kind::api, ""}, document, {}, {}}});
}

void small_world::apply(balancer_event const& event) { carry_out(core_->apply(event, clock())); }

void small_world::carry_out(balancer_effects const& effects) {
  auto const life = balancer_life_;
  for (auto const& effect : effects) {
    if (life != balancer_life_) return;
    if (auto const* persist = std::get_if<persist_record>(&effect)) {
      at(disk_time, [this, life, record = persist->record] {
        if (life == balancer_life_) store(record);
      });
    } else if (auto const* said = std::get_if<send_to_agent>(&effect)) {
      auto const which = agent_at(said->link);
      states_sent_ += std::holds_alternative<link_apply>(said->message) ? 1 : 0;
      if (which < agents_.size()) send({which, said->link, agents_[which].dial, said->message});
    } else if (auto const* close = std::get_if<close_link>(&effect)) {
      if (auto const which = agent_at(close->link); which < agents_.size()) break_link(which);
    } else if (auto const* answer = std::get_if<answer_command>(&effect)) {
      if (answer->outcome) open_.erase(answer->command.value);
    } else {
      continue;
    }
    step();
  }
}

void small_world::store(log_record const& record) {
  auto const life = balancer_life_;
  log_.push_back(record);
  step();
  if (life == balancer_life_) apply(records_stored{record.number});
}

// --- agents ---

void small_world::start_agent(std::size_t which) {
  auto& agent = agents_[which];
  agent.process = ++processes_;
  agent.table = engine_table({.drain = 5s, .memory_bytes = how_.memory, .log_entries = 10'000});
  agent.newest_run = {};
  agent.link_machine.emplace(agent_link_policy{}, agent_identity{agent.id, {agent.process}, {}, {}}, 1);
  apply(which, agent_started{});
}

void small_world::crash_agent(std::size_t which) {
  auto& agent = agents_[which];
  if (agent.process == 0) return;
  agent.process = 0;
  agent.engines.clear();
  hang_up(which);
  at(restart_time, [this, which] { start_agent(which); });
}

void small_world::apply(std::size_t which, agent_link_event const& event) {
  carry_out(which, agents_[which].link_machine->apply(event, now_, jitter()));
}

void small_world::carry_out(std::size_t which, agent_link_effects const& effects) {
  auto& agent = agents_[which];
  auto const life = agent.process;
  for (auto const& effect : effects) {
    if (agent.process != life) return;
    if (auto const* dialled = std::get_if<dial_balancer>(&effect)) {
      dial(which, dialled->dial);
    } else if (auto const* said = std::get_if<send_to_balancer>(&effect)) {
      if (said->dial == agent.dial && agent.link != link_id{}) send({which, agent.link, agent.dial, said->message});
    } else if (auto const* check = std::get_if<check_state>(&effect)) {
      at(latency, [this, which, life, state = check->state] {
        if (agents_[which].process == life) apply(which, state_checked{state, {}});
      });
    } else if (auto const* run = std::get_if<run_state>(&effect)) {
      undid_something_ = undid_something_ || run->state.version < agent.newest_run;
      agent.newest_run = run->state.version;
      auto const need = run->state.model ? std::optional(::paddler_sim::need_of(*run->state.model)) : std::nullopt;
      agent.table.want(run->state, need, clock());
      act(which);
    } else if (std::holds_alternative<end_dial>(effect)) {
      hang_up(which);
    } else {
      continue;
    }
    step();
  }
}

void small_world::dial(std::size_t which, dial_serial serial) {
  auto const life = agents_[which].process;
  at(2 * latency, [this, which, serial, life] {
    auto& agent = agents_[which];
    if (agent.process != life) return;
    if (!core_) return apply(which, dial_ended{serial, "nobody listens"});
    agent.link = {++links_};
    agent.dial = serial;
    apply(which, dial_opened{serial});
  });
}

// The agent's end of its connection is closed.
void small_world::hang_up(std::size_t which) {
  auto const link = std::exchange(agents_[which].link, {});
  if (link == link_id{}) return;
  at(latency, [this, link, life = balancer_life_] {
    if (core_ && life == balancer_life_) apply(link_closed{link});
  });
}

void small_world::break_link(std::size_t which) {
  auto& agent = agents_[which];
  if (agent.link == link_id{}) return;
  hang_up(which);
  at(latency, [this, which, life = agent.process, serial = agent.dial] {
    if (agents_[which].process == life) apply(which, dial_ended{serial, "the connection broke"});
  });
}

void small_world::act(std::size_t which) {
  auto& agent = agents_[which];
  auto const life = agent.process;
  while (auto const action = agent.table.step(clock())) {
    carry_out(which, *action);
    step();
    if (agent.process != life) return;
  }
  apply(which, report_of(agent));
}

void small_world::carry_out(std::size_t which, engine_action const& action) {
  auto& agent = agents_[which];
  auto const number = action.engine;
  auto const later = [this, which, number, life = agent.process](duration after, auto then) {
    at(after, [this, which, number, life, then] {
      auto& same = agents_[which];
      if (same.process != life || !same.engines.contains(number)) return;
      then(same, number);
      act(which);
    });
  };
  if (action.action == reconcile_action::load) {
    ++loads_;
    agent.engines[number] = action.content;
    later(how_.load_time, [this](node& on, engine_number engine) {
      on.table.observe(engine, {.status = engine_status::ready, .reason = {}, .restarts = 0, .busy = 0}, clock());
    });
  } else if (action.action == reconcile_action::unload) {
    later(how_.unload_time, [this](node& on, engine_number engine) {
      on.engines.erase(engine);
      on.table.gone(engine, clock());
    });
  }
}

engines_observed small_world::report_of(node& agent) const {
  engines_observed out;
  auto const* const serving = agent.table.admitted();
  for (auto const& engine : agent.table.engines()) {
    engine_report said;
    said.status = engine.status;
    said.version = engine.version;
    said.model = engine.content.name;
    said.content = content_digest(engine.content);
    (&engine == serving || (serving == nullptr && out.engine.content.empty()) ? out.engine : out.beside.emplace()) =
        said;
  }
  out.given_up = agent.table.given_up().value_or("");
  out.actions = agent.table.take_log_news();
  return out;
}

std::size_t small_world::agent_at(link_id link) const {
  auto const at = std::ranges::find(agents_, link, &node::link);
  return static_cast<std::size_t>(at - agents_.begin());
}

// --- messages ---

void small_world::send(sent_message message) {
  sent_.push_back(message);
  if (sent_.size() > messages_kept) sent_.erase(sent_.begin());
  auto const number = messages_++;
  auto const arrivals = how_.carry ? how_.carry(number) : std::vector<duration>{duration{}};
  for (auto const delay : arrivals) at(latency + delay, [this, message] { deliver(message); });
}

void small_world::deliver(sent_message const& message) {
  bool const open = agents_[message.agent].link == message.link;
  if (!open && !how_.stale_messages) return;
  if (auto const* said = std::get_if<balancer_message>(&message.body)) {
    // Another process of this agent has another connection: only its own can be stale.
    if (open) apply(message.agent, balancer_spoke{message.dial, *said});
    return;
  }
  if (!core_) return;
  auto const& said = std::get<agent_message>(message.body);
  if (auto const* hello = std::get_if<link_hello>(&said))
    apply(link_greeted{message.link, *hello});
  else
    apply(link_spoke{message.link, said});
}

void small_world::greet_as_before(std::size_t which) {
  if (!core_) return;
  link_hello hello;
  hello.agent = agents_[which].id;
  hello.process = {which + 1}; // of its first one
  link_id const link{++links_};
  apply(link_greeted{link, hello});
  at(100ms, [this, link, life = balancer_life_] {
    if (core_ && life == balancer_life_) apply(link_closed{link});
  });
}

void small_world::repeat(std::uint64_t ago) {
  if (ago == 0 || ago > sent_.size()) return;
  auto const message = sent_[sent_.size() - ago];
  at(latency, [this, message] { deliver(message); });
}

// --- what is so ---

bool small_world::converged() const {
  if (!core_ || !open_.empty()) return false;
  return std::ranges::all_of(agents_, [this](node const& agent) {
    auto const wanted = core_->desired().applicable(agent.id);
    if (agent.process == 0 || !agent.table.converged()) return false;
    if (agent.link_machine->accepted().value_or(applicable_state{}) != wanted) return false;
    return !wanted.model || agent.table.admitted()->content == *wanted.model;
  });
}

std::string small_world::outcome() const {
  if (!core_) return "no balancer";
  std::string out;
  for (auto const& [path, value] : flatten(core_->desired().effective()))
    out += path + "=" + paddler::describe(value) + " ";
  for (auto const& agent : agents_) {
    auto const accepted = agent.link_machine->accepted();
    out += agent.id.value + ": accepted " + (accepted ? content_digest(accepted->model) : "nothing");
    auto const* const serving = agent.table.admitted();
    out += ", serves " + (serving ? content_digest(serving->content) : "nothing");
    out += ", " + std::to_string(agent.engines.size()) + " engines; ";
  }
  return out;
}

std::uint64_t small_world::memory_used(std::size_t agent) const {
  std::uint64_t out = 0;
  for (auto const& [number, content] : agents_[agent].engines) out += ::paddler_sim::need_of(content);
  return out;
}

std::vector<reconciliation> small_world::log_of(std::size_t agent) const {
  auto const& log = agents_[agent].table.log();
  return {log.begin(), log.end()};
}

} // namespace paddler_sim
