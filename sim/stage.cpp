#include "sim/stage.hpp"

#include "model/words.hpp"

#include <set>

namespace paddler_sim {
namespace {

surroundings surroundings_of(scenario const& what, bool print) {
  surroundings out;
  out.machine.print = print;
  out.network.loss = what.loss;
  out.network.most_delay = what.most_delay;
  out.dispatch.queue_timeout = std::chrono::seconds(20);
  for (auto const& each : all_circumstances())
    if (what.unkind.contains(each.name)) each.apply(out);
  return out;
}

void alter_token(simulator& sim, std::string& bytes) {
  static constexpr std::string_view before = "\"content\":\"";
  auto const at = bytes.find(before);
  if (at == std::string::npos || at + before.size() + 1 >= bytes.size() || !sim.likely(0.01)) return;
  bytes[at + before.size() + 1] = 'q';
}

} // namespace

stage::stage(scenario const& what_in, bool print)
    : what(what_in),
      around(surroundings_of(what, print)),
      sim(what.seed, around.machine),
      net(sim),
      files(sim),
      plant(sim, net, files, what, around.dispatch) {
  net.conditions = around.network;
  if (what.broken == broken_promise::bytes_change) net.tamper = [this](std::string& bytes) { alter_token(sim, bytes); };
  sim.on_log = [this](process& who, std::string_view event, std::string_view message) {
    told.heard(who, event, message, sim.now());
  };
  book.violation = [this](std::string const& words) { violated(words); };
}

void stage::violated(std::string const& words) {
  if (!violation) violation = words;
  sim.say("VIOLATION", words);
}

// In the middle of what a fault came: rare events are found by their names.
void stage::injected(std::string_view kind) {
  sim.count(kind);
  sim.say(kind);
  auto const* const core = plant.core();
  if (core == nullptr) return;
  std::set<std::string> found;
  for (auto const& request : core->requests().requests())
    if (!is_terminal(request.state)) found.insert("while_" + std::string(to_string(request.state)));
  for (auto const& [id, agent] : core->agents().agents())
    if (agent.connected) found.insert("while_engine_" + std::string(to_string(agent.report.engine.status)));
  for (auto const& each : found) sim.count(std::string(kind) + "." + each);
}

process* stage::somebody() {
  auto const which = sim.chance().below(plant.machines().size() + 1);
  if (which == plant.machines().size()) return plant.balancer_process();
  auto const& agent = plant.machines()[which].agent;
  return agent && !agent->killed() ? &agent->where() : nullptr;
}

std::optional<std::size_t> stage::some_machine() {
  if (plant.machines().empty()) return std::nullopt;
  return sim.chance().below(plant.machines().size());
}

void stage::step_until(mono_time when) {
  sim.run_until(when, [this] { return violation.has_value(); });
}

} // namespace paddler_sim
