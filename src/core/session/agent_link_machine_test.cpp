#include "core/session/agent_link_machine.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

mono_time const start{seconds(100)};

agent_identity identity() { return {{"a"}, {7}, {}, std::nullopt}; }

applicable_state state(std::uint64_t version, std::string path) {
  applicable_state out{{version}, applicable_model{}};
  out.model->reference.path = std::move(path);
  return out;
}

std::string text(agent_message const& message) {
  if (auto const* hello = std::get_if<link_hello>(&message))
    return "hello#" + std::to_string(hello->report.sequence) + "/e" + std::to_string(hello->highest_epoch.value) +
           "/v" + std::to_string(hello->report.applied.value);
  if (auto const* report = std::get_if<link_report>(&message))
    return "report#" + std::to_string(report->report.sequence) + "/busy" +
           std::to_string(report->report.engine.slots_busy);
  if (auto const* ack = std::get_if<link_ack>(&message)) return "ack" + std::to_string(ack->version.value);
  if (auto const* nack = std::get_if<link_nack>(&message)) return "nack" + std::to_string(nack->version.value);
  if (auto const* answer = std::get_if<link_answer>(&message)) return "answer" + std::to_string(answer->number);
  return "heartbeat" + std::to_string(std::get<link_heartbeat>(message).sequence);
}

std::string text(agent_link_effect const& effect) {
  if (auto const* dial = std::get_if<dial_balancer>(&effect)) return "dial" + std::to_string(dial->address);
  if (std::holds_alternative<end_dial>(effect)) return "end";
  if (auto const* send = std::get_if<send_to_balancer>(&effect)) return text(send->message);
  if (auto const* check = std::get_if<check_state>(&effect))
    return "check" + std::to_string(check->state.version.value);
  if (auto const* examine = std::get_if<examine_state>(&effect)) return "examine" + std::to_string(examine->number);
  if (auto const* run = std::get_if<run_state>(&effect)) return "run" + std::to_string(run->state.version.value);
  if (std::holds_alternative<tell_operator>(effect)) return "tell";
  return "give up";
}

class AgentLinkMachineTest : public ::testing::Test {
protected:
  agent_link_machine it{{}, identity(), 1};
  mono_time now = start;
  double random = 0.5;
  dial_serial dial = 0; // the newest
  std::map<generation, applicable_state> checks;

  std::string apply(agent_link_event const& event) {
    std::string out;
    for (auto const& effect : it.apply(event, now, random)) {
      if (auto const* d = std::get_if<dial_balancer>(&effect)) dial = d->dial;
      if (auto const* check = std::get_if<check_state>(&effect)) checks[check->state.version] = check->state;
      out += (out.empty() ? "" : " ") + text(effect);
    }
    return out;
  }

  // The newest check of this version ends.
  std::string checked(std::uint64_t version, std::vector<field_error> errors = {}) {
    return apply(state_checked{checks[{version}], std::move(errors)});
  }

  std::string hear(balancer_message message) { return apply(balancer_spoke{dial, std::move(message)}); }

  std::string tick(duration later) {
    now += later;
    return apply(agent_timer_fired{});
  }

  // Lets time pass until the next deadline.
  std::string tick_when_due() { return tick(it.next_deadline().value() - now); }

  void come_alive(epoch leader = {1}) {
    apply(agent_started{});
    apply(dial_opened{dial});
    ASSERT_EQ(hear(link_welcome{leader, 1000}), "");
    ASSERT_TRUE(it.is_live());
  }

  std::string observe_busy(int slots) {
    return apply(engines_observed{.engine = {.slots_busy = slots}, .beside = {}, .given_up = {}, .actions = {}});
  }
};

