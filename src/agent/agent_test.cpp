#include "agent/test_agent.hpp"
#include "model/words.hpp"

#include <signal.h>

#include <map>

namespace paddler {

std::string test_engine_program() { return PADDLER_TEST_ENGINE; }

namespace {

using namespace std::chrono_literals;

TEST_F(AgentTest, GreetsWithWhatItIs) {
  config.discovered = agent_spec{};
  config.discovered->slots = 3;
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    EXPECT_EQ(link->path, "/management/v1/agents/agent-1/link");
    EXPECT_EQ(t.hello.agent.value, "agent-1");
    EXPECT_GT(t.hello.process.value, 0U);
    EXPECT_EQ(t.hello.capabilities.version, "1.2.3");
    EXPECT_GE(t.hello.capabilities.cpu_cores, 1);
    EXPECT_EQ(t.hello.discovered.value().slots, 3);
    EXPECT_EQ(t.hello.discovered.value().id.value, "agent-1");
    EXPECT_EQ(t.hello.report.engine.status, engine_status::none);
    co_await t.until([&] { return t.it->is_connected(); });
  });
}

TEST_F(AgentTest, ServesWhatItIsToldTo) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 2));
    for (auto const& slot : slots) {
      EXPECT_EQ(slot->version, "7");
      EXPECT_EQ(slot->model, "m");
      EXPECT_EQ(slot->process, std::to_string(t.hello.process.value));
      co_await expect_answer(*slot, "hello");
      co_await expect_answer(*slot, "hello again");
    }
    auto const now = t.it->engine();
    EXPECT_EQ(now.status, engine_status::ready);
    EXPECT_EQ(now.version.value, 7U);
    EXPECT_EQ(now.slots, 2);
    EXPECT_EQ(::kill(static_cast<pid_t>(now.pid), 0), 0);
  });
}

TEST_F(AgentTest, ReportsWhatItsEngineDoes) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 1));
    auto report = co_await link->next<link_report>();
    while (report.report.engine.status != engine_status::ready) {
      auto const before = report.report.sequence;
      report = co_await link->next<link_report>();
      EXPECT_GT(report.report.sequence, before);
    }
    EXPECT_EQ(report.report.applied.value, 7U);
    EXPECT_EQ(report.report.engine.slots_busy, 0);
    co_await begin_endless(*slots[0]);
    while (report.report.engine.slots_busy == 0) report = co_await link->next<link_report>();
    EXPECT_EQ(report.report.engine.slots_busy, 1);
  });
}

TEST_F(AgentTest, AClosedSlotConnectionFreesTheEnginesSlot) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto slots = co_await t.serve(*link, state(7, 1));
    for (int round = 0; round < 3; ++round) {
      co_await begin_endless(*slots[0]);
      slots[0]->connection->close();
      slots = co_await t.next_slots(1);
      co_await expect_answer(*slots[0], "next"); // the engine has one slot only
    }
  });
}

TEST_F(AgentTest, TheSameContentKeepsTheEngine) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 1));
    auto const pid = t.it->engine().pid;
    link->apply(state(7, 1));
    EXPECT_EQ((co_await link->next<link_ack>()).version.value, 7U);
    co_await expect_answer(*slots[0], "still the same connection");
    auto const renumbered = co_await t.serve(*link, state(8, 1));
    EXPECT_EQ(renumbered[0]->version, "8");
    EXPECT_EQ(t.it->engine().pid, pid);
    EXPECT_EQ(t.it->engine().version.value, 8U);
  });
}

TEST_F(AgentTest, ANewEngineTakesOverAndTheOldOneFinishesItsRequests) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 2));
    auto const old = static_cast<pid_t>(t.it->engine().pid);
    co_await begin_endless(*slots[0]);
    auto const fresh = co_await t.serve(*link, state(8, 2, "other"));
    EXPECT_EQ(fresh[0]->version, "8");
    EXPECT_EQ(fresh[0]->model, "other");
    co_await expect_answer(*fresh[0], "hello");
    co_await in_time(slots[1]->connection->stream().wait_peer_closed()); // the idle one
    EXPECT_NE(t.it->engine().pid, old);
    EXPECT_EQ(::kill(old, 0), 0) << "its request still runs";
    auto report = co_await link->next<link_report>();
    while (!report.report.beside || report.report.beside->status != engine_status::draining)
      report = co_await link->next<link_report>();
    EXPECT_EQ(report.report.engine.version.value, 8U);
    EXPECT_EQ(report.report.beside->version.value, 7U);
    slots[0]->connection->close();
    while (report.report.beside) report = co_await link->next<link_report>();
    EXPECT_NE(::kill(old, 0), 0);
    co_await expect_answer(*fresh[1], "hello");
  });
}

