#include "sim/figures.hpp"

#include "sim/rehearsal.hpp"

#include <algorithm>
#include <cmath>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = 1min;
constexpr auto never = 1h;

scenario normal_times(std::uint64_t seed, std::size_t agents) {
  scenario out;
  out.seed = seed;
  out.agents = agents;
  out.clients = 0;
  out.most_delay = std::chrono::milliseconds(1 + seed * 37 % 100);
  out.token_time = 1ms;
  return out;
}

figure sorted(figure out) {
  std::ranges::sort(out.samples);
  return out;
}

} // namespace

duration figure::at(double share) const {
  if (samples.empty()) return never;
  auto const rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

bool figure::holds() const {
  return !samples.empty() && at(0.5) <= median_bar.value_or(never) && at(0.99) <= p99_bar.value_or(never) &&
         samples.back() <= most_bar;
}

figure measure_changes(std::uint64_t seeds) {
  figure out{"a change of the configuration", 500ms, 2s, 5s, {}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    auto const agents = 1 + static_cast<std::size_t>(seed % 12);
    rehearsal play(normal_times(seed, agents));
    play.want(same_for_all(agents, 1));
    play.converges(limit);
    for (int change = 0; change < 10; ++change) {
      play.pass(play.on().sim.between(1s, 20s));
      play.want(same_for_all(agents, 2 + change % 3));
      out.samples.push_back(play.converges(limit).value_or(never));
    }
  }
  return sorted(std::move(out));
}

figure measure_heals(std::uint64_t seeds) {
  figure out{"after a healed partition", {}, 5s, 10s, {}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    rehearsal play(normal_times(seed, 3));
    play.want(same_for_all(3, 1));
    play.converges(limit);
    for (int cut = 0; cut < 4; ++cut) {
      auto const host = play.on().plant.machines()[0].host;
      play.on().net.block(balancer_host, host);
      play.on().net.block(host, balancer_host);
      play.pass(play.on().sim.between(1s, 5s));
      play.want(same_for_all(3, 2 + cut % 2));
      play.pass(play.on().sim.between(4s, 25s));
      play.on().net.unblock_all();
      out.samples.push_back(play.converges(limit).value_or(never));
    }
  }
  return sorted(std::move(out));
}

figure measure_restarts(std::uint64_t seeds) {
  figure out{"after a restart of the balancer, with 100 agents", {}, {}, 15s, {}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    rehearsal play(normal_times(seed, 100));
    play.want(same_for_all(100, 1));
    play.converges(limit);
    play.on().plant.kill_balancer();
    play.until(limit, [&] { return play.core() != nullptr; });
    out.samples.push_back(play.converges(limit).value_or(never));
  }
  return sorted(std::move(out));
}

} // namespace paddler_sim