TEST_F(AgentLinkMachineTest, DialsGreetsAndLives) {
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  EXPECT_EQ(apply(agent_started{}), "dial0");
  EXPECT_EQ(apply(dial_opened{dial}), "hello#1/e0/v0");
  EXPECT_FALSE(it.is_live());
  EXPECT_EQ(hear(link_welcome{{3}, 1000}), "");
  EXPECT_TRUE(it.is_live());
  EXPECT_EQ(it.next_deadline(), start + seconds(1));
}

TEST_F(AgentLinkMachineTest, WaitsLongerAfterEachFailureWithFullJitter) {
  struct {
    double random;
    milliseconds wait;
  } const rounds[] = {{0.5, milliseconds(50)},   {0.5, milliseconds(100)},  {0.0, milliseconds(0)},
                      {0.5, milliseconds(400)},  {1.0, milliseconds(1600)}, {1.0, milliseconds(3000)},
                      {1.0, milliseconds(3000)}, {0.1, milliseconds(300)}};

  apply(agent_started{});
  for (auto const& round : rounds) {
    random = round.random;
    EXPECT_EQ(apply(dial_ended{dial, "refused"}), "");
    EXPECT_EQ(it.next_deadline(), now + round.wait);
    EXPECT_EQ(tick_when_due(), "dial0");
  }
}

TEST_F(AgentLinkMachineTest, TriesEveryAddressBeforeItWaits) {
  it = agent_link_machine({}, identity(), 3);
  EXPECT_EQ(apply(agent_started{}), "dial0");
  EXPECT_EQ(apply(dial_ended{dial, "refused"}), "dial1");
  EXPECT_EQ(apply(dial_ended{dial, "refused"}), "dial2");
  EXPECT_EQ(apply(dial_ended{dial, "refused"}), "");
  EXPECT_EQ(tick_when_due(), "dial0");
  apply(dial_ended{dial, "refused"});
  apply(dial_opened{dial});
  hear(link_welcome{{1}, 1000});
  EXPECT_EQ(apply(dial_ended{dial, "reset"}), "tell");
  EXPECT_EQ(tick_when_due(), "dial1") << "the one that was live comes first";
}

TEST_F(AgentLinkMachineTest, AWelcomeMakesItForgetFailures) {
  apply(agent_started{});
  for (int i = 0; i < 5; ++i) {
    apply(dial_ended{dial, "refused"});
    tick_when_due();
  }
  apply(dial_opened{dial});
  hear(link_welcome{{1}, 1000});
  apply(dial_ended{dial, "reset"});
  EXPECT_EQ(it.next_deadline(), now + milliseconds(50));
  EXPECT_EQ(tick_when_due(), "dial0");
  apply(dial_ended{dial, "refused"});
  EXPECT_EQ(it.next_deadline(), now + milliseconds(50)) << "the first failed round";
}

TEST_F(AgentLinkMachineTest, ASilentGreetingEnds) {
  apply(agent_started{});
  EXPECT_EQ(tick(seconds(9)), "");
  apply(dial_opened{dial});
  EXPECT_EQ(tick(seconds(1)), "end");
  EXPECT_EQ(tick_when_due(), "dial0");
  EXPECT_EQ(apply(dial_ended{dial - 1, "closed"}), "") << "the end of an earlier dial";
}

TEST_F(AgentLinkMachineTest, RefusalsAreTriedAgainOrEndIt) {
  apply(agent_started{});
  apply(dial_opened{dial});
  EXPECT_EQ(hear(link_refuse{"taken", true}), "end tell");
  EXPECT_EQ(tick_when_due(), "dial0");
  apply(dial_opened{dial});
  EXPECT_EQ(hear(link_refuse{"protocol", false}), "end give up");
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  EXPECT_EQ(apply(dial_ended{dial, "closed"}), "");
}

TEST_F(AgentLinkMachineTest, TimeInWhichTheAgentWasHeldUpIsNoSilence) {
  come_alive();
  EXPECT_EQ(tick(seconds(60)), "heartbeat1 report#2/busy0") << "59 seconds late";
  EXPECT_EQ(tick(seconds(1)), "heartbeat2");
  EXPECT_EQ(tick(seconds(1)), "end tell") << "the balancer was silent in the time that was not lost";
}

