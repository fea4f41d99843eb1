// REC-06, REC-07 and REC-12 with the real shell, and how fast a cluster converges (P6).
#include "core/session/agent_trouble.hpp"
#include "model/words.hpp"
#include "sim/figures.hpp"
#include "sim/rehearsal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
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

// --- REC-02 ---

struct operation {
  char const* name;
  bool room_for_two;
  std::string before, after; // what is said of the first agent; the second one always has a model
};

std::string first_and_second(std::string const& first) {
  return "agents:\n" + first +
         "  - id: a1\n    desired_model: {source: local, path: /models/m.gguf}\n    slots: 1\nmodels:\n  - id: sim\n";
}

std::string first(std::string const& model, int slots) {
  return "  - id: a0\n    desired_model: {source: local, path: /models/" + model +
         ".gguf}\n    slots: " + std::to_string(slots) + "\n";
}

std::vector<operation> operations() {
  return {{"add_a_model", true, "", first("m", 1)},
          {"swap_models", true, first("m", 1), first("n", 1)},
          {"change_slots", true, first("m", 1), first("m", 3)},
          {"remove_the_model", true, first("m", 1), ""},
          {"swap_without_room", false, first("m", 1), first("n", 1)}};
}

void PrintTo(operation const& what, std::ostream* out) { *out << what.name; }

class each_operation_for_real : public testing::TestWithParam<operation> {};

// The victim's steps: what it logged, wrote to its disk, and sent.
struct played {
  std::uint64_t steps = 0;
  std::string outcome;
};

std::string outcome_of(rehearsal& play) {
  std::string out;
  for (std::size_t which = 0; which < 2; ++which) {
    auto const& engine = play.agent(which)->report.engine;
    out += std::string(to_string(engine.status)) + " " + engine.content + " " + std::to_string(engine.slots) + " " +
           std::to_string(play.slots_of(which)) + "; ";
  }
  return out;
}

// The agent is "a0", which a step's process is named by; its engines are processes of their own.
played played_with_crash(operation const& what, std::string const& victim, std::uint64_t crash_at) {
  auto how = calm(1, 2);
  how.load_time = 200ms;
  how.room_for_two = what.room_for_two;
  rehearsal play(how);
  auto& on = play.on();
  play.want(first_and_second(what.before));
  EXPECT_TRUE(play.converges(60s));
  played out;
  auto const step = [&](process const& who) {
    if (who.name() != victim || ++out.steps != crash_at) return;
    if (victim == "balancer")
      on.plant.kill_balancer();
    else
      on.plant.kill_agent(0);
  };
  on.sim.on_log = [step](process& who, std::string_view, std::string_view) { step(who); };
  on.net.on_sent = [step](process& who) { step(who); };
  on.plant.disk().written = [&] { step(*on.plant.balancer_process()); };
  bool said = false;
  for (int attempt = 0; attempt < 5 && !said; ++attempt) said = play.try_to_want(first_and_second(what.after));
  EXPECT_TRUE(said);
  EXPECT_TRUE(play.converges(60s)) << outcome_of(play);
  on.sim.on_log = {};
  on.net.on_sent = {};
  on.plant.disk().written = {};
  play.pass(5s);
  EXPECT_TRUE(play.converges(60s));
  EXPECT_EQ(play.verdict(), "");
  out.outcome = outcome_of(play);
  return out;
}

