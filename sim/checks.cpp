#include "sim/checks.hpp"

#include "core/reconcile/log_check.hpp"
#include "core/state/applicable.hpp"
#include "core/state/layers.hpp"
#include "core/state/reference_claims.hpp"
#include "model/words.hpp"
#include "sim/notices.hpp"
#include "sim/request_steps.hpp"
#include "sim/stage.hpp"
#include "wire/desired_codec.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_engines = 2; // at once, on one agent
constexpr int most_slots = 4;           // that a document of the workload asks for
constexpr auto longest_wait = 25s;      // the queue's timeout is 20
constexpr auto catching_up = 2s;        // of a balancer that stood still
constexpr auto drain_time = 4900ms;     // of the cluster's agents, and a little

balancer_core const& core_of(stage& on) { return *on.plant.core(); }

// --- requests and slots ---

std::string check_ledger(stage& on) {
  auto const n = core_of(on).requests().count();
  return n.accepted == n.completed + n.failed + n.live ? "" : "the ledger does not add up";
}

std::string check_capacity(stage& on) {
  auto const& requests = core_of(on).requests();
  for (auto const& machine : on.plant.machines())
    if (requests.slots_of({machine.id}, true) + requests.slots_of({machine.id}, false) > 2U * most_slots)
      return machine.id + " has more slot connections than its engines have slots";
  return {};
}

// The dispatcher counts as queued what is queued, and busy slots are those of requests that have one.
std::string check_queue(stage& on) {
  auto const& requests = core_of(on).requests();
  auto const totals = requests.count();
  std::size_t queued = 0, busy = 0;
  for (auto const& request : requests.requests()) {
    queued += request.state == request_state::queued ? 1 : 0;
    busy += request.has_slot ? 1 : 0;
  }
  if (queued != totals.queued)
    return std::to_string(queued) + " requests are queued, and " + std::to_string(totals.queued) + " are counted";
  if (busy != totals.slots_busy)
    return std::to_string(busy) + " requests have a slot, and " + std::to_string(totals.slots_busy) + " are busy";
  return {};
}

// Nobody waits longer than a request may. A balancer that stood still has to catch up first.
std::string check_waiting(stage& on) {
  auto const* const where = on.plant.balancer_process();
  if (where == nullptr || where->paused()) on.stood_still = on.sim.now();
  if (on.sim.now() - on.stood_still < catching_up) return {};
  for (auto const& request : core_of(on).requests().requests())
    if (request.state == request_state::queued && on.sim.now() - request.queued_since > longest_wait)
      return "a request waits longer than it may";
  return {};
}

// Where clocks step, times say nothing; the order does.
std::string check_steps(stage& on) {
  bool const clocks_step = on.what.faults.contains("step_clock");
  for (auto const& request : core_of(on).requests().requests())
    if (auto wrong = judge_steps(request, clocks_step); !wrong.empty()) return wrong;
  return {};
}

// How requests end, and after how many attempts: for the probes.
std::string count_endings(stage& on) {
  for (auto const& request : core_of(on).requests().requests()) {
    if (!is_terminal(request.state)) continue;
    on.sim.count("request." + std::string(to_string(request.state)) + "." + std::string(to_string(request.failure)));
    on.sim.count("request.attempts_" + std::to_string(request.tries.value));
    for (auto const& each : request.attempts)
      if (each.outcome == attempt_outcome::moved) on.sim.count("request.moved");
    if (request.resumes == 1) on.sim.count("request.resumed");
    if (request.resumes > 1) on.sim.count("request.resumed_again");
    if (request.not_resumed) on.sim.count("request.not_resumed." + std::string(to_string(*request.not_resumed)));
  }
  return {};
}

// An agent that is to become empty gets nothing new (REC-16). What ran there when it was first seen so may stay.
std::string check_drained(stage& on) {
  auto const& core = core_of(on);
  for (auto const& machine : on.plant.machines()) {
    agent_id const id{machine.id};
    auto const wanted = core.desired().agents().find(id);
    if (wanted == core.desired().agents().end() || !wanted->second.drain.value_or(false)) {
      on.drained.erase(id);
      continue;
    }
    stage::drained_agent now{core.leader(), core.desired().current(), {}};
    for (auto const& request : core.requests().requests())
      if (request.has_slot && request.agent == id) now.running.emplace(request.serial, request.tries);
    on.sim.count(now.running.empty() ? "drain.empty" : "drain.busy");
    auto& seen = on.drained[id];
    bool const is_same = seen.leader == now.leader && seen.wanted == now.wanted;
    if (is_same && !std::ranges::includes(seen.running, now.running))
      return id.value + " is drained, and got a request";
    seen = std::move(now); // what has ended does not begin again
  }
  return {};
}

// --- breakers ---

breaker_state breaker_of(stage& on, agent_id const& agent) {
  return core_of(on).requests().breaker_of({agent, "sim"}).value_or(breaker_standing{}).state;
}

