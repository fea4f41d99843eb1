#include "sim/run.hpp"

#include "runtime/log.hpp"
#include "sim/checks.hpp"
#include "sim/convergence.hpp"
#include "sim/faults.hpp"
#include "sim/stage.hpp"
#include "sim/workloads.hpp"

#include <functional>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto check_period = 1s;
constexpr auto convergence_limit = 60s; // after the last fault (SIM-03)
constexpr auto parked_limit = 7min;     // where an engine was killed so often that its next start is put off
constexpr auto quiet_limit = 90s;       // for requests under way to end

class simulation {
public:
  simulation(scenario const& what, bool print) : on_(what, print) {}

  run_report run() {
    on_.plant.start();
    on_.faults_end = on_.sim.now() + on_.what.length;
    for (auto const& each : all_workloads()) each.start(on_);
    plan_faults(on_);
    look();
    on_.step_until(on_.faults_end);
    heal(on_);
    finish_workloads(true);
    converge();
    finish_workloads(false);
    expect("P1: requests live on though nobody asks", quiet_limit, [this] { return quiet(); });
    check_still_converged();
    check(on_, moment::at_the_end);
    looking_ = false;
    if (!on_.plant.end()) on_.violated("a process never ended");
    return report();
  }

private:
  void finish_workloads(bool those_that_change_state) {
    for (auto const& each : all_workloads())
      if (each.changes_state == those_that_change_state) each.finish(on_);
  }

  void converge() {
    static constexpr auto no_convergence = "P6: the cluster did not converge after its faults ended";
    convergence state(on_);
    auto end = on_.sim.now() + convergence_limit;
    auto const waited = [this, &state, &end] {
      if (state.any_parked()) end = on_.sim.now() + convergence_limit;
      bool const done = state.settled();
      why_ = state.why();
      return done || on_.sim.now() >= end;
    };
    expect(no_convergence, parked_limit, waited);
    if (!state.settled()) on_.violated(no_convergence + state.why());
  }

  void expect(std::string const& words, duration limit, std::function<bool()> const& holds) {
    auto const end = on_.sim.now() + limit;
    while (!on_.violation && !holds()) {
      if (on_.sim.now() >= end) return on_.violated(words + why_);
      on_.step_until(on_.sim.now() + 100ms);
    }
  }

  void look() {
    if (!looking_) return;
    check(on_, moment::each_second);
    on_.sim.at(on_.sim.now() + check_period, [this] { look(); });
  }

  void check_still_converged() {
    convergence state(on_);
    if (!on_.violation && !state.holds()) on_.violated("P6: the cluster did not stay converged" + state.why());
  }

  bool quiet() {
    auto const* const core = on_.plant.core();
    why_ = core == nullptr ? ": no balancer" : ": live=" + std::to_string(core->requests().count().live);
    return core != nullptr && core->requests().count().live == 0;
  }

  run_report report() {
    auto const& book = on_.book;
    run_report out;
    out.what = on_.what;
    out.violation = on_.violation;
    out.trace = on_.sim.trace();
    out.events = on_.sim.events();
    out.simulated = on_.sim.now() - mono_time{1h};
    out.seen = on_.sim.log_counts();
    out.asked = book.asked;
    out.answered = book.answered;
    out.cut_off = book.cut_off;
    out.told_error = book.told_error;
    out.refused = book.refused;
    out.writes_acknowledged = book.writes_acknowledged;
    out.writes_unknown = book.writes_unknown;
    out.operations_judged = book.history.size();
    out.pairs_raced = book.pairs_raced;
    return out;
  }

  stage on_;
  std::string why_;
  bool looking_ = true;
};

} // namespace

run_report run_scenario(scenario const& what, bool print) {
  log_set_level(print ? log_level::debug : log_level::info);
  return simulation(what, print).run();
}

} // namespace paddler_sim
