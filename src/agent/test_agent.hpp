// For tests: the whole agent between a balancer that the test plays and the simulated engine in a real child process.
#pragma once
#include "agent/agent.hpp"
#include "agent/test_support.hpp"
#include "core/engine/hash_chain.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/task_group.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace paddler {

// Where the build put it (agent_test.cpp).
std::string test_engine_program();

class AgentTest : public ::testing::Test {
public:
  AgentTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "paddler-agent-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    balancer.emplace(loop.executor());
    config.balancers = {"127.0.0.1:" + std::to_string(balancer->port)};
    config.id = {"agent-1"};
    config.version = "1.2.3";
    config.program.kind = engine_kind::simulated;
    config.program.path = test_engine_program();
    config.runtime_directory = folder + "/run";
    config.drain = std::chrono::seconds(10);
    config.link.backoff_first = config.slots.backoff_first = std::chrono::milliseconds(1);
    config.link.backoff_limit = config.slots.backoff_limit = std::chrono::milliseconds(5);
    config.link.recheck_refused = std::chrono::milliseconds(5);
    config.engine.start_probe_interval = config.engine.drain_probe_interval = std::chrono::milliseconds(5);
    config.engine.backoff_first = std::chrono::milliseconds(1);
    config.engine.backoff_limit = std::chrono::milliseconds(2);
  }

  ~AgentTest() override {
    loop.run_until_done(clean_up());
    std::filesystem::remove_all(folder);
  }

  void run(task<> (*test)(AgentTest&)) { loop.run_until_done(with_agent(test)); }

  task<> with_agent(task<> (*test)(AgentTest&)) {
    it = std::make_unique<agent>(loop.executor(), config);
    group.spawn("agent", run_agent());
    co_await in_time(test(*this));
  }

  task<> run_agent() {
    outcome = co_await it->run();
    ended.notify_all();
  }

  task<> wait_ended() {
    while (!outcome) co_await ended.wait();
  }

  task<> clean_up() {
    if (it && !outcome) it->stop(std::chrono::milliseconds(0));
    co_await group.join();
    it.reset();
    if (balancer) co_await balancer->stop();
    if (second) co_await second->stop();
  }

  // The link, up to the welcome.
  task<open_link_ptr> greet() {
    auto link = co_await balancer->next_link();
    hello = co_await link->next<link_hello>();
    link->welcome(1);
    co_return link;
  }

  static applicable_state state(std::uint64_t version, int slots, std::string name = "m") {
    applicable_state out{{version}, applicable_model{}};
    out.model->name = std::move(name);
    out.model->reference.source = model_source::local;
    out.model->reference.path = "/no/file/is/opened";
    out.model->slots = slots;
    out.model->max_context_length = 512;
    return out;
  }

  static applicable_state nothing_wanted(std::uint64_t version) { return {{version}, std::nullopt}; }

  // A state that is accepted, and the slots that follow.
  task<std::vector<open_slot_ptr>> serve(open_link& link, applicable_state wanted) {
    link.apply(wanted);
    EXPECT_EQ((co_await link.next<link_ack>()).version, wanted.version);
    co_return co_await next_slots(wanted.model->slots);
  }

  task<std::vector<open_slot_ptr>> next_slots(int count) {
    std::vector<open_slot_ptr> out;
    for (int i = 0; i < count; ++i) {
      auto slot = co_await balancer->next_slot();
      out.push_back(std::move(slot));
    }
    co_return out;
  }

  // The link breaks, and the agent has seen it.
  task<> lose(open_link_ptr& link) {
    link.reset();
    co_await until([this] { return !it->is_connected(); });
  }

  // A request whose whole answer is the hash chain's.
  static task<> expect_answer(open_slot& slot, std::string prompt) {
    co_await slot.send("/v1/completions", R"({"prompt":")" + prompt + R"(","max_tokens":24})");
    EXPECT_EQ(co_await slot.status(), 200);
    auto const answer = co_await slot.rest();
    EXPECT_NE(answer.find('"' + expected_answer(slot.model, prompt, 24).text + '"'), std::string::npos) << answer;
  }

  // A stream that stops after two tokens and never goes on.
  static task<> begin_endless(open_slot& slot) {
    co_await slot.send("/v1/completions", R"({"prompt":"[[stall 3]]","max_tokens":24,"stream":true})");
    EXPECT_EQ(co_await slot.status(), 200);
    EXPECT_NE(co_await slot.piece(), "cut off");
  }

  // Reads a stream that is to break.
  static task<> expect_cut_off(open_slot& slot) {
    for (;;) {
      auto const piece = co_await slot.piece();
      EXPECT_NE(piece, "") << "a broken stream must not end cleanly";
      if (piece == "cut off" || piece.empty()) co_return;
    }
  }

  template <class Condition> task<> until(Condition holds) {
    while (!holds()) co_await next_turn();
  }

  event_loop loop;
  std::string folder;
  std::optional<test_balancer> balancer;
  std::optional<test_balancer> second; // of those tests that have two
  agent_config config;
  link_hello hello;
  std::unique_ptr<agent> it;
  std::optional<result<void>> outcome;
  wakeup ended{loop.executor()};
  task_group group{loop.executor(), "test"};
};

} // namespace paddler
