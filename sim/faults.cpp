#include "sim/faults.hpp"

#include "sim/stage.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

void kill_balancer(stage& on) {
  on.injected("fault.kill_balancer");
  on.plant.kill_balancer();
}

void kill_agent(stage& on) {
  auto const which = on.some_machine();
  if (!which) return;
  on.injected("fault.kill_agent");
  on.plant.kill_agent(*which);
}

void kill_engine(stage& on) {
  auto const which = on.some_machine();
  if (which && on.plant.machines()[*which].engines->kill_one()) on.injected("fault.kill_engine");
}

// A process stands still for a while, as with SIGSTOP or a machine that swaps.
void pause(stage& on) {
  auto* const who = on.somebody();
  if (who == nullptr || !who->alive() || who->paused()) return;
  on.injected("fault.pause");
  on.sim.pause(*who);
  on.sim.at(on.sim.now() + on.sim.between(100ms, 15s), [&on, who] { on.sim.resume(*who); });
}

// A machine's engines answer everything with 500.
void break_engine(stage& on) {
  auto const which = on.some_machine();
  if (!which || *which < on.what.sound_agents) return;
  on.injected("fault.break_engine");
  auto const engines = on.plant.machines()[*which].engines;
  engines->break_all(true);
  on.sim.at(on.sim.now() + on.sim.between(2s, 50s), [engines] { engines->break_all(false); });
}

// One or both directions between the balancer and a machine.
void partition(stage& on) {
  auto const which = on.some_machine();
  if (!which) return;
  on.injected("fault.partition");
  auto const host = on.plant.machines()[*which].host;
  auto const kind = on.sim.chance().below(3);
  if (kind != 1) on.net.block(balancer_host, host);
  if (kind != 2) on.net.block(host, balancer_host);
  on.sim.at(on.sim.now() + on.sim.between(500ms, 20s), [&on, host] {
    if (on.what.broken == broken_promise::cut_never_ends) return;
    on.net.unblock(balancer_host, host);
    on.net.unblock(host, balancer_host);
  });
}

void break_connection(stage& on) {
  auto* const who = on.somebody();
  if (who != nullptr && on.net.break_one(*who)) on.injected("fault.break_connection");
}

void step_clock(stage& on) {
  auto* const who = on.somebody();
  if (who == nullptr) return;
  on.injected("fault.step_clock");
  who->wall_offset += on.sim.between(-2h, 2h);
}

// Swizzle-clog (SIM-02): links clog one after the other in the first half of the run, and come free in another order.
void swizzle(stage& on) {
  std::vector<host_id> links = {client_host};
  for (auto const& machine : on.plant.machines()) links.push_back(machine.host);
  auto const now = on.sim.now();
  auto const half = (on.faults_end - now) / 2;
  for (auto const host : links) {
    if (!on.sim.likely(0.5)) continue;
    on.sim.at(now + on.sim.between({}, half), [&on, host] {
      on.injected("fault.clog");
      on.net.clog(balancer_host, host);
    });
    on.sim.at(now + half + on.sim.between({}, half / 2), [&on, host] {
      on.sim.count("fault.unclog");
      on.net.unclog(balancer_host, host);
    });
  }
}

constexpr auto faults = std::to_array<fault>({
    {"kill_balancer", 0.5, 10s, 60s, kill_balancer},
    {"kill_agent", 0.5, 5s, 60s, kill_agent},
    {"kill_engine", 0.5, 5s, 60s, kill_engine},
    {"pause", 0.5, 5s, 60s, pause},
    {"partition", 0.5, 5s, 60s, partition},
    {"break_connection", 0.5, 2s, 30s, break_connection},
    {"step_clock", 0.5, 10s, 60s, step_clock},
    {"swizzle", 0.3, {}, {}, swizzle},
    {"break_engine", 0, 3s, 20s, break_engine},
});

// As a Poisson process.
void repeat(stage& on, fault const& which, duration mean) {
  auto const wait =
      duration(static_cast<duration::rep>(-std::log(1.0 - on.sim.chance().unit()) * static_cast<double>(mean.count())));
  auto const when = on.sim.now() + wait;
  if (when >= on.faults_end) return;
  on.sim.at(when, [&on, &which, mean] {
    which.strike(on);
    repeat(on, which, mean);
  });
}

} // namespace

std::span<fault const> all_faults() { return faults; }

void plan_faults(stage& on) {
  for (auto const& each : faults) {
    auto const chosen = on.what.faults.find(each.name);
    if (chosen == on.what.faults.end()) continue;
    if (each.longest == duration{})
      each.strike(on);
    else
      repeat(on, each, chosen->second);
  }
}

void heal(stage& on) {
  on.sim.say("heal");
  if (on.what.broken != broken_promise::cut_never_ends) on.net.unblock_all();
  on.net.unclog_all();
  on.net.conditions.loss = 0;
  on.sim.how.early_timers = 0;
  on.plant.disk().faults = {};
  for (std::size_t i = 0; i < on.plant.machines().size(); ++i) {
    auto const& agent = on.plant.machines()[i].agent;
    if (agent && on.sim.likely(0.2)) on.plant.lose_agent_for_ever(i);
    if (agent) on.sim.resume(agent->where());
    on.plant.machines()[i].engines->break_all(false);
  }
  if (auto* const balancer = on.plant.balancer_process()) on.sim.resume(*balancer);
}

} // namespace paddler_sim