TEST_F(AgentLinkMachineTest, HeartbeatsAndTheirAbsence) {
  come_alive();
  EXPECT_EQ(tick(seconds(1)), "heartbeat1");
  EXPECT_EQ(hear(link_heartbeat{1}), "");
  EXPECT_EQ(tick(seconds(1)), "heartbeat2");
  EXPECT_EQ(tick(seconds(1)), "heartbeat3");
  EXPECT_EQ(tick(milliseconds(999)), "");
  EXPECT_EQ(tick(milliseconds(1)), "end tell");
  EXPECT_FALSE(it.is_live());
}

TEST_F(AgentLinkMachineTest, HeartbeatsStayWithinTheirBounds) {
  apply(agent_started{});
  apply(dial_opened{dial});
  hear(link_welcome{{1}, 0});
  EXPECT_EQ(it.next_deadline(), now + milliseconds(10));
}

TEST_F(AgentLinkMachineTest, AcceptsAStateThatPassesItsCheck) {
  come_alive();
  EXPECT_EQ(hear(link_apply{{1}, state(3, "m")}), "check3");
  EXPECT_FALSE(it.accepted());
  EXPECT_EQ(checked(3), "run3 ack3");
  EXPECT_EQ(it.accepted(), state(3, "m"));
}

TEST_F(AgentLinkMachineTest, DoesNothingWithTheSameContent) {
  come_alive();
  hear(link_apply{{1}, state(3, "m")});
  checked(3);
  EXPECT_EQ(hear(link_apply{{1}, state(3, "m")}), "ack3");
  EXPECT_EQ(hear(link_apply{{1}, state(4, "m")}), "run4 ack4") << "the slots are to carry the new version";
  EXPECT_EQ(hear(link_apply{{1}, {{5}, std::nullopt}}), "run5 ack5") << "nothing to check";
}

TEST_F(AgentLinkMachineTest, RefusesWithReasonsAndKeepsWhatRuns) {
  come_alive();
  hear(link_apply{{1}, state(3, "m")});
  checked(3);
  hear(link_apply{{1}, state(4, "bad")});
  EXPECT_EQ(checked(4, {{"model", "no", "", 0}}), "nack4");
  EXPECT_EQ(it.accepted(), state(3, "m"));
}

TEST_F(AgentLinkMachineTest, ChecksARefusedStateAgainNowAndThen) {
  come_alive();
  hear(link_apply{{1}, state(4, "missing")});
  checked(4, {{"model", "no", "", 0}});
  auto const again = [&] {
    now += seconds(15);
    hear(link_heartbeat{1});
    return apply(agent_timer_fired{});
  };
  EXPECT_EQ(again(), "heartbeat1 report#2/busy0 check4");
  EXPECT_EQ(checked(4, {{"model", "no", "", 0}}), "") << "nothing new to say";
  EXPECT_EQ(again(), "heartbeat2 report#3/busy0 check4");
  EXPECT_EQ(checked(4, {{"model", "not a GGUF", "", 0}}), "nack4");
  EXPECT_EQ(again(), "heartbeat3 report#4/busy0 check4");
  EXPECT_EQ(checked(4), "run4 ack4");
}

TEST_F(AgentLinkMachineTest, OnlyTheNewestCheckCounts) {
  come_alive();
  hear(link_apply{{1}, state(3, "m")});
  EXPECT_EQ(hear(link_apply{{1}, state(4, "n")}), "check4");
  EXPECT_EQ(checked(3), "");
  EXPECT_EQ(checked(4), "run4 ack4");
  EXPECT_EQ(checked(4), "");
}

