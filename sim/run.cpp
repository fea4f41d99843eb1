#include "sim/run.hpp"

#include "model/words.hpp"
#include "runtime/log.hpp"
#include "sim/checks.hpp"
#include "sim/cluster.hpp"
#include "sim/workload.hpp"
#include "wire/desired_codec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto check_period = 1s;
constexpr auto convergence_limit = 60s; // after the last fault (SIM-03)
constexpr auto parked_limit = 7min;     // where an engine was killed so often that its next start is put off
constexpr auto settling_time = 5s;      // a dead agent is noticed after three
constexpr auto quiet_limit = 90s;       // for requests under way to end
constexpr auto longest_wait = 25s;      // the queue's timeout is 20
constexpr int most_slots = 4;           // that a document of the workload asks for

// The run of one seed. Members are destroyed in reverse: programs before the network, the network before the clock.
class simulation {
public:
  simulation(scenario const& what, bool print)
      : what_(what), sim_(what.seed, settings_of(what, print)), net_(sim_), cluster_(sim_, net_, what_) {
    net_.conditions.loss = what.loss;
    net_.conditions.most_delay = what.most_delay;
    if (what.tiny_buffers) net_.conditions.window = 1500;
    if (what.tiny_buffers) net_.conditions.segment = 100;
    if (what.broken == broken_promise::bytes_change) net_.tamper = [this](std::string& bytes) { alter_token(bytes); };
    book_.violation = [this](std::string const& words) { violated(words); };
  }

  run_report run() {
    cluster_.start();
    start_workload();
    faults_end_ = sim_.now() + what_.length;
    plan_faults();
    look();
    step_until(faults_end_);
    heal();
    for (auto& each : operators_) each->finish();
    converged_since_ = sim_.now();
    static constexpr auto no_convergence = "P6: the cluster did not converge after its faults ended";
    auto end = sim_.now() + convergence_limit;
    expect(no_convergence, parked_limit, [this, &end] {
      if (any_parked()) end = sim_.now() + convergence_limit;
      return settled() || sim_.now() >= end;
    });
    expect(no_convergence, {}, [this] { return settled(); });
    for (auto& each : clients_) each->finish();
    expect("P1: requests live on though nobody asks", quiet_limit, [this] { return quiet(); });
    expect("P6: the cluster did not stay converged", {}, [this] { return converged(); });
    check_writes();
    check_desired();
    check_history();
    looking_ = false;
    if (!cluster_.end()) violated("a process never ended");
    return report();
  }

private:
  static simulator::settings settings_of(scenario const& what, bool print) {
    simulator::settings out;
    out.print = print;
    if (what.tiny_buffers) out.timer_slack = 50ms;
    if (what.tiny_buffers) out.blocking_most = 100ms;
    return out;
  }

  void violated(std::string const& words) {
    if (!violation_) violation_ = words;
    sim_.say("VIOLATION", words);
  }

  void alter_token(std::string& bytes) {
    static constexpr std::string_view before = "\"content\":\"";
    auto const at = bytes.find(before);
    if (at == std::string::npos || at + before.size() + 1 >= bytes.size() || !sim_.likely(0.01)) return;
    bytes[at + before.size() + 1] = 'q';
  }

  void step_until(mono_time when) {
    sim_.run_until(when, [this] { return violation_.has_value(); });
  }

  void expect(std::string const& words, duration limit, std::function<bool()> const& holds) {
    auto const end = sim_.now() + limit;
    while (!violation_ && !holds()) {
      if (sim_.now() >= end) return violated(words + why_);
      step_until(sim_.now() + 100ms);
    }
  }

  // --- workload ---

  void start_workload() {
    for (std::size_t i = 0; i < what_.clients; ++i) {
      auto& where = sim_.add_process("c" + std::to_string(i), client_host);
      clients_.push_back(std::make_shared<client_life>(sim_, net_, where, what_, book_));
      clients_.back()->start();
    }
    for (std::size_t i = 0; i < what_.operators; ++i) {
      auto& where = sim_.add_process("o" + std::to_string(i), client_host);
      operators_.push_back(std::make_shared<operator_life>(sim_, net_, where, what_, book_));
      operators_.back()->start();
    }
  }

