// The agent's half of the link as a table: each thing that can happen in each phase; and what its reports tell.
#include "core/session/agent_link_machine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string_view>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

mono_time const start{seconds(100)};

std::string text(agent_message const& message) {
  static constexpr std::string_view names[] = {"hello", "report", "ack", "nack", "answer", "heartbeat"};
  return std::string(names[message.index()]);
}

std::string text(agent_link_effects const& effects) {
  static constexpr std::string_view names[] = {"dial", "end", "", "check", "examine", "run", "tell", "give-up"};
  std::string out;
  for (auto const& effect : effects) {
    auto const* const send = std::get_if<send_to_balancer>(&effect);
    out += (out.empty() ? "" : " ") + (send ? text(send->message) : std::string(names[effect.index()]));
  }
  return out;
}

applicable_state state(std::uint64_t version, std::string name) {
  applicable_state out{{version}, applicable_model{}};
  out.model->name = std::move(name);
  return out;
}

class driver {
public:
  explicit driver(std::string_view phase = "idle") {
    if (phase == "idle") return;
    does(agent_started{});
    if (phase == "dialling") return;
    if (phase == "waiting") {
      does(dial_ended{dial, "refused"});
      return;
    }
    does(dial_opened{dial});
    if (phase == "greeting") return;
    does(balancer_spoke{dial, link_welcome{{3}, 1000}});
    if (phase == "stopped") does(agent_stopped{});
  }

  std::string does(agent_link_event const& event) {
    last = it.apply(event, now, 0.5);
    for (auto const& effect : last)
      if (auto const* dialled = std::get_if<dial_balancer>(&effect)) dial = dialled->dial;
    return text(last);
  }

  std::string hears(balancer_message message) { return does(balancer_spoke{dial, std::move(message)}); }

  // Whatever was sent last of this kind.
  template <class Message> Message const& sent() const {
    Message const* found = nullptr;
    for (auto const& effect : last)
      if (auto const* send = std::get_if<send_to_balancer>(&effect))
        if (auto const* message = std::get_if<Message>(&send->message)) found = message;
    if (found == nullptr) throw std::runtime_error("nothing of this kind was sent");
    return *found;
  }

  agent_link_machine it{{}, {{"a"}, {7}, {}, std::nullopt}, 1};
  mono_time now = start;
  dial_serial dial = 0;
  agent_link_effects last;
};

struct row {
  std::string_view what;
  std::function<std::string(driver&)> happen;
  std::array<std::string_view, 6> then; // in idle, dialling, waiting, greeting, live, stopped
};

constexpr std::array<std::string_view, 6> phases{"idle", "dialling", "waiting", "greeting", "live", "stopped"};

std::vector<row> table() {
  return {
      {"it is started", [](driver& d) { return d.does(agent_started{}); }, {"dial", "", "", "", "", ""}},
      {"its dial opens", [](driver& d) { return d.does(dial_opened{d.dial}); }, {"", "hello", "", "", "", ""}},
      {"another dial opens", [](driver& d) { return d.does(dial_opened{d.dial + 1}); }, {"", "", "", "", "", ""}},
      {"its dial ends", [](driver& d) { return d.does(dial_ended{d.dial, "broken"}); }, {"", "", "", "", "tell", ""}},
      {"another dial ends",
       [](driver& d) { return d.does(dial_ended{d.dial + 1, "broken"}); },
       {"", "", "", "", "", ""}},
      {"it is welcome", [](driver& d) { return d.hears(link_welcome{{3}, 1000}); }, {"", "", "", "", "", ""}},
      {"another link is welcome",
       [](driver& d) { return d.does(balancer_spoke{d.dial + 1, link_welcome{{3}, 1000}}); },
       {"", "", "", "", "", ""}},
      {"it is refused for now",
       [](driver& d) { return d.hears(link_refuse{"not now", true}); },
       {"", "", "", "end tell", "end tell tell", ""}},
      {"it is refused for good",
       [](driver& d) { return d.hears(link_refuse{"never", false}); },
       {"", "", "", "end give-up", "end give-up", ""}},
      {"it is told a state",
       [](driver& d) { return d.hears(link_apply{{3}, state(1, "m")}); },
       {"", "", "", "end", "check", ""}},
      {"it is told to run nothing",
       [](driver& d) { return d.hears(link_apply{{3}, {{1}, std::nullopt}}); },
       {"", "", "", "end", "run ack", ""}},
      {"an older balancer tells it a state",
       [](driver& d) { return d.hears(link_apply{{2}, state(1, "m")}); },
       {"", "", "", "end", "end tell", ""}},
      {"it is asked about a state",
       [](driver& d) { return d.hears(link_question{{3}, 1, state(1, "m")}); },
       {"", "", "", "end", "examine", ""}},
      {"an older balancer asks it",
       [](driver& d) { return d.hears(link_question{{2}, 1, state(1, "m")}); },
       {"", "", "", "end", "end tell", ""}},
      {"an examination ends that was never asked for",
       [](driver& d) { return d.does(state_examined{d.dial, {1, {}, {}}}); },
       {"", "", "", "", "", ""}},
      {"its machine changed",
       [](driver& d) { return d.does(machine_measured{{.memory_bytes = 1}}); },
       {"", "", "", "", "report", ""}},
      {"there is a notice", [](driver& d) { return d.hears(link_notice{"so"}); }, {"", "", "", "tell", "tell", ""}},
      {"there is a heartbeat", [](driver& d) { return d.hears(link_heartbeat{1}); }, {"", "", "", "", "", ""}},
      {"its engine is busy",
       [](driver& d) { return d.does(engines_observed{{.slots_busy = 1}, {}, {}, {}}); },
       {"", "", "", "", "report", ""}},
      {"a check ends that was never asked for",
       [](driver& d) { return d.does(state_checked{state(1, "m"), {}}); },
       {"", "", "", "", "", ""}},
      {"its timer fires too early", [](driver& d) { return d.does(agent_timer_fired{}); }, {"", "", "", "", "", ""}},
      {"its deadline comes",
       [](driver& d) {
         d.now = d.it.next_deadline().value_or(d.now);
         return d.does(agent_timer_fired{});
       },
       {"", "end", "dial", "end", "heartbeat", ""}},
      {"it is stopped", [](driver& d) { return d.does(agent_stopped{}); }, {"", "end", "", "end", "end", ""}},
  };
}

