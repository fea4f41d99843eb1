#include "sim/scenario.hpp"

#include "base/random.hpp"
#include "sim/circumstances.hpp"
#include "sim/faults.hpp"

#include <string_view>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

class dice {
public:
  explicit dice(std::uint64_t seed) : random_(seed) {}

  bool likely(double probability) { return random_.unit() < probability; }

  double share(double most) { return most * random_.unit(); }

  std::size_t count(std::size_t least, std::size_t most) { return least + random_.below(most - least + 1); }

  duration time(duration least, duration most) {
    return least + duration(static_cast<duration::rep>(static_cast<double>((most - least).count()) * random_.unit()));
  }

private:
  random_source random_;
};

std::string seconds(std::string_view name, duration time) {
  if (time == duration{}) return {};
  return " " + std::string(name) + "=" + std::to_string(std::chrono::duration<double>(time).count()) + "s";
}

} // namespace

scenario draw_scenario(std::uint64_t seed) {
  dice roll(seed * 0x9e3779b97f4a7c15ULL + 1);
  scenario out;
  out.seed = seed;
  out.agents = roll.count(0, 12);
  if (roll.likely(0.5)) out.agents = roll.count(1, 4);
  out.clients = roll.likely(0.2) ? roll.count(8, 40) : roll.count(1, 8);
  out.operators = roll.count(1, 3);
  out.client_pause = roll.time(1s, 10s) * static_cast<duration::rep>(1 + out.clients / 4);
  out.operator_pause = roll.time(1s, 20s);
  if (roll.likely(0.3)) out.file_pause = roll.time(2s, 20s);
  out.loss = roll.likely(0.3) ? roll.share(0.3) : 0;
  out.most_delay = roll.likely(0.5) ? roll.time(1ms, 100ms) : 1ms;
  out.load_time = roll.time(50ms, 5s);
  out.token_time = roll.time(1ms, 100ms);
  out.discovery = roll.likely(0.3);
  out.room_for_two = roll.likely(0.75);
  out.disk_full = roll.likely(0.2) ? 0.2 : 0;
  out.disk_broken = roll.likely(0.1) ? 0.02 : 0;
  for (auto const& each : all_faults()) {
    if (each.share_of_seeds == 0) continue; // it belongs to a world of its own
    bool const chosen = roll.likely(each.share_of_seeds);
    auto const mean = roll.time(each.shortest, each.longest);
    if (chosen) out.faults.emplace(each.name, mean);
  }
  for (auto const& each : all_circumstances())
    if (roll.likely(each.share_of_seeds)) out.unkind.emplace(each.name);
  if (roll.likely(0.4)) out.drained = roll.share(0.5);
  if (roll.likely(0.5)) out.repeated = roll.share(1);
  return out;
}

scenario draw_operators(std::uint64_t seed, bool restarts, bool pairs) {
  dice roll(seed * 0x9e3779b97f4a7c15ULL + 2);
  scenario out;
  out.seed = seed;
  out.length = 15s;
  out.agents = 2;
  out.clients = 0;
  out.operators = pairs ? 1 : 8;
  out.operator_pause = pairs ? 50ms : 150ms;
  out.racing_operators = pairs;
  out.most_delay = roll.time(1ms, 20ms);
  out.load_time = 100ms;
  out.token_time = 1ms;
  if (restarts) out.faults["kill_balancer"] = roll.time(1s, 3s);
  return out;
}

scenario draw_conflicts(std::uint64_t seed) {
  dice roll(seed * 0x9e3779b97f4a7c15ULL + 3);
  scenario out;
  out.seed = seed;
  out.length = 10s;
  out.agents = roll.count(1, 3);
  out.clients = 0;
  out.operators = roll.count(1, 2);
  out.operator_pause = roll.time(200ms, 2s);
  out.file_pause = roll.time(200ms, 2s);
  out.discovery = true;
  out.most_delay = roll.time(1ms, 20ms);
  out.load_time = 50ms;
  out.token_time = 1ms;
  out.faults["kill_agent"] = roll.time(1s, 5s);
  if (roll.likely(0.33)) out.faults["kill_balancer"] = roll.time(1s, 5s);
  if (roll.likely(0.33)) out.disk_full = 0.1;
  return out;
}

scenario draw_relays(std::uint64_t seed) {
  dice roll(seed * 0x9e3779b97f4a7c15ULL + 4);
  scenario out;
  out.seed = seed;
  out.agents = roll.count(1, 4);
  out.clients = roll.count(1, 3);
  out.client_pause = roll.time(1s, 5s);
  out.operators = roll.count(1, 2);
  out.operator_pause = roll.time(1s, 6s);
  out.bad_messages = 0.005 + roll.share(0.1);
  out.most_delay = roll.time(1ms, 50ms);
  out.load_time = roll.time(50ms, 2s);
  out.token_time = roll.time(1ms, 20ms);
  out.room_for_two = roll.likely(0.75);
  if (roll.likely(0.5)) out.faults["kill_agent"] = roll.time(5s, 30s);
  if (roll.likely(0.5)) out.faults["kill_balancer"] = roll.time(10s, 30s);
  if (roll.likely(0.5)) out.faults["break_connection"] = roll.time(2s, 20s);
  if (roll.likely(0.25)) out.faults["partition"] = roll.time(10s, 30s);
  return out;
}

scenario draw_poison(std::uint64_t seed) {
  dice roll(seed * 0x9e3779b97f4a7c15ULL + 5);
  scenario out;
  out.seed = seed;
  out.agents = roll.count(2, 4);
  out.clients = roll.count(2, 8);
  out.client_pause = roll.time(500ms, 4s);
  out.operator_pause = 1h; // what is wanted once stays
  out.most_delay = roll.time(1ms, 20ms);
  out.load_time = roll.time(50ms, 1s);
  out.token_time = roll.time(1ms, 50ms);
  out.trouble_pause = roll.time(200ms, 2s);
  out.poisons = roll.count(0, 2);
  out.sound_agents = roll.count(0, 1);
  out.faults["break_engine"] = roll.time(3s, 20s);
  return out;
}

std::string describe(scenario const& what) {
  auto out = "seed=" + std::to_string(what.seed) + " agents=" + std::to_string(what.agents) +
             " clients=" + std::to_string(what.clients) + " operators=" + std::to_string(what.operators) +
             " loss=" + std::to_string(what.loss);
  out += seconds("most_delay", what.most_delay) + seconds("load", what.load_time) + seconds("token", what.token_time);
  out += seconds("file_pause", what.file_pause);
  if (what.bad_messages > 0) out += " bad_messages=" + std::to_string(what.bad_messages);
  out += seconds("trouble", what.trouble_pause);
  if (what.poisons > 0) out += " poisons=" + std::to_string(what.poisons);
  if (what.drained > 0) out += " drained=" + std::to_string(what.drained);
  if (what.repeated > 0) out += " repeated=" + std::to_string(what.repeated);
  if (what.discovery) out += " discovery";
  if (!what.room_for_two) out += " no_room_for_two";
  if (what.disk_full > 0) out += " disk_full";
  if (what.disk_broken > 0) out += " disk_broken";
  for (auto const& [name, mean] : what.faults) out += mean == duration{} ? " " + name : seconds(name, mean);
  for (auto const& name : what.unkind) out += " " + name;
  return out;
}

} // namespace paddler_sim