TEST_P(each_operation_for_real, REC_02_a_crash_of_the_real_shell_after_any_step_ends_where_no_crash_would) {
  for (std::string const victim : {"balancer", "a0"}) {
    auto const fault_free = played_with_crash(GetParam(), victim, 0);
    EXPECT_GE(fault_free.steps, 3U);
    RecordProperty(victim + "_steps", std::to_string(fault_free.steps));
    for (std::uint64_t at = 1; at <= fault_free.steps; ++at) {
      SCOPED_TRACE("crash of " + victim + " after step " + std::to_string(at) + " of " +
                   std::to_string(fault_free.steps));
      EXPECT_EQ(played_with_crash(GetParam(), victim, at).outcome, fault_free.outcome);
      if (testing::Test::HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(of, each_operation_for_real, testing::ValuesIn(operations()),
                         [](auto const& each) { return std::string(each.param.name); });

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
      if (request.state == request_state::failed && request.agent.value != "a0" &&
          request.failure != request_failure::no_model) // who came before anybody wanted a model
        failed[request.id.value] = request.agent.value + ": " + std::string(to_string(request.failure));
  }
  EXPECT_GE(flaps, 15U);
  EXPECT_EQ(play.verdict(), "");
  EXPECT_TRUE(failed.empty()) << failed.size() << " requests failed, one on " << failed.begin()->second;
  EXPECT_GT(play.on().book.answered, 100U);
  EXPECT_TRUE(play.converges(60s));
}

INSTANTIATE_TEST_SUITE_P(seeds, flapping, testing::Range<std::uint64_t>(1, 6));

// --- REC-12 ---

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
      EXPECT_FALSE(request.has_slot && request.agent.value == "a0") << "it waits for what is gone";
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

// --- P5 ---

scenario with_clients_that_stop(std::uint64_t seed) {
  auto out = calm(seed, 1);
  out.clients = 8;
  out.client_pause = 100ms;
  out.token_time = 20ms;
  out.room_for_two = false;
  out.unkind = {"tiny_buffers"};
  return out;
}

// That somebody does makes sure that something was there to find.
bool somebody_still_reads(rehearsal& play) {
  return std::ranges::any_of(play.core()->requests().requests(), [](request_record const& each) {
    return each.state == request_state::streaming && !each.has_slot;
  });
}

class slow_readers : public testing::TestWithParam<std::uint64_t> {};

// Their answers wait in the balancer, whole or not, while the engine that made them is exchanged.
TEST_P(slow_readers, P5_take_no_slot_of_an_engine_that_is_gone) {
  rehearsal play(with_clients_that_stop(GetParam()));
  play.want(same_for_all(1, 4));
  ASSERT_TRUE(play.converges(60s));
  play.pass(5s);
  play.want(same_for_all(1, 3));
  play.on().net.clog(balancer_host, client_host);
  auto const& wanted = play.core()->desired().applicable({"a0"});
  auto const serves = [&] {
    auto const& engine = play.agent(0)->report.engine;
    return engine.version == wanted.version && engine.status == engine_status::ready && play.slots_of(0) == 3;
  };
  EXPECT_TRUE(play.until(15s, serves)) << play.slots_of(0) << " slots";
  EXPECT_TRUE(somebody_still_reads(play));
  play.pass(10s);
  EXPECT_EQ(play.slots_of(0), 3U);
  play.on().net.unclog_all();
  play.pass(20s);
  EXPECT_EQ(play.verdict(), "");
}

TEST_P(slow_readers, P5_take_no_slot_of_an_agent_whose_cable_is_pulled) {
  rehearsal play(with_clients_that_stop(GetParam()));
  auto& on = play.on();
  play.want(same_for_all(1, 4));
  ASSERT_TRUE(play.converges(60s));
  play.pass(5s);
  on.net.clog(balancer_host, client_host);
  play.pass(2s);
  on.net.block(balancer_host, on.plant.machines()[0].host);
  on.net.block(on.plant.machines()[0].host, balancer_host);
  EXPECT_TRUE(play.until(10s, [&] { return !play.agent(0)->connected && play.slots_of(0) == 0; }))
      << play.slots_of(0) << " slots";
  EXPECT_TRUE(somebody_still_reads(play));
  on.net.unblock_all();
  on.net.unclog_all();
  EXPECT_TRUE(play.converges(30s));
  EXPECT_EQ(play.verdict(), "");
}

INSTANTIATE_TEST_SUITE_P(seeds, slow_readers, testing::Range<std::uint64_t>(1, 4));

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