  // --- faults ---

  void plan_faults() {
    auto const& f = what_.faults;
    repeat(f.kill_balancer, [this] { kill_balancer(); });
    repeat(f.kill_agent, [this] { with_machine([this](std::size_t i) { kill_agent(i); }); });
    repeat(f.kill_engine, [this] { with_machine([this](std::size_t i) { kill_engine(i); }); });
    repeat(f.pause, [this] { pause_somebody(); });
    repeat(f.partition, [this] { cut_somebody_off(); });
    repeat(f.break_connection, [this] { break_something(); });
    repeat(f.step_clock, [this] { step_clock(); });
  }

  void repeat(duration mean, std::function<void()> fault) {
    if (mean == duration{}) return;
    auto const wait =
        duration(static_cast<duration::rep>(-std::log(1.0 - sim_.chance().unit()) * static_cast<double>(mean.count())));
    auto const when = sim_.now() + wait;
    if (when >= faults_end_) return;
    sim_.at(when, [this, mean, fault] {
      fault();
      repeat(mean, fault);
    });
  }

  void with_machine(std::function<void(std::size_t)> const& fault) {
    if (!cluster_.machines().empty()) fault(sim_.chance().below(cluster_.machines().size()));
  }

  void kill_balancer() {
    injected("fault.kill_balancer");
    cluster_.kill_balancer();
  }

  void kill_agent(std::size_t which) {
    injected("fault.kill_agent");
    cluster_.kill_agent(which);
  }

  void kill_engine(std::size_t which) {
    if (cluster_.machines()[which].engines->kill_one()) injected("fault.kill_engine");
  }

  // A process stands still for a while, as with SIGSTOP or a machine that swaps.
  void pause_somebody() {
    auto* const who = somebody();
    if (who == nullptr || !who->alive() || who->paused()) return;
    injected("fault.pause");
    sim_.pause(*who);
    sim_.at(sim_.now() + sim_.between(100ms, 15s), [this, who] { sim_.resume(*who); });
  }

  // One or both directions between the balancer and a machine.
  void cut_somebody_off() {
    with_machine([this](std::size_t which) {
      injected("fault.partition");
      auto const host = cluster_.machines()[which].host;
      auto const kind = sim_.chance().below(3);
      if (kind != 1) net_.block(balancer_host, host);
      if (kind != 2) net_.block(host, balancer_host);
      sim_.at(sim_.now() + sim_.between(500ms, 20s), [this, host] {
        if (what_.broken == broken_promise::cut_never_ends) return;
        net_.unblock(balancer_host, host);
        net_.unblock(host, balancer_host);
      });
    });
  }

  void break_something() {
    auto* const who = somebody();
    if (who != nullptr && net_.break_one(*who)) injected("fault.break_connection");
  }

  void step_clock() {
    auto* const who = somebody();
    if (who == nullptr) return;
    injected("fault.step_clock");
    who->wall_offset += sim_.between(-2h, 2h);
  }

  process* somebody() {
    auto const which = sim_.chance().below(cluster_.machines().size() + 1);
    if (which == cluster_.machines().size()) return cluster_.balancer_process();
    auto const& agent = cluster_.machines()[which].agent;
    return agent && !agent->killed() ? &agent->where() : nullptr;
  }

  void injected(std::string_view kind) {
    sim_.count(kind);
    sim_.say(kind);
    if (auto const* core = cluster_.core()) count_circumstances(kind, *core);
  }

  // In the middle of what a fault came: rare events are found by their names.
  void count_circumstances(std::string_view kind, balancer_core const& core) {
    std::set<std::string> found;
    for (auto const& request : core.requests().requests())
      if (!is_terminal(request.state)) found.insert("while_" + std::string(to_string(request.state)));
    for (auto const& [id, agent] : core.agents().agents())
      if (agent.connected) found.insert("while_engine_" + std::string(to_string(agent.report.engine.status)));
    for (auto const& each : found) sim_.count(std::string(kind) + "." + each);
  }

