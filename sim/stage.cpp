#include "sim/stage.hpp"

#include "model/words.hpp"
#include "sim/link_relay.hpp"

#include <array>
#include <set>
#include <utility>

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

constexpr std::size_t greetings_kept = 20;

// What an end of a link refuses, by what it says then.
struct fence {
  std::string_view event, words, probe;
};

constexpr auto fences = std::to_array<fence>({
    {"link.malformed", "lost, doubled or overtaken", "fence.misnumbered_at_the_balancer"},
    {"link.notice", "lost, doubled or overtaken", "fence.misnumbered_at_the_agent"},
    {"link.malformed", "without its number", "fence.unnumbered_at_the_balancer"},
    {"link.notice", "without its number", "fence.unnumbered_at_the_agent"},
    {"link.closing", "a second hello on one link", "fence.second_hello"},
    {"link.closing", "has greeted on a newer link already", "fence.overtaken_hello"},
    {"link.closing", "is connected already", "fence.hello_of_another_process"},
    {"link.closing", "replaced by a newer link", "fence.older_link"},
});

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
    for (auto const& each : fences)
      if (event == each.event && message.find(each.words) != std::string_view::npos) sim.count(each.probe);
  };
  if (what.bad_messages > 0)
    net.make_relay = [this](relay::forward onward) {
      auto const share = [this] { return sim.now() < relays_end() ? what.bad_messages : 0; };
      auto const greeted = [this](std::string words) { note_greeting(std::move(words)); };
      return std::make_shared<link_relay>(sim, link_relay::settings{share, greeted}, std::move(onward));
    };
  book.violation = [this](std::string const& words) { violated(words); };
}

mono_time stage::relays_end() const { return faults_end - link_relay::longest_wait; }

void stage::note_greeting(std::string words) {
  if (greetings.size() == greetings_kept) greetings.erase(greetings.begin());
  greetings.push_back(std::move(words));
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