TEST_F(AgentLinkMachineTest, AStateIsAcceptedWhileTheBalancerIsAway) {
  come_alive();
  hear(link_apply{{1}, state(3, "m")});
  apply(dial_ended{dial, "reset"});
  EXPECT_EQ(checked(3), "run3");
  tick_when_due();
  EXPECT_EQ(apply(dial_opened{dial}), "hello#2/e1/v3");
  hear(link_welcome{{1}, 1000});
  EXPECT_EQ(hear(link_apply{{1}, state(3, "m")}), "ack3");
}

TEST_F(AgentLinkMachineTest, RefusesWhatAnOlderLeaderSays) {
  come_alive({5});
  EXPECT_EQ(hear(link_apply{{4}, state(3, "m")}), "end tell");
  tick_when_due();
  EXPECT_EQ(apply(dial_opened{dial}), "hello#2/e5/v0");
  EXPECT_EQ(hear(link_welcome{{4}, 1000}), "tell end");
  tick_when_due();
  apply(dial_opened{dial});
  EXPECT_EQ(hear(link_welcome{{6}, 1000}), "");
  EXPECT_EQ(hear(link_apply{{6}, state(3, "m")}), "check3");
}

// Of every command that has effect: the state that is to run, and the question that makes the agent read files.
TEST_F(AgentLinkMachineTest, LDR_03_EveryCommandOfAnOlderEpochIsRefused) {
  for (balancer_message const& command :
       {balancer_message{link_apply{{4}, state(3, "m")}}, balancer_message{link_question{{4}, 1, state(3, "m")}}}) {
    it = agent_link_machine({}, identity(), 1);
    come_alive({5});
    EXPECT_EQ(hear(command), "end tell") << command.index();
    EXPECT_EQ(it.accepted(), std::nullopt);
  }
}

TEST_F(AgentLinkMachineTest, AQuestionIsAnsweredAndChangesNothing) {
  come_alive();
  EXPECT_EQ(hear(link_question{{1}, 7, state(3, "m")}), "examine7");
  EXPECT_EQ(apply(state_examined{dial, {7, {{"model", "too large", "", 0}}, {}}}), "answer7");
  EXPECT_EQ(it.accepted(), std::nullopt);
}

TEST_F(AgentLinkMachineTest, AnswersGoToTheLinkThatAsked) {
  come_alive();
  auto const asked_on = dial;
  hear(link_question{{1}, 7, state(3, "m")});
  apply(dial_ended{dial, "reset"});
  EXPECT_EQ(apply(state_examined{asked_on, {7, {}, {}}}), "") << "nobody listens";
  tick_when_due();
  apply(dial_opened{dial});
  hear(link_welcome{{1}, 1000});
  EXPECT_EQ(apply(state_examined{asked_on, {7, {}, {}}}), "") << "this link did not ask";
}

TEST_F(AgentLinkMachineTest, ExaminesAFewQuestionsAtOnce) {
  come_alive();
  std::size_t const limit = agent_link_policy{}.questions_at_once;
  for (std::uint64_t i = 1; i <= limit; ++i)
    EXPECT_EQ(hear(link_question{{1}, i, state(3, "m")}), "examine" + std::to_string(i));
  EXPECT_EQ(hear(link_question{{1}, 100, state(3, "m")}), "") << "it is not answered";
  apply(state_examined{dial, {1, {}, {}}});
  EXPECT_EQ(hear(link_question{{1}, 101, state(3, "m")}), "examine101");
}