  // How requests end, and after how many attempts.
  void count_endings(balancer_core const& core) {
    for (auto const& request : core.requests().requests()) {
      if (!is_terminal(request.state)) continue;
      sim_.count("request." + std::string(to_string(request.state)) + "." + std::string(to_string(request.failure)));
      sim_.count("request.attempts_" + std::to_string(request.tries.value));
    }
  }

  // The core works again; a part of the rest is gone for ever (SIM-03).
  void heal() {
    sim_.say("heal");
    if (what_.broken != broken_promise::cut_never_ends) net_.unblock_all();
    net_.conditions.loss = 0;
    cluster_.disk().faults = {};
    for (std::size_t i = 0; i < cluster_.machines().size(); ++i) {
      auto const& agent = cluster_.machines()[i].agent;
      if (agent && sim_.likely(0.2)) cluster_.lose_agent_for_ever(i);
      if (agent) sim_.resume(agent->where());
    }
    if (auto* const balancer = cluster_.balancer_process()) sim_.resume(*balancer);
  }

  // --- checks ---

  void look() {
    if (!looking_) return;
    if (auto const* core = cluster_.core()) {
      check_ledger(*core);
      if (auto const wrong = check_queue(*core); !wrong.empty()) violated("P1: " + wrong);
      if (auto const wrong = check_actions(*core, 4900ms, what_.faults.step_clock > duration{}); !wrong.empty())
        violated("REC: " + wrong);
      check_waiting(*core);
      count_endings(*core);
    }
    sim_.at(sim_.now() + check_period, [this] { look(); });
  }

  void check_ledger(balancer_core const& core) {
    auto const n = core.requests().count();
    if (n.accepted != n.completed + n.failed + n.live) violated("P1: the ledger does not add up");
    for (auto const& machine : cluster_.machines())
      if (core.requests().slots_of({machine.id}, true) + core.requests().slots_of({machine.id}, false) >
          2U * most_slots)
        violated("P5: " + machine.id + " has more slot connections than its engines have slots");
  }

  // Nobody waits longer than a request may. A balancer that stood still has to catch up first.
  void check_waiting(balancer_core const& core) {
    auto const* const where = cluster_.balancer_process();
    if (where == nullptr || where->paused()) stood_still_ = sim_.now();
    if (sim_.now() - stood_still_ < 2 * check_period) return;
    for (auto const& request : core.requests().requests())
      if (request.state == request_state::queued && sim_.now() - request.queued_since > longest_wait)
        violated("P1: a request waits longer than it may");
  }

  void check_desired() {
    auto const* core = cluster_.core();
    if (violation_ || core == nullptr) return;
    std::vector<std::string> agents;
    for (auto const& each : cluster_.machines()) agents.push_back(each.id);
    if (auto const wrong = check_applicable(*core, cluster_.disk().log, agents); !wrong.empty())
      violated("P6: " + wrong);
  }

  bool quiet() {
    auto const* core = cluster_.core();
    why_ = core == nullptr ? ": no balancer" : ": live=" + std::to_string(core->requests().count().live);
    return core != nullptr && core->requests().count().live == 0;
  }

  // Converged for long enough that nobody goes by what was true before the last fault, and nothing is being changed.
  bool settled() {
    bool const changing = !std::ranges::all_of(operators_, [](auto const& each) { return each->over(); });
    if (!converged() || changing) {
      converged_since_ = sim_.now();
      if (changing) why_ = ": an operator's last change has no answer";
    }
    return sim_.now() - converged_since_ >= settling_time;
  }

  // Faults killed an engine again and again as it loaded: it is tried again after minutes, by design.
  bool any_parked() {
    auto const* core = cluster_.core();
    if (core == nullptr) return false;
    bool const found = std::ranges::any_of(core->agents().agents(), [](auto const& known) {
      auto const& report = known.second.report;
      bool const beside = report.beside && report.beside->status == engine_status::failed;
      return known.second.connected &&
             (beside || report.engine.status == engine_status::failed || !report.given_up.empty());
    });
    if (found) sim_.count("engine.parked_after_faults");
    return found;
  }

