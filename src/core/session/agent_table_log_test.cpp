// What the balancer's table of agents keeps of what agents did, what it tells of it, and how an agent is in one word.
#include "core/session/agent_table.hpp"
#include "core/session/agent_trouble.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::seconds;

instant const begin{mono_time{seconds(100)}, wall_time{seconds(1)}};

reconciliation action(std::uint64_t number, reconcile_outcome outcome = reconcile_outcome::open) {
  reconciliation out;
  out.number = number;
  out.outcome = outcome;
  return out;
}

link_hello hello_of(std::string agent, std::uint64_t process, std::vector<reconciliation> actions = {}) {
  link_hello out;
  out.agent.value = std::move(agent);
  out.process.value = process;
  out.actions = std::move(actions);
  return out;
}

link_report report_of(std::uint64_t sequence, std::vector<reconciliation> actions) {
  link_report out;
  out.report.sequence = sequence;
  out.actions = std::move(actions);
  return out;
}

// As "a/7:1" for the first entry of process 7 of agent a, with ! where it is closed; "b3" for the balancer's third.
template <class Log> std::string text(Log const& log) {
  std::string out;
  for (logged_action const& each : log) {
    out += each.by_balancer ? "b" : each.agent.value + "/" + std::to_string(each.process.value) + ":";
    out += std::to_string(each.action.number);
    out += each.action.outcome == reconcile_outcome::open ? " " : "! ";
  }
  return out;
}

class AgentTableLog : public ::testing::Test {
protected:
  agent_table it{{.log_entries = 4}, epoch{1}};

  void hello(std::uint64_t link, link_hello const& message, applicable_state const& wanted = {}) {
    ASSERT_TRUE(it.hello({link}, message, wanted, begin).second);
  }

  std::string news() { return text(it.take_news().actions); }
};

TEST_F(AgentTableLog, KeepsEachActionOnceAndTellsWhatIsNewOfIt) {
  hello(1, hello_of("a", 7, {action(1), action(2)}));
  EXPECT_EQ(news(), "a/7:1 a/7:2 ");
  it.heard({1}, report_of(1, {action(2, reconcile_outcome::done)}), begin);
  EXPECT_EQ(news(), "a/7:2! ");
  it.heard({1}, report_of(2, {action(2, reconcile_outcome::done)}), begin);
  EXPECT_EQ(news(), "") << "said again, it is no news";
  auto again = hello_of("a", 7, {action(1), action(2, reconcile_outcome::done), action(3)});
  again.report.sequence = 2;
  hello(2, again);
  EXPECT_EQ(news(), "a/7:3 ") << "a new link brings all again";
  EXPECT_EQ(text(it.log()), "a/7:1 a/7:2! a/7:3 ");
}

TEST_F(AgentTableLog, AReportThatWasOvertakenStillBringsItsActions) {
  hello(1, hello_of("a", 7));
  it.heard({1}, report_of(5, {}), begin);
  it.heard({1}, report_of(4, {action(1)}), begin);
  EXPECT_EQ(text(it.log()), "a/7:1 ");
  EXPECT_EQ(it.agents().at({"a"}).report.sequence, 5U) << "but its facts are old";
}

TEST_F(AgentTableLog, NumbersCountForEachProcessAndForTheBalancer) {
  hello(1, hello_of("a", 7, {action(1)}));
  it.closed({1}, begin.mono);
  applicable_state const wanted{{1}, applicable_model{}};
  hello(2, hello_of("a", 8, {action(1)}), wanted);
  hello(3, hello_of("c", 7, {action(1)}));
  EXPECT_EQ(text(it.log()), "a/7:1 a/8:1 b1 c/7:1 ");
  it.heard({2}, link_ack{{1}}, begin);
  EXPECT_EQ(text(it.log()), "a/7:1 a/8:1 b1! c/7:1 ");
}

TEST_F(AgentTableLog, OnlyTheNewestAreKeptAndWhatFellOutIsNotClosed) {
  applicable_state const wanted{{1}, applicable_model{}};
  hello(1, hello_of("a", 7), wanted);
  EXPECT_EQ(text(it.log()), "b1 ");
  it.heard({1}, report_of(1, {action(1), action(2), action(3), action(4)}), begin);
  EXPECT_EQ(text(it.log()), "a/7:1 a/7:2 a/7:3 a/7:4 ");
  news();
  it.heard({1}, link_ack{{1}}, begin);
  EXPECT_EQ(news(), "");
  EXPECT_EQ(text(it.log()), "a/7:1 a/7:2 a/7:3 a/7:4 ");
}

TEST_F(AgentTableLog, ADeliveryHasItsReasonItsTimesAndItsEnd) {
  hello(1, hello_of("a", 7), {{1}, applicable_model{}});
  auto const entry = [this] { return it.log().begin()->action; };
  EXPECT_EQ(entry().difference, "it holds nothing, and version 1 is wanted");
  EXPECT_EQ(entry().started_at, begin.wall);
  EXPECT_EQ(entry().ended_at, std::nullopt);
  it.heard({1}, link_ack{{1}}, {begin.mono, begin.wall + seconds(3)});
  EXPECT_EQ(entry().outcome, reconcile_outcome::done);
  EXPECT_EQ(entry().observation, "the agent accepted it");
  EXPECT_EQ(entry().ended_at, begin.wall + seconds(3));
  it.deliver({"a"}, {{2}, std::nullopt}, begin);
  EXPECT_EQ(it.log().begin()[1].action.difference, "it holds version 1, and version 2 is wanted");
  it.deliver({"a"}, {{3}, applicable_model{}}, begin);
  EXPECT_EQ(it.log().begin()[1].action.observation, "it was not answered before the next one was sent");
  EXPECT_EQ(it.log().begin()[1].action.outcome, reconcile_outcome::superseded);
}