// Prompts that are too long, and those that kill engines, open no breaker.
std::string check_breakers_of_sound_agents(stage& on) {
  if (!on.what.faults.contains("break_engine")) return {};
  for (auto const& machine : on.plant.machines())
    if (!machine.engines->were_ever_broken() && breaker_of(on, {machine.id}) != breaker_state::closed)
      return machine.id + " is left out, and was never broken";
  return {};
}

// While an engine is idle, who waits for an engine waits for one that is not left out. Who may be what makes engines
// die waits for others of that kind.
std::string check_nobody_waits_for_nobody(stage& on) {
  auto const& requests = core_of(on).requests();
  bool idle = false;
  for (auto const& machine : on.plant.machines()) {
    bool const is_open = breaker_of(on, {machine.id}) == breaker_state::open;
    if (!is_open && requests.slots_of({machine.id}, true) + requests.slots_of({machine.id}, false) > 0) return {};
    idle = idle || requests.slots_of({machine.id}, false) > 0;
  }
  for (auto const& request : requests.requests()) {
    bool const lost_one = !request.attempts.empty() && request.attempts.back().outcome.has_value();
    if (idle && request.state == request_state::queued && !lost_one)
      return "a request waits, and every engine is left out";
  }
  return {};
}

std::string count_kept(stage& on) {
  if (on.what.trouble_pause == duration{}) return {};
  auto const& requests = core_of(on).requests();
  for (auto const& request : requests.requests())
    for (auto const& route : *requests.routes_of(request.serial))
      if (route.reason == route_reason::kept) on.sim.count("breaker.kept_last");
  return {};
}

// What kills engines kills two each.
std::string check_deaths(stage& on) {
  auto const& counts = on.sim.log_counts();
  auto const died = counts.find("engine.crashed");
  return died == counts.end() || died->second <= 2 * on.book.poisons ? "" : "a request killed more than two engines";
}

// --- reconciliation ---

using action_log = std::vector<reconciliation>;

std::map<std::pair<std::string, std::uint64_t>, action_log> logs_by_process(balancer_core const& core) {
  std::map<std::pair<std::string, std::uint64_t>, action_log> out;
  for (auto const& each : core.agents().log())
    if (!each.by_balancer) out[{each.agent.value, each.process.value}].push_back(each.action);
  for (auto& [process, log] : out) std::ranges::sort(log, {}, &reconciliation::number);
  return out;
}

// From its first action on, without a gap: what the balancer did not see, nobody can judge.
bool is_whole(action_log const& log) { return log.front().number == 1 && log.back().number == log.size(); }

// Where relays lose messages that have no number nobody finds out; the end of an action may be among them.
bool may_lack_closures(stage& on, std::string const& agent) {
  auto const& machines = on.plant.machines();
  auto const at = std::ranges::find(machines, agent, &cluster::machine::id);
  return at != machines.end() && is_older_peer(on.what, static_cast<std::size_t>(at - machines.begin()));
}

// Where room for two is not known, what serves is drained to make room, by design.
std::string wrong_drain(action_log const& log, bool room_for_two, bool clocks_step) {
  engine_number admitted;
  for (auto const& entry : log) {
    if (entry.action == reconcile_action::admit) admitted = entry.engine;
    if (entry.action != reconcile_action::drain) continue;
    if (room_for_two && entry.engine == admitted && entry.goal_content != "none")
      return "an engine that serves was drained before another one took its place";
    bool const early = entry.ended_at && *entry.ended_at - entry.started_at < drain_time;
    if (early && !clocks_step && entry.outcome == reconcile_outcome::failed)
      return "a drain was cut short: " + entry.observation;
  }
  return {};
}

std::string check_actions(stage& on) {
  bool const clocks_step = on.what.faults.contains("step_clock");
  for (auto const& [process, log] : logs_by_process(core_of(on))) {
    if (!is_whole(log) || may_lack_closures(on, process.first)) continue;
    auto wrong = wrong_drain(log, on.what.room_for_two, clocks_step);
    if (auto const found = check_log(log, log_end::running, most_engines); wrong.empty() && !found.empty())
      wrong = "action " + std::to_string(found.front().entry) + ": " + found.front().what;
    if (!wrong.empty()) return process.first + ": " + wrong;
  }
  return {};
}

// One process's reports are believed in order, and the state that it runs only grows newer, as far as one balancer
// tells it what to run. What was held up or repeated takes nothing back (REC-09).
std::string check_order(stage& on) {
  auto const& core = core_of(on);
  for (auto const& [id, agent] : core.agents().agents()) {
    auto& seen = on.newest_reports[{core.leader(), id, agent.process}];
    auto const& report = agent.report;
    if (report.sequence < seen.sequence) return id.value + ": an older report took the place of a newer one";
    if (report.applied < seen.applied) return id.value + " was taken back to an older state";
    seen = {report.sequence, report.applied};
  }
  return {};
}

// --- desired state ---