  bool converged() {
    auto const* core = cluster_.core();
    why_ = ": no balancer serves";
    if (core == nullptr) return false;
    return std::ranges::all_of(cluster_.machines(), [&](auto const& each) {
      return each.gone ? is_forgotten(*core, each) : as_wanted(*core, each);
    });
  }

  // What is gone for ever is not believed in.
  bool is_forgotten(balancer_core const& core, cluster::machine const& machine) {
    auto const known = core.agents().agents().find({machine.id});
    bool const connected = known != core.agents().agents().end() && known->second.connected;
    auto const slots = core.requests().slots_of({machine.id}, false) + core.requests().slots_of({machine.id}, true);
    why_ = ": " + machine.id + " is gone for ever, and is still counted on";
    return !connected && slots == 0;
  }

  // The agent runs exactly what is wanted of it, and offers exactly its slots.
  bool as_wanted(balancer_core const& core, cluster::machine const& machine) {
    auto const known = core.agents().agents().find({machine.id});
    why_ = ": " + machine.id + " is not connected";
    if (known == core.agents().agents().end() || !known->second.connected) return false;
    auto const wanted = core.desired().applicable({machine.id});
    auto const& engine = known->second.report.engine;
    auto const slots = wanted.model ? static_cast<std::size_t>(wanted.model->slots) : 0;
    auto const offered = core.requests().slots_of({machine.id}, false) + core.requests().slots_of({machine.id}, true);
    why_ = ": " + machine.id + " is " + std::string(to_string(engine.status)) + " at version " +
           std::to_string(engine.version.value) + " with " + std::to_string(offered) + " slots; wanted are version " +
           std::to_string(wanted.version.value) + " with " + std::to_string(slots) + "; " + engine.reason;
    if (!wanted.model) return engine.status == engine_status::none && offered == 0;
    return engine.status == engine_status::ready && engine.version == wanted.version && offered == slots;
  }

  // Every acknowledged write stands in the log under its revision (P2).
  void check_writes() {
    if (violation_) return;
    auto const& log = cluster_.disk().log;
    for (auto const& [number, document] : book_.acknowledged) {
      if (number.value == 0 || number.value > log.size())
        return violated("P2: the acknowledged revision " + std::to_string(number.value) + " is lost");
      auto const& record = log[number.value - 1];
      auto const said = parse_desired(document, document_format::yaml);
      if (record.source.kind == source_kind::api && said && record.document != *said)
        return violated("P2: the acknowledged revision " + std::to_string(number.value) + " holds something else");
    }
  }

  // Operators' reads and writes are linearizable (P3).
  void check_history() {
    if (violation_) return;
    auto const wrong = judge_history(book_, what_.discovery);
    if (!wrong.empty()) violated("P3, LIN: " + wrong);
  }

  run_report report() {
    run_report out;
    out.what = what_;
    out.violation = violation_;
    out.trace = sim_.trace();
    out.events = sim_.events();
    out.simulated = sim_.now() - mono_time{std::chrono::hours(1)};
    out.seen = sim_.log_counts();
    out.asked = book_.asked;
    out.answered = book_.answered;
    out.cut_off = book_.cut_off;
    out.told_error = book_.told_error;
    out.refused = book_.refused;
    out.writes_acknowledged = book_.writes_acknowledged;
    out.writes_unknown = book_.writes_unknown;
    out.operations_judged = book_.history.size();
    out.pairs_raced = book_.pairs_raced;
    return out;
  }

  scenario what_;
  simulator sim_;
  sim_network net_;
  ledger book_;
  cluster cluster_;
  std::vector<std::shared_ptr<client_life>> clients_;
  std::vector<std::shared_ptr<operator_life>> operators_;
  std::optional<std::string> violation_;
  std::string why_;
  mono_time faults_end_{};
  mono_time converged_since_{};
  mono_time stood_still_{};
  bool looking_ = true;
};

} // namespace

run_report run_scenario(scenario const& what, bool print) {
  log_set_level(print ? log_level::debug : log_level::info);
  return simulation(what, print).run();
}

} // namespace paddler_sim
