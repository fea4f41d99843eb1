#include "sim/scenario.hpp"

#include "base/random.hpp"

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

  // A fault of this kind in half of all seeds.
  duration rate(duration least, duration most) { return likely(0.5) ? time(least, most) : duration{}; }

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
  out.loss = roll.likely(0.3) ? roll.share(0.3) : 0;
  out.most_delay = roll.likely(0.5) ? roll.time(1ms, 100ms) : 1ms;
  out.load_time = roll.time(50ms, 5s);
  out.token_time = roll.time(1ms, 100ms);
  out.tiny_buffers = roll.likely(0.25);
  out.discovery = roll.likely(0.3);
  out.disk_full = roll.likely(0.2) ? 0.2 : 0;
  out.disk_broken = roll.likely(0.1) ? 0.02 : 0;
  out.faults = {.kill_balancer = roll.rate(10s, 60s),
                .kill_agent = roll.rate(5s, 60s),
                .kill_engine = roll.rate(5s, 60s),
                .pause = roll.rate(5s, 60s),
                .partition = roll.rate(5s, 60s),
                .break_connection = roll.rate(2s, 30s),
                .step_clock = roll.rate(10s, 60s)};
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
  if (restarts) out.faults.kill_balancer = roll.time(1s, 3s);
  return out;
}

std::string describe(scenario const& what) {
  auto out = "seed=" + std::to_string(what.seed) + " agents=" + std::to_string(what.agents) +
             " clients=" + std::to_string(what.clients) + " operators=" + std::to_string(what.operators) +
             " loss=" + std::to_string(what.loss);
  out += seconds("most_delay", what.most_delay) + seconds("load", what.load_time) + seconds("token", what.token_time);
  if (what.tiny_buffers) out += " tiny_buffers";
  if (what.discovery) out += " discovery";
  if (what.disk_full > 0) out += " disk_full";
  if (what.disk_broken > 0) out += " disk_broken";
  auto const& f = what.faults;
  out += seconds("kill_balancer", f.kill_balancer) + seconds("kill_agent", f.kill_agent);
  out += seconds("kill_engine", f.kill_engine) + seconds("pause", f.pause) + seconds("partition", f.partition);
  out += seconds("break_connection", f.break_connection) + seconds("step_clock", f.step_clock);
  return out;
}

} // namespace paddler_sim