TEST_F(AgentTest, WithoutKnownMemoryTheOldEngineMakesRoomFirst) {
  config.machine = [] { return machine_facts{.hostname = "h", .cpu_cores = 1, .memory_bytes = 0, .gpus = {}}; };
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 2));
    auto const pid = t.it->engine().pid;
    co_await begin_endless(*slots[0]);
    link->apply(state(8, 2, "other"));
    EXPECT_EQ((co_await link->next<link_ack>()).version.value, 8U);
    co_await in_time(slots[1]->connection->stream().wait_peer_closed()); // the idle one
    EXPECT_EQ(t.it->engine().pid, pid) << "the request still runs";
    EXPECT_EQ(t.it->engine().version.value, 7U);
    slots[0]->connection->close();
    auto const fresh = co_await t.next_slots(2);
    EXPECT_EQ(fresh[0]->version, "8");
    EXPECT_EQ(fresh[0]->model, "other");
    EXPECT_NE(t.it->engine().pid, pid);
    co_await expect_answer(*fresh[0], "hello");
  });
}

TEST_F(AgentTest, ADrainHasADeadline) {
  config.drain = 20ms;
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 1));
    co_await begin_endless(*slots[0]);
    auto const fresh = co_await t.serve(*link, state(8, 1, "other"));
    co_await expect_cut_off(*slots[0]);
    co_await expect_answer(*fresh[0], "hello");
  });
}

TEST_F(AgentTest, REC_06_AnEngineThatDoesNotLoadNeverCostsTheOneBeforeIt) {
  config.program.simulation.fail_model = "bad";
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 1));
    auto const pid = t.it->engine().pid;
    link->apply(state(8, 1, "bad"));
    auto report = co_await link->next<link_report>();
    while (!report.report.beside || report.report.beside->status != engine_status::failed)
      report = co_await link->next<link_report>();
    EXPECT_EQ(report.report.beside->version.value, 8U);
    EXPECT_NE(report.report.beside->reason, "");
    EXPECT_EQ(report.report.engine.pid, pid);
    co_await expect_answer(*slots[0], "still the same connection");
  });
}

TEST_F(AgentTest, REC_06_WhatMadeRoomForAnEngineThatDoesNotLoadComesBack) {
  config.machine = [] { return machine_facts{.hostname = "h", .cpu_cores = 1, .memory_bytes = 0, .gpus = {}}; };
  config.program.simulation.fail_model = "bad";
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const first = co_await t.serve(*link, state(7, 1)); // held: one that is dropped is dialled again
    link->apply(state(8, 1, "bad"));
    auto const back = co_await t.next_slots(1);
    EXPECT_EQ(back[0]->version, "7");
    co_await expect_answer(*back[0], "hello");
    auto report = co_await link->next<link_report>();
    while (report.report.given_up.empty()) report = co_await link->next<link_report>();
    EXPECT_TRUE(report.report.given_up.starts_with("version 8 does not load: ")) << report.report.given_up;
    auto const good = co_await t.serve(*link, state(9, 1, "good"));
    EXPECT_EQ(good[0]->version, "9");
  });
}