TEST(AgentLinkPhases, EachThingThatHappensInEachPhase) {
  for (auto const& [what, happen, then] : table())
    for (std::size_t i = 0; i < phases.size(); ++i) {
      SCOPED_TRACE(std::string(phases[i]) + ", and " + std::string(what));
      driver d(phases[i]);
      EXPECT_EQ(happen(d), then[i]);
      auto const next = d.it.next_deadline();
      EXPECT_EQ(next.has_value(), d.it.next_deadline().has_value());
      if (phases[i] == "stopped") EXPECT_EQ(next, std::nullopt);
    }
}

// --- what is being checked when something else comes ---

TEST(AgentLinkChecks, ANewerStateTakesThePlaceOfTheOneThatIsChecked) {
  driver d("live");
  EXPECT_EQ(d.hears(link_apply{{3}, state(1, "m")}), "check");
  EXPECT_EQ(d.hears(link_apply{{3}, state(2, "n")}), "check");
  EXPECT_EQ(d.does(state_checked{state(1, "m"), {}}), "") << "nobody waits for this one any more";
  EXPECT_EQ(d.does(state_checked{state(2, "n"), {}}), "run ack");
  EXPECT_EQ(d.it.accepted()->version, generation{2});
}

// Another balancer, whose database was restored, gives the same number to something else.
TEST(AgentLinkChecks, FUZ_06_AnAnswerAboutOtherContentOfTheSameVersionDecidesNothing) {
  driver d("live");
  EXPECT_EQ(d.hears(link_apply{{3}, state(1, "m")}), "check");
  EXPECT_EQ(d.hears(link_apply{{4}, state(1, "another")}), "check");
  EXPECT_EQ(d.does(state_checked{state(1, "m"), {}}), "") << "that is not what would run";
  EXPECT_EQ(d.does(state_checked{state(1, "another"), {{"model", "is not there", "", 0}}}), "nack");
  EXPECT_EQ(d.it.accepted(), std::nullopt);
}

