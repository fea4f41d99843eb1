#include "sim/convergence.hpp"

#include "model/words.hpp"
#include "sim/stage.hpp"

#include <algorithm>

namespace paddler_sim {
namespace {

constexpr auto settling_time = std::chrono::seconds(5); // a dead agent is noticed after three

std::size_t slots_of(balancer_core const& core, std::string const& agent) {
  return core.requests().slots_of({agent}, false) + core.requests().slots_of({agent}, true);
}

} // namespace

convergence::convergence(stage& on) : on_(on), since_(on.sim.now()) {}

bool convergence::holds() {
  why_ = ": no balancer serves";
  if (on_.plant.core() == nullptr) return false;
  return std::ranges::all_of(on_.plant.machines(),
                             [this](auto const& each) { return each.gone ? is_forgotten(each) : as_wanted(each); });
}

bool convergence::settled() {
  auto const now = on_.sim.now();
  bool const changing = !std::ranges::all_of(on_.operators, [](auto const& each) { return each->over(); });
  if (!holds() || changing) {
    since_ = now;
    if (changing) why_ = ": an operator's last change has no answer";
  }
  return now - std::max(since_, on_.files.changed_at()) >= settling_time;
}

bool convergence::any_parked() {
  auto const* const core = on_.plant.core();
  if (core == nullptr) return false;
  bool const found = std::ranges::any_of(core->agents().agents(), [](auto const& known) {
    auto const& report = known.second.report;
    bool const beside = report.beside && report.beside->status == engine_status::failed;
    return known.second.connected &&
           (beside || report.engine.status == engine_status::failed || !report.given_up.empty());
  });
  if (found) on_.sim.count("engine.parked_after_faults");
  return found;
}

bool convergence::is_forgotten(cluster::machine const& machine) {
  auto const& core = *on_.plant.core();
  auto const known = core.agents().agents().find({machine.id});
  bool const connected = known != core.agents().agents().end() && known->second.connected;
  why_ = ": " + machine.id + " is gone for ever, and is still counted on";
  return !connected && slots_of(core, machine.id) == 0;
}

bool convergence::as_wanted(cluster::machine const& machine) {
  auto const& core = *on_.plant.core();
  auto const known = core.agents().agents().find({machine.id});
  why_ = ": " + machine.id + " is not connected";
  if (known == core.agents().agents().end() || !known->second.connected) return false;
  auto const& wanted = core.desired().applicable({machine.id});
  auto const& report = known->second.report;
  auto const& engine = report.engine;
  auto const offered = slots_of(core, machine.id);
  // Killed as it loaded, where trying again would interrupt what serves: that waits for other content, by design.
  bool const waits = !on_.what.room_for_two && !report.given_up.empty();
  if (waits) on_.sim.count("engine.waits_for_other_content");
  auto const slots = waits          ? static_cast<std::size_t>(engine.slots)
                     : wanted.model ? static_cast<std::size_t>(wanted.model->slots)
                                    : 0;
  why_ = ": " + machine.id + " is " + std::string(to_string(engine.status)) + " at version " +
         std::to_string(engine.version.value) + " with " + std::to_string(offered) + " slots; wanted are version " +
         std::to_string(wanted.version.value) + " with " + std::to_string(slots) + "; " + engine.reason;
  if (!wanted.model) return engine.status == engine_status::none && offered == 0;
  return engine.status == engine_status::ready && (waits || engine.version == wanted.version) && offered == slots;
}

} // namespace paddler_sim