// What was done and why reaches the balancer once, and again when another balancer greets.
TEST_F(AgentTest, TellsWhatItDidAndWhy) {
  run([](AgentTest& t) -> task<> {
    auto link = co_await t.greet();
    link->apply(state(7, 1));
    co_await t.next_slots(1);
    link->apply(state(8, 1, "other"));
    std::map<std::uint64_t, reconciliation> log;
    while (log.size() < 5 || log[5].outcome != reconcile_outcome::done)
      for (auto const& action : (co_await link->next<link_report>()).actions) log[action.number] = action;
    std::string told;
    for (auto const& [number, action] : log) {
      told += std::string(to_string(action.action)) + " " + std::to_string(action.engine.value) + ", ";
      EXPECT_NE(action.difference, "");
    }
    EXPECT_TRUE(told.starts_with("load 1, admit 1, load 2, admit 2, drain 1, ")) << told;
    co_await t.lose(link);
    link = co_await t.greet();
    for (std::uint64_t n = 1; n <= 5; ++n) EXPECT_EQ(t.hello.actions.at(n - 1), log[n]);
  });
}

TEST_F(AgentTest, StopsTheEngineWhenNothingIsWanted) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 1));
    auto const pid = static_cast<pid_t>(t.it->engine().pid);
    link->apply(nothing_wanted(8));
    EXPECT_EQ((co_await link->next<link_ack>()).version.value, 8U);
    co_await in_time(slots[0]->connection->stream().wait_peer_closed());
    co_await t.until([&] { return t.it->engine().status == engine_status::none; });
    EXPECT_NE(::kill(pid, 0), 0);
  });
}

TEST_F(AgentTest, RefusesWhatItCannotRunUntilItCan) {
  config.program.kind = engine_kind::built_in;
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto wanted = state(7, 1);
    wanted.model->reference.source = model_source::huggingface;
    link->apply(wanted);
    auto nack = co_await link->next<link_nack>();
    EXPECT_EQ(nack.errors.at(0).path, "model.reference.source");
    EXPECT_FALSE(nack.errors.at(0).hint.empty());

    wanted = state(8, 1);
    wanted.model->reference.path = t.folder + "/late.gguf";
    link->apply(wanted);
    nack = co_await link->next<link_nack>();
    EXPECT_EQ(nack.version.value, 8U);
    EXPECT_EQ(nack.errors.at(0).path, "model.reference.path");
    EXPECT_EQ(t.it->engine().status, engine_status::none);
  });
}

TEST_F(AgentTest, AKilledEngineCutsAnswersOffAndComesBack) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto slots = co_await t.serve(*link, state(7, 4));
    for (auto const& slot : slots) co_await begin_endless(*slot);
    auto const pid = t.it->engine().pid;
    ::kill(static_cast<pid_t>(pid), SIGKILL);
    for (auto const& slot : slots) co_await expect_cut_off(*slot);
    slots = co_await t.next_slots(4);
    EXPECT_NE(t.it->engine().pid, pid);
    EXPECT_EQ(t.it->engine().restarts, 1U);
    for (auto const& slot : slots) co_await expect_answer(*slot, "hello");
  });
}

TEST_F(AgentTest, KeepsItsEngineWhileTheBalancerIsAway) {
  run([](AgentTest& t) -> task<> {
    auto link = co_await t.greet();
    auto slots = co_await t.serve(*link, state(7, 2));
    auto const pid = t.it->engine().pid;
    auto const port = t.balancer->port;
    for (int round = 0; round < 3; ++round) {
      co_await t.lose(link);
      slots.clear();
      co_await t.balancer->stop();
      t.balancer.reset();
      t.balancer.emplace(t.loop.executor(), port);
      link = co_await t.greet();
      EXPECT_EQ(t.hello.report.applied.value, 7U);
      EXPECT_EQ(t.hello.report.engine.pid, pid);
      slots = co_await t.serve(*link, state(7, 2));
      for (auto const& slot : slots) co_await expect_answer(*slot, "hello");
    }
    EXPECT_EQ(t.it->engine().pid, pid);
  });
}

TEST_F(AgentTest, MovesToAnotherBalancerWithItsEngine) {
  second.emplace(loop.executor());
  config.balancers.push_back("127.0.0.1:" + std::to_string(second->port));
  run([](AgentTest& t) -> task<> {
    auto link = co_await t.greet();
    auto slots = co_await t.serve(*link, state(7, 1));
    auto const pid = t.it->engine().pid;
    co_await t.balancer->stop();
    slots.clear();
    link.reset();
    auto const moved = co_await t.second->next_link();
    auto const hello = co_await moved->next<link_hello>();
    EXPECT_EQ(hello.report.engine.pid, pid);
    moved->welcome(2);
    auto const slot = co_await t.second->next_slot();
    co_await expect_answer(*slot, "hello");
  });
}