TEST(AgentLinkChecks, WhatIsRefusedWithoutALinkIsToldByTheNextCheck) {
  driver d("live");
  d.hears(link_apply{{3}, state(1, "m")});
  d.does(dial_ended{d.dial, "broken"});
  EXPECT_EQ(d.does(state_checked{state(1, "m"), {{"model", "is not there", "", 0}}}), "") << "there is nobody to tell";
  auto const recheck = d.now + seconds(15);
  ASSERT_LT(d.it.next_deadline().value(), recheck) << "it dials again before";
  d.now = d.it.next_deadline().value();
  EXPECT_EQ(d.does(agent_timer_fired{}), "dial");
  d.does(dial_opened{d.dial});
  d.hears(link_welcome{{3}, 60'000});
  d.now = recheck;
  d.hears(link_heartbeat{1});
  auto const said = d.does(agent_timer_fired{});
  EXPECT_TRUE(said.ends_with("check")) << said;
  EXPECT_EQ(d.does(state_checked{state(1, "m"), {}}), "run ack") << "it came in the meantime";
}

TEST(AgentLinkChecks, ARecheckWaitsForTheCheckThatIsUnderWay) {
  driver d("live");
  d.hears(link_apply{{3}, state(1, "m")});
  EXPECT_EQ(d.does(state_checked{state(1, "m"), {{"model", "is not there", "", 0}}}), "nack");
  for (int round = 0; round < 3; ++round) {
    auto const recheck = d.now + seconds(15);
    while (d.now < recheck) {
      d.now += milliseconds(500);
      d.hears(link_heartbeat{1});
      auto const said = d.does(agent_timer_fired{});
      EXPECT_EQ(said.find("check") != said.npos, d.now == recheck) << said;
    }
    EXPECT_EQ(d.does(agent_timer_fired{}).find("check"), std::string::npos) << "one at a time";
    EXPECT_EQ(d.does(state_checked{state(1, "m"), {{"model", "is not there", "", 0}}}), "") << "that is no news";
  }
  d.now += seconds(15);
  d.hears(link_heartbeat{1});
  d.does(agent_timer_fired{});
  EXPECT_EQ(d.does(state_checked{state(1, "m"), {{"model", "is cut off", "", 0}}}), "nack") << "another reason is news";
}

// --- reports ---

reconciliation action(std::uint64_t number, reconcile_outcome outcome = reconcile_outcome::open) {
  reconciliation out;
  out.number = number;
  out.outcome = outcome;
  return out;
}

std::string numbers(std::vector<reconciliation> const& actions) {
  std::string out;
  for (auto const& each : actions)
    out += std::to_string(each.number) + (each.outcome == reconcile_outcome::open ? " " : "! ");
  return out;
}

TEST(AgentLinkReports, WhatChangesBesideBusySlotsIsToldAtOnce) {
  driver d("live");
  EXPECT_EQ(d.does(engines_observed{{.slots_busy = 1}, {}, {}, {}}), "report");
  EXPECT_EQ(d.does(engines_observed{{.slots_busy = 2}, {}, {}, {}}), "") << "busy slots wait for their turn";
  EXPECT_EQ(d.does(engines_observed{{.slots_busy = 2}, {}, {}, {}}), "") << "nothing new";
  engine_report ready{.status = engine_status::ready, .slots_busy = 2};
  EXPECT_EQ(d.does(engines_observed{ready, {}, {}, {}}), "report");
  EXPECT_EQ(d.sent<link_report>().report.engine, ready);
  engine_report const beside{.status = engine_status::loading};
  EXPECT_EQ(d.does(engines_observed{ready, beside, {}, {}}), "report");
  EXPECT_EQ(d.sent<link_report>().report.beside, beside);
  EXPECT_EQ(d.does(engines_observed{ready, beside, "it is no model", {}}), "report");
  EXPECT_EQ(d.sent<link_report>().report.given_up, "it is no model");
  EXPECT_EQ(d.does(engines_observed{ready, beside, "it is no model", {action(1)}}), "report");
  EXPECT_EQ(numbers(d.sent<link_report>().actions), "1 ");
}

TEST(AgentLinkReports, AnActionIsToldOnceAndOnceMoreWhenItIsClosed) {
  driver d("live");
  d.does(engines_observed{{}, {}, {}, {action(1), action(2)}});
  EXPECT_EQ(numbers(d.sent<link_report>().actions), "1 2 ");
  d.does(engines_observed{{}, {}, {}, {action(1, reconcile_outcome::done)}});
  EXPECT_EQ(numbers(d.sent<link_report>().actions), "1! ");
}

TEST(AgentLinkReports, EachBalancerThatGreetsIsToldAllThatIsKept) {
  driver d("live");
  for (std::uint64_t n = 1; n <= 70; ++n) d.does(engines_observed{{}, {}, {}, {action(n)}});
  d.does(dial_ended{d.dial, "broken"});
  d.does(engines_observed{{}, {}, {}, {action(70, reconcile_outcome::done)}});
  d.now = d.it.next_deadline().value();
  d.does(agent_timer_fired{});
  ASSERT_EQ(d.does(dial_opened{d.dial}), "hello");
  auto const told = d.sent<link_hello>().actions;
  ASSERT_EQ(told.size(), 64U) << "the newest";
  EXPECT_EQ(told.front().number, 7U);
  EXPECT_EQ(told.back().number, 70U);
  EXPECT_EQ(told.back().outcome, reconcile_outcome::done);
}

TEST(AgentLinkReports, WhatHappensBetweenHelloAndWelcomeIsToldWithTheWelcome) {
  driver d("greeting");
  EXPECT_EQ(d.does(engines_observed{{.status = engine_status::ready}, {}, {}, {action(1)}}), "");
  EXPECT_EQ(d.hears(link_welcome{{3}, 1000}), "report");
  EXPECT_EQ(numbers(d.sent<link_report>().actions), "1 ");
  EXPECT_EQ(d.sent<link_report>().report.engine.status, engine_status::ready);
}

TEST(AgentLinkReports, SequenceNumbersGrowOverLinks) {
  driver d("greeting");
  std::uint64_t newest = 1;
  for (int link = 0; link < 5; ++link) {
    d.hears(link_welcome{{3}, 1000});
    for (int busy = 1; busy <= 3; ++busy) {
      d.now += seconds(1);
      ASSERT_EQ(d.does(engines_observed{{.slots_busy = busy + link}, {}, {}, {}}), "report");
      EXPECT_EQ(d.sent<link_report>().report.sequence, ++newest);
    }
    d.does(dial_ended{d.dial, "broken"});
    d.now = d.it.next_deadline().value();
    d.does(agent_timer_fired{});
    ASSERT_EQ(d.does(dial_opened{d.dial}), "hello");
    EXPECT_EQ(d.sent<link_hello>().report.sequence, ++newest);
  }
}

} // namespace
} // namespace paddler