// They share their numbers, and nothing else.
TEST_F(AgentTableLog, AnEntryOfTheBalancerThatFallsOutTakesNoneOfAnAgentAlong) {
  hello(1, hello_of("a", 7), {{1}, applicable_model{}});
  it.heard({1}, report_of(1, {action(1), action(2), action(3)}), begin);
  EXPECT_EQ(text(it.log()), "b1 a/7:1 a/7:2 a/7:3 ");
  it.heard({1}, report_of(2, {action(4)}), begin);
  it.heard({1}, report_of(3, {action(1, reconcile_outcome::done)}), begin);
  EXPECT_EQ(text(it.log()), "a/7:1! a/7:2 a/7:3 a/7:4 ");
}

TEST_F(AgentTableLog, ARefusalOfAnOldVersionClosesNothing) {
  applicable_state wanted{{1}, applicable_model{}};
  hello(1, hello_of("a", 7), wanted);
  wanted.version = {2};
  wanted.model->slots = 9;
  it.deliver({"a"}, wanted, begin);
  EXPECT_EQ(text(it.log()), "b1! b2 ");
  it.heard({1}, link_nack{{1}, {{"model", "is not there", "", 0}}}, begin);
  EXPECT_EQ(text(it.log()), "b1! b2 ");
  it.heard({1}, link_nack{{2}, {{"model", "is not there", "", 0}, {"slots", "are too many", "", 0}}}, begin);
  EXPECT_EQ(text(it.log()), "b1! b2! ");
  EXPECT_EQ(it.log().begin()[1].action.observation, "the agent refused it: model: is not there; slots: are too many");
  EXPECT_EQ(it.log().begin()[1].action.outcome, reconcile_outcome::failed);
}

TEST(AgentTableLimits, AnAgentTooManyIsRefusedForNowAndAKnownOneIsNot) {
  agent_table it{{.max_agents = 2}, epoch{1}};
  EXPECT_TRUE(it.hello({1}, hello_of("a", 1), {}, begin).second);
  EXPECT_TRUE(it.hello({2}, hello_of("b", 1), {}, begin).second);
  auto const [effects, accepted] = it.hello({3}, hello_of("c", 1), {}, begin);
  EXPECT_FALSE(accepted);
  ASSERT_EQ(effects.size(), 2U);
  auto const& refusal = std::get<link_refuse>(std::get<send_to_agent>(effects[0]).message);
  EXPECT_TRUE(refusal.retry);
  EXPECT_NE(refusal.reason.find("2 agents already"), std::string::npos) << refusal.reason;
  it.closed({1}, begin.mono);
  EXPECT_TRUE(it.hello({4}, hello_of("a", 2), {}, begin).second) << "whoever is known is let in";
}

TEST(AgentTableLimits, NobodyIsNotifiedWhereNobodyIs) {
  agent_table it{{}, epoch{1}};
  EXPECT_TRUE(it.notify({"a"}, "so").empty());
  EXPECT_TRUE(it.deliver({"a"}, {{1}, applicable_model{}}, begin).empty());
  it.hello({1}, hello_of("a", 1), {}, begin);
  EXPECT_EQ(it.notify({"a"}, "so").size(), 1U);
  it.closed({1}, begin.mono);
  EXPECT_TRUE(it.notify({"a"}, "so").empty());
  EXPECT_TRUE(it.deliver({"a"}, {{1}, applicable_model{}}, begin).empty());
  EXPECT_FALSE(it.is_connected({"a"}, {1}));
}

// --- in one word ---

engine_report engine(engine_status status, std::uint64_t version, std::string reason = {}) {
  return {.status = status, .version = {version}, .reason = std::move(reason)};
}

TEST(AgentTrouble, SaysWhyNotWhatWasAcceptedServes) {
  using enum engine_status;

  struct row {
    std::string_view what;
    agent_report report;
    std::string_view trouble;
  };

  auto const report = [](engine_report serving, std::optional<engine_report> beside = {}, std::string given_up = {}) {
    agent_report out;
    out.engine = std::move(serving);
    out.beside = std::move(beside);
    out.given_up = std::move(given_up);
    return out;
  };
  row const rows[] = {
      {"all is well", report(engine(ready, 3)), ""},
      {"the only engine is down", report(engine(backoff, 3, "signal 9")), "signal 9"},
      {"the next one loads", report(engine(ready, 3), engine(loading, 4, "it loads")), ""},
      {"the next one dies", report(engine(ready, 3), engine(backoff, 4, "signal 9")),
       "version 4 does not load: signal 9"},
      {"the next one is none", report(engine(ready, 3), engine(failed, 4, "no GGUF")),
       "version 4 does not load: no GGUF"},
      {"the last one ends badly", report(engine(ready, 4), engine(failed, 3, "no GGUF")), ""},
      {"the goal was given up", report(engine(ready, 3), {}, "it needs 9 GiB"), "it needs 9 GiB"},
      {"given up and down", report(engine(backoff, 3, "signal 9"), {}, "it needs 9 GiB"), "it needs 9 GiB"},
  };
  for (auto const& [what, said, trouble] : rows) EXPECT_EQ(trouble_of(said), trouble) << what;
}

TEST(AgentTrouble, NothingIsKnownOfWhoIsAwayOrSilent) {
  agent_record agent;
  agent.report.engine.status = engine_status::ready;
  EXPECT_EQ(status_of(agent), engine_status::unknown) << "not connected";
  agent.connected = true;
  EXPECT_EQ(status_of(agent), engine_status::ready);
  agent.facts_expired = true;
  EXPECT_EQ(status_of(agent), engine_status::unknown) << "silent for too long";
}

} // namespace
} // namespace paddler