TEST_F(AgentTest, DialsAgainWhenTheBalancerFallsSilent) {
  run([](AgentTest& t) -> task<> {
    auto const silent = co_await t.balancer->next_link();
    silent->welcome(1, 10ms);
    auto const next = co_await t.balancer->next_link();
    EXPECT_EQ((co_await next->next<link_hello>()).highest_epoch.value, 1U);
  });
}

TEST_F(AgentTest, LeaksNoDescriptorOverManyLinks) {
  run([](AgentTest& t) -> task<> {
    auto link = co_await t.greet();
    auto slots = co_await t.serve(*link, state(7, 2));
    auto const before = open_descriptors();
    for (int round = 0; round < 50; ++round) {
      co_await t.lose(link);
      slots.clear();
      link = co_await t.greet();
      slots = co_await t.serve(*link, state(7, 2));
    }
    co_await t.until([&] { return open_descriptors() <= before; });
  });
}

TEST_F(AgentTest, StopLetsRequestsEndThenBreaksThemAndLeavesNothing) {
  auto const before = open_descriptors();
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const slots = co_await t.serve(*link, state(7, 2));
    auto const pid = static_cast<pid_t>(t.it->engine().pid);
    co_await begin_endless(*slots[0]);
    t.it->stop(1h);
    co_await in_time(slots[1]->connection->stream().wait_peer_closed()); // the idle one goes at once
    EXPECT_EQ(t.it->engine().pid, pid);
    EXPECT_TRUE(t.it->is_connected()) << "the link goes last";
    t.it->stop(1ms);
    co_await expect_cut_off(*slots[0]);
    co_await in_time(t.wait_ended());
    EXPECT_TRUE(t.outcome->has_value());
    EXPECT_NE(::kill(pid, 0), 0);
  });
  loop.run_until_done(clean_up());
  EXPECT_LE(open_descriptors(), before);
}

TEST_F(AgentTest, StopsAnEngineThatDoesNotListen) {
  config.engine.stop_grace = 20ms;
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    co_await t.serve(*link, state(7, 1));
    auto const pid = static_cast<pid_t>(t.it->engine().pid);
    ::kill(pid, SIGSTOP);
    t.it->stop(1h);
    co_await in_time(t.wait_ended());
    EXPECT_NE(::kill(pid, 0), 0);
  });
}

TEST_F(AgentTest, StopsWhileTheEngineLoads) {
  config.program.simulation.load_time = 1h;
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    link->apply(state(7, 1));
    co_await link->next<link_ack>();
    co_await t.until([&] { return t.it->engine().pid != 0; });
    t.it->stop(1h);
    co_await in_time(t.wait_ended());
  });
}

TEST_F(AgentTest, EndsWithTheReasonWhereNoBalancerWillEverLetItIn) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.balancer->next_link();
    co_await link->next<link_hello>();
    link->refuse_for_good("protocol 9 is spoken here");
    co_await in_time(t.wait_ended());
    EXPECT_EQ(t.outcome->error().message, "the balancer refuses this agent: protocol 9 is spoken here");
  });
}

TEST_F(AgentTest, SaysWhatIsWrongWithItsConfiguration) {
  struct {
    std::vector<std::string> balancers;
    std::string id;
    std::string expected;
  } const cases[] = {{{}, "a", "the agent was given no balancer's address"},
                     {{"127.0.0.1:99999"}, "a", "99999"},
                     {{"127.0.0.1"}, "a b", "'a b' is not a valid agent id"}};

  for (auto const& each : cases) {
    config.balancers = each.balancers;
    config.id = {each.id};
    agent wrong(loop.executor(), config);
    auto const failure = loop.run_until_done(wrong.run());
    ASSERT_FALSE(failure) << each.expected;
    EXPECT_NE(describe(failure.error()).find(each.expected), std::string::npos) << describe(failure.error());
  }
}

} // namespace
} // namespace paddler
