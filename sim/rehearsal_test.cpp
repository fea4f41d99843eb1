// REC-06, REC-07 and REC-12 with the real shell, and how fast a cluster converges (P6).
#include "core/session/agent_trouble.hpp"
#include "sim/figures.hpp"
#include "sim/rehearsal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

scenario calm(std::uint64_t seed, std::size_t agents) {
  scenario out;
  out.seed = seed;
  out.agents = agents;
  out.clients = 0;
  out.most_delay = 20ms;
  out.load_time = 500ms;
  out.token_time = 5ms;
  return out;
}

// --- REC-06 ---

std::string one_on(std::string const& model, std::size_t agents) {
  std::string out = "agents:\n";
  for (std::size_t i = 0; i < agents; ++i)
    out += "  - id: a" + std::to_string(i) +
           "\n    desired_model: {source: local, path: /models/m.gguf}\n    model: " + (i == 0 ? model : "sim") +
           "\n    slots: 2\n";
  return out + "models:\n  - id: sim\n  - id: bad\n";
}

// What must not change on an agent that has nothing to do with it.
struct calmness {
  std::int64_t pid = 0;
  std::uint64_t restarts = 0;
  generation version;
  incarnation process;
  link_id link;
  friend bool operator==(calmness const&, calmness const&) = default;
};

calmness calmness_of(rehearsal& play, std::size_t which) {
  auto const* const agent = play.agent(which);
  if (agent == nullptr || !agent->connected) return {};
  auto const& engine = agent->report.engine;
  return {engine.pid, engine.restarts, engine.version, agent->process, agent->link};
}

class crash_loop : public testing::TestWithParam<std::uint64_t> {};

TEST_P(crash_loop, REC_06_a_model_that_never_loads_costs_nobody_anything) {
  auto what = calm(GetParam(), 3);
  what.room_for_two = GetParam() % 2 == 1;
  rehearsal play(what, [](std::size_t, agent_config& config) { config.program.simulation.fail_model = "bad"; });
  play.want(one_on("sim", 3));
  ASSERT_TRUE(play.converges(60s));
  std::map<std::size_t, calmness> const before = {{1, calmness_of(play, 1)}, {2, calmness_of(play, 2)}};
  auto const serving = play.agent(0)->report.engine.model;
  std::vector<mono_time> starts;
  play.on().sim.on_log = [&](process& who, std::string_view event, std::string_view) {
    if (who.name() == "a0" && event == "engine.started") starts.push_back(play.on().sim.now());
  };
  play.want(one_on("bad", 3));
  auto const changed_at = play.on().sim.now();
  for (int minute = 0; minute < 30; ++minute) {
    play.pass(1min);
    ASSERT_EQ(play.verdict(), "");
    for (auto const& [which, was] : before) EXPECT_EQ(calmness_of(play, which), was) << "agent " << which;
    EXPECT_EQ(play.agent(0)->report.engine.model, serving) << "the previous model is kept";
    EXPECT_EQ(play.agent(0)->report.engine.status, engine_status::ready);
    EXPECT_EQ(play.slots_of(0), 2U);
    EXPECT_NE(trouble_of(play.agent(0)->report), "") << "it is said";
  }
  auto const tries = std::ranges::count_if(starts, [&](mono_time at) { return at > changed_at; });
  EXPECT_GE(tries, what.room_for_two ? 3 + 30 / 7 : 3);
  EXPECT_LE(tries, 3 + 30 / 3) << "five minutes between two, give or take a quarter";
  play.want(one_on("sim", 3));
  EXPECT_TRUE(play.converges(60s)) << "it is over as soon as something else is wanted";
}

INSTANTIATE_TEST_SUITE_P(seeds, crash_loop, testing::Range<std::uint64_t>(1, 6));

// --- REC-07 ---

class flapping : public testing::TestWithParam<std::uint64_t> {};