// Every acknowledged write stands in the log under its revision.
std::string check_writes(stage& on) {
  auto const& log = on.plant.disk().archive;
  for (auto const& [number, document] : on.book.acknowledged) {
    if (number.value == 0 || number.value > log.size())
      return "the acknowledged revision " + std::to_string(number.value) + " is lost";
    auto const& record = log[number.value - 1];
    auto const said = parse_desired(document, document_format::yaml);
    if (record.source.kind == source_kind::api && said && record.document != *said)
      return "the acknowledged revision " + std::to_string(number.value) + " holds something else";
  }
  return {};
}

// What each agent is to run is what the log says, by a fold of its own: the newest document of each source, merged.
std::string check_applicable(stage& on) {
  desired_layers layers;
  for (auto const& record : on.plant.disk().archive) layers[record.source] = record.document;
  auto const merged = merge_layers(layers);
  std::map<model_id, model_spec> models;
  for (auto const& model : merged.models) models.emplace(model.id, model);
  for (auto const& machine : on.plant.machines()) {
    auto const entry = std::ranges::find(merged.agents, agent_id{machine.id}, &agent_spec::id);
    std::optional<applicable_model> wanted;
    if (entry != merged.agents.end()) wanted = resolve_applicable(*entry, served_entry(models, *entry));
    if (core_of(on).desired().applicable({machine.id}).model != wanted)
      return machine.id + " is to run something else than was asked for";
  }
  return {};
}

// Requests are served by the policies that are in effect, and by none that waits for the disk.
std::string check_policies(stage& on) {
  auto const& core = core_of(on);
  auto const served_by = flatten(core.policies().settings);
  for (auto const& [path, value] : flatten(core.desired().policies()))
    if (served_by.at(path) != value) return path + " is in effect, and requests are served by another one";
  if (core.policies().version != core.desired().policies_version()) return "policies have the version of others";
  return {};
}

std::string check_history(stage& on) {
  return judge_history(on.book, on.what.discovery || on.what.file_pause > duration{});
}

// Each field has the value of the highest source's last durable word, and that source owns it.
std::string check_owners(stage& on) {
  reference_claims reference;
  for (auto const& record : on.plant.disk().archive) reference.apply(record);
  auto const& desired = core_of(on).desired();
  if (flatten(desired.effective()) != reference.effective())
    return "what is in effect is not what the sources of highest priority said last";
  for (auto const& [path, owner] : reference.owners()) {
    auto const told = desired.claims().explain(path);
    auto const at = std::ranges::find(told, path, &field_provenance::path);
    if (at == told.end() || at->owner != owner)
      return path + " is decided by another source, or since another revision";
  }
  return {};
}

// What the configuration file says is in force, unless it cannot be read: then what it said before is.
std::string check_file(stage& on) {
  auto const text = on.files.content(desired_file);
  if (on.what.file_pause == duration{} || !text) return {};
  auto said = parse_desired(*text, document_format::yaml);
  if (!said) return {};
  auto const& log = on.plant.disk().archive;
  auto const newest = std::find_if(log.rbegin(), log.rend(),
                                   [](log_record const& record) { return record.source.kind == source_kind::file; });
  auto const held = newest == log.rend() ? desired_document{} : newest->document;
  return flatten(held) == flatten(*said) ? "" : "the configuration file says something else than is in force";
}

constexpr auto checkers = std::to_array<checker>({
    {"P1", moment::each_second, check_ledger},
    {"P1", moment::each_second, check_queue},
    {"P1", moment::each_second, check_waiting},
    {"P1", moment::each_second, check_steps},
    {"P5", moment::each_second, check_capacity},
    {"REC-16", moment::each_second, check_drained},
    {"OVR-09", moment::each_second, check_breakers_of_sound_agents},
    {"OVR-10", moment::each_second, check_nobody_waits_for_nobody},
    {"REC", moment::each_second, check_actions},
    {"REC-09", moment::each_second, check_order},
    {"probes", moment::each_second, count_endings},
    {"probes", moment::each_second, count_kept},
    {"REQ-12", moment::at_the_end, check_deaths},
    {"P2", moment::at_the_end, check_writes},
    {"P6", moment::at_the_end, check_applicable},
    {"P6", moment::each_second, check_policies},
    {"P3, LIN", moment::at_the_end, check_history},
    {"LIN-08", moment::at_the_end, check_owners},
    {"LIN-08", moment::at_the_end, check_told_in_logs},
    {"LIN-08", moment::at_the_end, check_told_on_links},
    {"LIN-08", moment::at_the_end, check_file},
});

} // namespace

std::span<checker const> all_checkers() { return checkers; }

void check(stage& on, moment when) {
  for (auto const& each : checkers) {
    if (on.violation || on.plant.core() == nullptr) return;
    if (each.when != when) continue;
    if (auto const wrong = each.look(on); !wrong.empty()) on.violated(std::string(each.promise) + ": " + wrong);
  }
}

} // namespace paddler_sim