TEST_F(AgentLinkMachineTest, TellsWhatTheMachineIsOnceItIsAnother) {
  come_alive();
  EXPECT_EQ(apply(machine_measured{{}}), "") << "as it was told";
  auto const effects = it.apply(machine_measured{{.memory_bytes = 5}}, now, random);
  ASSERT_EQ(effects.size(), 1U);
  auto const told = std::get<link_report>(std::get<send_to_balancer>(effects[0]).message);
  EXPECT_EQ(told.capabilities.value().memory_bytes, 5U);
  EXPECT_EQ(apply(machine_measured{{.memory_bytes = 5}}), "");
  apply(dial_ended{dial, "reset"});
  EXPECT_EQ(apply(machine_measured{{.memory_bytes = 6}}), "");
  tick_when_due();
  auto const greeting = it.apply(dial_opened{dial}, now, random);
  auto const hello = std::get<link_hello>(std::get<send_to_balancer>(greeting.at(0)).message);
  EXPECT_EQ(hello.capabilities.memory_bytes, 6U);
  EXPECT_TRUE(hello.deltas);
}

TEST_F(AgentLinkMachineTest, AStateBeforeTheWelcomeIsAFault) {
  apply(agent_started{});
  apply(dial_opened{dial});
  EXPECT_EQ(hear(link_apply{{1}, state(3, "m")}), "end");
}

TEST_F(AgentLinkMachineTest, ReportsWhatChangedAndSparesTheLink) {
  come_alive();
  EXPECT_EQ(observe_busy(1), "report#2/busy1");
  EXPECT_EQ(observe_busy(1), "");
  EXPECT_EQ(observe_busy(2), "");
  EXPECT_EQ(observe_busy(3), "");
  EXPECT_EQ(it.next_deadline(), now + milliseconds(100));
  EXPECT_EQ(tick_when_due(), "report#3/busy3");
  EXPECT_EQ(it.next_deadline(), start + seconds(1));
}

TEST_F(AgentLinkMachineTest, ReportsNowAndThenWhereNothingChanged) {
  come_alive();
  for (std::uint64_t beat = 1; beat < 10; ++beat) {
    EXPECT_EQ(tick(seconds(1)), "heartbeat" + std::to_string(beat));
    hear(link_heartbeat{beat});
  }
  EXPECT_EQ(tick(seconds(1)), "heartbeat10 report#2/busy0");
  hear(link_heartbeat{10});
  EXPECT_EQ(tick(seconds(1)), "heartbeat11");
}

TEST_F(AgentLinkMachineTest, EachHelloCarriesTheWholeReport) {
  observe_busy(1);
  apply(agent_started{});
  EXPECT_EQ(apply(dial_opened{dial}), "hello#1/e0/v0");
  EXPECT_EQ(observe_busy(2), "");
  EXPECT_EQ(hear(link_welcome{{1}, 1000}), "report#2/busy2") << "it changed after the hello";
}

TEST_F(AgentLinkMachineTest, TellsNotices) {
  come_alive();
  EXPECT_EQ(hear(link_notice{"slots: the file's value won"}), "tell");
}

// So the shell leaves none out (LIN-08), and does not say at each dial what it said before.
TEST_F(AgentLinkMachineTest, WhatIsSaidAtEachDialIsMarked) {
  auto const marked = [this](balancer_message const& message) {
    for (auto const& effect : it.apply(balancer_spoke{dial, message}, now, random))
      if (auto const* told = std::get_if<tell_operator>(&effect)) return told->at_each_dial;
    return false;
  };
  apply(agent_started{});
  apply(dial_opened{dial});
  EXPECT_TRUE(marked(link_refuse{"full", true}));
  tick_when_due();
  apply(dial_opened{dial});
  hear(link_welcome{{1}, 1000});
  EXPECT_FALSE(marked(link_notice{"slots: the file's value won"}));
}

TEST_F(AgentLinkMachineTest, StopsFromAnywhere) {
  EXPECT_EQ(apply(agent_stopped{}), "");
  it = agent_link_machine({}, identity(), 1);
  come_alive();
  EXPECT_EQ(apply(agent_stopped{}), "end");
  EXPECT_EQ(hear(link_apply{{1}, state(3, "m")}), "");
  EXPECT_EQ(tick(seconds(60)), "");
  EXPECT_EQ(it.next_deadline(), std::nullopt);
}

} // namespace
} // namespace paddler