TEST_P(flapping, REC_07_an_agent_that_comes_and_goes_disturbs_no_other) {
  auto what = calm(GetParam(), 4);
  what.clients = 6;
  what.client_pause = 500ms;
  rehearsal play(what);
  auto& sim = play.on().sim;
  play.want(same_for_all(4, 2));
  ASSERT_TRUE(play.converges(60s));
  std::map<std::size_t, calmness> before;
  for (std::size_t which = 1; which < 4; ++which) before[which] = calmness_of(play, which);
  std::size_t flaps = 0;
  std::map<std::string, std::string> failed; // request → what became of it elsewhere than on the one that flaps
  for (auto const end = sim.now() + 3min; sim.now() < end; ++flaps) {
    play.pass(sim.between(200ms, 15s));
    play.on().plant.kill_agent(0);
    for (auto const& [which, was] : before) ASSERT_EQ(calmness_of(play, which), was) << "agent " << which;
    for (auto const& request : play.core()->requests().requests())
      if (request.state == request_state::failed && request.agent.value != "a0")
        failed[request.id.value] = request.agent.value;
  }
  EXPECT_GE(flaps, 15U);
  EXPECT_EQ(play.verdict(), "");
  EXPECT_TRUE(failed.empty()) << failed.size() << " requests failed, the first on " << failed.begin()->second;
  EXPECT_GT(play.on().book.answered, 100U);
  EXPECT_TRUE(play.converges(60s));
}

INSTANTIATE_TEST_SUITE_P(seeds, flapping, testing::Range<std::uint64_t>(1, 6));

// --- REC-12 ---

bool holds_a_slot(request_state state) {
  return state == request_state::routed || state == request_state::processing || state == request_state::streaming;
}

class half_open : public testing::TestWithParam<std::uint64_t> {};

TEST_P(half_open, REC_12_a_pulled_cable_is_noticed_and_leaves_no_ghost_slots) {
  auto what = calm(GetParam(), 2);
  what.clients = 6;
  what.client_pause = 300ms;
  what.token_time = 50ms; // answers take a while
  rehearsal play(what);
  auto& on = play.on();
  play.want(same_for_all(2, 2));
  ASSERT_TRUE(play.converges(60s));
  play.pass(5s);
  auto const host = on.plant.machines()[0].host;
  for (int round = 0; round < 3; ++round) {
    on.net.block(balancer_host, host); // no FIN, no RST: nothing comes any more
    on.net.block(host, balancer_host);
    auto const noticed = play.until(20s, [&] { return !play.agent(0)->connected && play.slots_of(0) == 0; });
    ASSERT_TRUE(noticed);
    EXPECT_LE(*noticed, 10s);
    for (auto const& request : play.core()->requests().requests())
      EXPECT_FALSE(holds_a_slot(request.state) && request.agent.value == "a0") << "it waits for what is gone";
    play.pass(20s);
    on.net.unblock_all();
    ASSERT_TRUE(play.converges(30s));
    for (int second = 0; second < 20; ++second) {
      play.pass(1s);
      EXPECT_LE(play.slots_of(0), 2U) << "a ghost";
      EXPECT_LE(play.slots_of(1), 2U);
    }
    EXPECT_EQ(play.verdict(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(seeds, half_open, testing::Range<std::uint64_t>(1, 4));

// --- P6 ---

void expect_bar(figure const& measured) {
  EXPECT_TRUE(measured.holds()) << measured.name << ": median " << measured.at(0.5) / 1ms << " ms, p99 "
                                << measured.at(0.99) / 1ms << " ms, most " << measured.at(1) / 1ms << " ms";
}

TEST(figures, P6_a_change_of_the_configuration_is_in_force_soon) { expect_bar(measure_changes(24)); }

TEST(figures, P6_a_healed_partition_is_forgotten_soon) { expect_bar(measure_heals(30)); }

TEST(figures, P6_a_balancer_with_a_hundred_agents_is_back_soon) { expect_bar(measure_restarts(2)); }

} // namespace
} // namespace paddler_sim
