#include "core/core_testing.hpp"
#include "core/state/field_map.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::seconds;

instant at(int second) { return {mono_time{seconds(second)}, wall_time{seconds(second)}}; }

agent_spec spec(std::string id, std::string path) {
  agent_spec out;
  out.id.value = std::move(id);
  out.desired_model = model_reference{.source = model_source::local, .path = std::move(path)};
  out.slots = 1;
  return out;
}

link_greeted greeting(std::uint64_t link, std::string agent, std::optional<agent_spec> discovered = {}) {
  link_greeted out;
  out.link.value = link;
  out.hello.agent.value = std::move(agent);
  out.hello.process.value = 1;
  out.hello.discovered = std::move(discovered);
  return out;
}

desired_submitted submission(std::uint64_t command, desired_document document) {
  return {{command}, {{source_kind::api, ""}, std::move(document), std::nullopt, {}}};
}

// One word per effect, in order.
std::string text(balancer_effects const& effects) {
  static constexpr std::string_view names[] = {"persist", "send",      "close",      "answer",    "tell",    "run",
                                               "fail",    "interrupt", "drop_slots", "drop_slot", "breaker", "compact"};
  std::string out;
  for (auto const& effect : effects) out += std::string(names[effect.index()]) + " ";
  return out;
}

TEST(BalancerCore, AChangeIsPersistedBeforeItIsSentOrAnswered) {
  balancer_core core({}, {1});
  EXPECT_EQ(text(apply_durably(core, greeting(1, "a"), at(1))), "send ");
  EXPECT_EQ(text(apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(2))), "persist send answer ");
}

TEST(BalancerCore, TheSameDocumentAgainOnlyGetsItsAnswer) {
  balancer_core core({}, {1});
  apply_durably(core, greeting(1, "a"), at(1));
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(2));
  EXPECT_EQ(text(apply_durably(core, submission(2, {{spec("a", "/m.gguf")}, {}}), at(3))), "answer ");
}

TEST(BalancerCore, WhatAnAgentSaysOfItselfBecomesDesiredState) {
  balancer_core core({}, {1});
  EXPECT_EQ(text(apply_durably(core, greeting(1, "a", spec("ignored", "/m.gguf")), at(1))), "send persist send ");
  EXPECT_EQ(core.desired().applicable({"a"}).model->name, "m");
}

TEST(BalancerCore, WhoLosesAFieldIsToldOnce) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  auto const file = [](std::string path) {
    auto out = submission(2, {{spec("a", std::move(path))}, {}});
    out.change.source = {source_kind::file, "/etc/c.yaml"};
    return out;
  };
  auto const effects = apply_durably(core, file("/other.gguf"), at(2));
  ASSERT_EQ(text(effects), "persist tell answer ");
  EXPECT_EQ(std::get<tell_loser>(effects[1]).loss.path, "agents/a.desired_model.path");
  EXPECT_EQ(text(apply_durably(core, file("/m.gguf"), at(3))), "persist answer ") << "they agree now";
}

TEST(BalancerCore, AnAgentThatLosesAFieldIsToldOnItsLink) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  auto const effects = apply_durably(core, greeting(1, "a", spec("a", "/mine.gguf")), at(2));
  ASSERT_EQ(text(effects), "send send persist send ");
  auto const& notice = std::get<link_notice>(std::get<send_to_agent>(effects[3]).message);
  EXPECT_EQ(notice.text, "agents/a.desired_model.path: \"/mine.gguf\" of discovery a is not in effect: api decides it "
                         "(\"/m.gguf\", revision 1).");
}

// --- who lost something is told of it (LIN-08) ---

std::vector<std::string> notices(balancer_effects const& effects, link_id link) {
  std::vector<std::string> out;
  for (auto const& effect : effects)
    if (auto const* sent = std::get_if<send_to_agent>(&effect); sent != nullptr && sent->link == link)
      if (auto const* notice = std::get_if<link_notice>(&sent->message)) out.push_back(notice->text);
  return out;
}

std::string lost_path(std::string const& mine, std::string const& other, std::uint64_t at_revision) {
  return "agents/a.desired_model.path: \"" + mine + "\" of discovery a is not in effect: api decides it (\"" + other +
         "\", revision " + std::to_string(at_revision) + ").";
}

// What was said on a link that ended may never have arrived.
TEST(BalancerCore, LIN_08_AnAgentIsToldOnEachLinkOnceWhatItLost) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  auto const told = std::vector{lost_path("/mine.gguf", "/m.gguf", 1)};
  EXPECT_EQ(notices(apply_durably(core, greeting(1, "a", spec("a", "/mine.gguf")), at(2)), {1}), told);
  auto const again = core.apply(greeting(2, "a", spec("a", "/mine.gguf")), at(3));
  EXPECT_EQ(text(again), "close send send send ") << "and the welcome comes first";
  EXPECT_EQ(notices(again, {2}), told);
  auto const change = apply_durably(core, submission(2, {{spec("a", "/n.gguf")}, {}}), at(4));
  EXPECT_EQ(notices(change, {2}), std::vector{lost_path("/mine.gguf", "/n.gguf", 3)}) << "a new loss";
  EXPECT_EQ(notices(core.apply(greeting(3, "a"), at(5)), {3}), std::vector<std::string>{})
      << "it says nothing any more";
}

TEST(BalancerCore, LIN_08_AnAgentIsToldWhatItLostWhenWhatItSaysIsDurable) {
  balancer_core core({}, {1});
  core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  EXPECT_EQ(notices(core.apply(greeting(1, "a", spec("a", "/mine.gguf")), at(1)), {1}), std::vector<std::string>{});
  core.apply(submission(2, {{spec("a", "/n.gguf")}, {}}), at(1));
  auto const first = core.apply(records_stored{{2}}, at(1));
  EXPECT_EQ(notices(first, {1}), std::vector{lost_path("/mine.gguf", "/m.gguf", 1)});
  core.apply(greeting(2, "a", spec("a", "/mine.gguf")), at(2));
  auto const second = core.apply(records_stored{{3}}, at(2));
  EXPECT_EQ(notices(second, {2}), std::vector{lost_path("/mine.gguf", "/n.gguf", 3)}) << "once, though both are news";
}

TEST(BalancerCore, LIN_08_ARefusedChangeOfOthersKeepsNoAgentWaiting) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  apply_durably(core, greeting(1, "a", spec("a", "/mine.gguf")), at(1));
  core.apply(submission(2, {{spec("a", "/n.gguf")}, {}}), at(2));
  EXPECT_EQ(notices(core.apply(greeting(2, "a", spec("a", "/mine.gguf")), at(2)), {2}), std::vector<std::string>{});
  auto const refused = core.apply(records_refused{{error_code::full, "full", {}, {}}}, at(2));
  EXPECT_EQ(notices(refused, {2}), std::vector{lost_path("/mine.gguf", "/m.gguf", 1)});
}

// A process that dies between the disk and the telling tells nobody; the next one does.
TEST(BalancerCore, LIN_08_AStartTellsWhatFilesLost) {
  balancer_core core({}, {1});
  auto mine = submission(1, {{spec("a", "/f.gguf")}, {}});
  mine.change.source = {source_kind::file, "/etc/c.yaml"};
  std::vector<log_record> log;
  for (auto const& event : {balancer_event(mine), balancer_event(submission(2, {{spec("a", "/m.gguf")}, {}})),
                            balancer_event(greeting(1, "a", spec("a", "/mine.gguf")))})
    for (auto const& effect : apply_durably(core, event, at(1)))
      if (auto const* persist = std::get_if<persist_record>(&effect)) log.push_back(persist->record);
  balancer_core next({}, {2});
  next.restore({}, log);
  auto const told = next.apply(balancer_started{}, at(2));
  ASSERT_EQ(text(told), "tell ") << "and agents when they greet";
  EXPECT_EQ(std::get<tell_loser>(told[0]).loss.lost.value, field_value("/f.gguf"));
}

TEST(BalancerCore, ARestoredCoreSendsTheSameVersions) {
  balancer_core first({}, {1});
  std::vector<log_record> log;
  for (auto const& effect : apply_durably(first, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1)))
    if (auto const* persist = std::get_if<persist_record>(&effect)) log.push_back(persist->record);
  balancer_core second({}, {2});
  second.restore({}, log);
  auto const effects = apply_durably(second, greeting(1, "a"), at(9));
  ASSERT_EQ(text(effects), "send send ");
  auto const& apply = std::get<link_apply>(std::get<send_to_agent>(effects[1]).message);
  EXPECT_EQ(apply.state, first.desired().applicable({"a"}));
  EXPECT_EQ(apply.leader, epoch{2});
}

// --- while records are written ---

revision answered(balancer_effect const& effect) { return std::get<answer_command>(effect).outcome.value().at; }

error refusal(balancer_effect const& effect) { return std::get<answer_command>(effect).outcome.error(); }

error full() { return {error_code::full, "the disk is full", "free some space", {}}; }

TEST(BalancerCore, NothingFollowsFromWhatIsNotDurable) {
  balancer_core core({}, {1});
  core.apply(greeting(1, "a"), at(1));
  EXPECT_EQ(text(core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(2))), "persist ");
  EXPECT_EQ(core.desired().current(), revision{});
  EXPECT_EQ(text(core.apply(request_arrived{{{1}, {"r"}, "m", "/v1/completions", 10}}, at(2))), "fail ")
      << "no such model";
  EXPECT_EQ(text(core.apply(records_stored{{1}}, at(2))), "send answer ");
  EXPECT_EQ(core.desired().current(), revision{1});
  EXPECT_EQ(text(core.apply(request_arrived{{{2}, {"r2"}, "m", "/v1/completions", 10}}, at(2))), "");
}

TEST(BalancerCore, DecisionsAreMadeOnTopOfThoseThatWait) {
  balancer_core core({}, {1});
  core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  EXPECT_EQ(text(core.apply(submission(2, {{spec("a", "/m.gguf")}, {}}), at(1))), "") << "the same again waits for it";
  auto late = submission(3, {{spec("a", "/n.gguf")}, {}});
  late.change.if_match = revision{0};
  EXPECT_EQ(text(core.apply(late, at(1))), "") << "lost a race against what may still be refused";
  EXPECT_EQ(text(core.apply(submission(4, {{spec("a", "/n.gguf")}, {}}), at(1))), "persist ");
  auto const first = core.apply(records_stored{{1}}, at(2));
  ASSERT_EQ(text(first), "answer answer answer ");
  EXPECT_EQ(answered(first[0]), revision{1});
  EXPECT_EQ(answered(first[1]), revision{1});
  EXPECT_EQ(refusal(first[2]).code, error_code::conflict);
  auto const second = core.apply(records_stored{{2}}, at(2));
  ASSERT_EQ(text(second), "answer ");
  EXPECT_EQ(answered(second[0]), revision{2});
}

TEST(BalancerCore, DUR_05_WhatCouldNotBeStoredWasNeverMade) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  auto const before = core.desired().snapshot({});
  core.apply(submission(2, {{spec("b", "/m.gguf")}, {}}), at(2));
  core.apply(submission(3, {{spec("c", "/m.gguf")}, {}}), at(2));
  auto const effects = core.apply(records_refused{full()}, at(2));
  ASSERT_EQ(text(effects), "answer answer ");
  for (auto const& effect : effects) {
    EXPECT_EQ(refusal(effect).code, error_code::full);
    EXPECT_EQ(refusal(effect).message, "The change was not made: the disk is full");
    EXPECT_EQ(refusal(effect).hint, "free some space");
  }
  EXPECT_EQ(core.desired().snapshot({}), before);
  EXPECT_EQ(text(core.apply(submission(4, {{spec("a", "/m.gguf")}, {}}), at(3))), "answer ") << "the same again";
  auto const next = apply_durably(core, submission(5, {{spec("b", "/m.gguf")}, {}}), at(3));
  ASSERT_EQ(text(next), "persist answer ");
  EXPECT_EQ(answered(next[1]), revision{2}) << "revisions have no gap";
}

TEST(BalancerCore, DUR_05_WhatAnAgentSaidOfItselfIsStoredWhenThereIsRoom) {
  balancer_core core({}, {1});
  EXPECT_EQ(text(core.apply(greeting(1, "a", spec("a", "/m.gguf")), at(1))), "send persist ");
  EXPECT_EQ(text(core.apply(records_refused{full()}, at(1))), "");
  core.apply(link_closed{{1}}, at(1));
  EXPECT_EQ(text(core.apply(time_passed{}, at(5))), "drop_slots ");
  EXPECT_EQ(core.next_deadline(), at(6).mono);
  EXPECT_EQ(text(core.apply(time_passed{}, at(6))), "persist ");
  EXPECT_EQ(text(core.apply(records_refused{full()}, at(6))), "") << "still none";
  EXPECT_EQ(text(core.apply(greeting(2, "a", spec("a", "/n.gguf")), at(7))), "send persist ");
  EXPECT_EQ(text(core.apply(records_stored{{1}}, at(7))), "send ") << "what it says now, not what it said then";
  EXPECT_EQ(core.desired().applicable({"a"}).model->name, "n");
  EXPECT_EQ(text(core.apply(time_passed{}, at(7))), "");
}

// --- what is kept of the past ---

TEST(BalancerCore, FoldsOldRecordsStepByStepAsTheDiskSaysThatItIsDone) {
  balancer_policy policy;
  policy.history = {.max_records = 2, .always_kept = 1, .max_folded_at_once = 2, .slack = 1};
  balancer_core core(policy, {1});
  std::uint64_t number = 0;
  auto const change = [&] {
    ++number;
    core.apply(submission(number, {{spec("a", "/m" + std::to_string(number))}, {}}), at(1));
  };
  for (int i = 0; i < 2; ++i) {
    change();
    EXPECT_EQ(text(core.apply(records_stored{{number}}, at(1))), "answer ");
  }
  change();
  auto const due = core.apply(records_stored{{3}}, at(1));
  ASSERT_EQ(text(due), "compact answer ");
  EXPECT_EQ(std::get<compact_log>(due[0]).last, revision{1});
  change();
  EXPECT_EQ(text(core.apply(records_stored{{4}}, at(1))), "answer ") << "one is under way";
  EXPECT_EQ(core.history().oldest(), revision{0}) << "and not yet done";

  auto const base = std::make_shared<state_snapshot const>(fold_snapshot(*core.history().up_to({1}), at(1).wall));
  auto const next = core.apply(log_compacted{base}, at(2));
  ASSERT_EQ(text(next), "compact ") << "there is more to fold";
  EXPECT_EQ(std::get<compact_log>(next[0]).last, revision{2});
  EXPECT_EQ(core.history().oldest(), revision{1});
  EXPECT_EQ(text(core.apply(log_not_compacted{}, at(2))), "") << "not tried again at once";
  ASSERT_TRUE(core.next_deadline());
  EXPECT_EQ(text(core.apply(time_passed{}, {*core.next_deadline(), at(3).wall})), "compact ") << "but in an hour";
}

TEST(BalancerCore, GoesOnFromASnapshotAsFromTheWholeLog) {
  balancer_core whole({}, {1}), folded({}, {1});
  std::vector<log_record> log;
  for (std::uint64_t i = 1; i <= 4; ++i)
    for (auto const& effect : apply_durably(whole, submission(i, {{spec("a", "/m" + std::to_string(i))}, {}}), at(1)))
      if (auto const* persist = std::get_if<persist_record>(&effect)) log.push_back(persist->record);
  folded.restore(fold_snapshot({}, std::span(log).first(3), at(1).wall), std::span(log).subspan(3));
  EXPECT_EQ(folded.desired().snapshot({}), whole.desired().snapshot({}));
  EXPECT_EQ(folded.history().oldest(), revision{3});
  EXPECT_EQ(text(apply_durably(folded, submission(9, {{spec("a", "/m4")}, {}}), at(2))), "answer ") << "the same";
}

TEST(BalancerCore, AnAnswerTellsWhatItsOwnSourceLost) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  auto file = submission(2, {{spec("a", "/other.gguf")}, {}});
  file.change.source = {source_kind::file, "/etc/c.yaml"};
  auto const effects = apply_durably(core, file, at(2));
  ASSERT_EQ(text(effects), "persist tell answer ");
  auto const outcome = std::get<answer_command>(effects[2]).outcome.value();
  EXPECT_TRUE(outcome.changed);
  ASSERT_EQ(outcome.losses.size(), 1U);
  EXPECT_EQ(outcome.losses[0].path, "agents/a.desired_model.path");
  auto const takes = apply_durably(core, submission(3, {{spec("a", "/new.gguf")}, {}}), at(3));
  EXPECT_TRUE(std::get<answer_command>(takes.back()).outcome->losses.empty()) << "what another source lost is not its";
}

TEST(BalancerCore, ASlotOfAStrangerIsDropped) {
  balancer_core core({}, {1});
  EXPECT_EQ(text(apply_durably(core, slot_arrived{{{1}, {"a"}, {1}, {1}, "m"}}, at(1))), "drop_slot ");
}

TEST(BalancerCore, ARequestWaitsForAnAgentAndRunsOnItsSlot) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  EXPECT_EQ(text(apply_durably(core, request_arrived{{{1}, {"r"}, "m", "/v1/completions", 10}}, at(2))), "");
  apply_durably(core, greeting(1, "a"), at(3));
  EXPECT_EQ(text(apply_durably(core, slot_arrived{{{1}, {"a"}, {1}, {1}, "m"}}, at(4))), "run ");
  EXPECT_EQ(text(apply_durably(core, attempt_ended{{1}, {1}, attempt_outcome::completed}, at(5))), "");
  EXPECT_EQ(core.requests().count().completed, 1U);
}

// What requests say of an agent is told to the log and to those who watch.
TEST(BalancerCore, OVR_10_ABreakerThatOpensIsTold) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  apply_durably(core, greeting(1, "a"), at(1));
  core.apply(slot_arrived{{{1}, {"a"}, {1}, {1}, "m"}}, at(1));
  balancer_effects last;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    core.apply(request_arrived{{.serial = {i}, .id = {"r"}, .model = "m", .endpoint = "/", .fingerprint = i}}, at(2));
    last = core.apply(attempt_ended{{i}, {1}, attempt_outcome::completed, {}, i == 5 ? 502U : 500U}, at(2));
    if (i < 5) EXPECT_EQ(text(last), "");
  }
  ASSERT_EQ(text(last), "breaker ");
  auto const& told = std::get<tell_breaker>(last[0]).what;
  EXPECT_EQ(told.agent, agent_id{"a"});
  EXPECT_EQ(told.model, "m");
  EXPECT_EQ(told.breaker.state, breaker_state::open);
  auto const newest = core.events().after(core.events().newest() - 1, 1);
  EXPECT_EQ(type_of(newest->front()), "health.breaker");
  EXPECT_EQ(core.requests().breaker_of({{"a"}, "m"}), told.breaker);
  auto const due = *core.next_deadline();
  EXPECT_GE(due, at(2).mono);
  core.apply(link_spoke{{1}, link_heartbeat{}}, {due, at(33).wall});
  EXPECT_EQ(text(core.apply(time_passed{}, {at(2).mono + std::chrono::seconds(33), at(35).wall})).ends_with("breaker "),
            true);
}

// A request through all its states, as the shell tells them.
TEST(BalancerCore, ARequestIsFollowedFromItsArrivalToItsEnd) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  apply_durably(core, greeting(1, "a"), at(1));
  apply_durably(core, slot_arrived{{{1}, {"a"}, {1}, {1}, "m"}}, at(1));
  auto const state = [&core] { return core.requests().find(request_serial{1})->state; };
  EXPECT_EQ(text(core.apply(request_arrived{{{1}, {"r"}, "m", "/v1/completions", 10}}, at(2))), "run ");
  EXPECT_EQ(state(), request_state::routed);
  EXPECT_EQ(text(core.apply(attempt_sent{{1}, {1}}, at(2))), "");
  EXPECT_EQ(state(), request_state::processing);
  EXPECT_EQ(text(core.apply(attempt_first_byte{{1}, {1}}, at(2))), "");
  EXPECT_EQ(state(), request_state::streaming);
  EXPECT_EQ(text(core.apply(attempt_ended{{1}, {1}, attempt_outcome::completed}, at(3))), "");
  EXPECT_EQ(state(), request_state::completed);
  EXPECT_EQ(text(core.apply(slot_left{{1}}, at(4))), "");
  EXPECT_EQ(core.requests().count().slots, 0U);
}

TEST(BalancerCore, AClientThatLeavesAndABalancerThatStopsEndRequests) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  core.apply(request_arrived{{{1}, {"r1"}, "m", "/v1/completions", 10}}, at(2));
  core.apply(request_arrived{{{2}, {"r2"}, "m", "/v1/completions", 10}}, at(2));
  EXPECT_EQ(text(core.apply(request_left{{1}}, at(3))), "") << "there is nobody to tell";
  EXPECT_EQ(text(core.apply(stop_requested{}, at(3))), "fail ");
  EXPECT_EQ(core.requests().find(request_serial{1})->failure, request_failure::client_gone);
  EXPECT_EQ(core.requests().find(request_serial{2})->failure, request_failure::shutdown);
  EXPECT_EQ(text(core.apply(request_arrived{{{3}, {"r3"}, "m", "/v1/completions", 10}}, at(4))), "fail ");
  EXPECT_EQ(core.leader(), epoch{1});
}

// The earliest of: a heartbeat, the end of somebody's patience in the queue, another try to store.
TEST(BalancerCore, WakesForWhateverComesFirst) {
  balancer_core core({}, {1});
  EXPECT_EQ(core.next_deadline(), std::nullopt);
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  core.apply(request_arrived{{{1}, {"r"}, "m", "/v1/completions", 10}}, at(1));
  EXPECT_EQ(core.next_deadline(), at(61).mono) << "its time in the queue";
  core.apply(greeting(1, "a", spec("a", "/n.gguf")), at(2));
  EXPECT_EQ(core.next_deadline(), at(3).mono) << "a heartbeat";
  core.apply(records_refused{full()}, at(2));
  core.apply(link_closed{{1}}, at(2));
  EXPECT_EQ(core.next_deadline(), at(5).mono) << "the agent is lost then";
  core.apply(time_passed{}, at(5));
  EXPECT_EQ(core.next_deadline(), at(7).mono) << "what it said of itself is tried again";
  EXPECT_EQ(text(core.apply(time_passed{}, at(7))), "persist ");
}

TEST(BalancerCore, AnAgentThatSaysNonsenseOfItselfIsToldAndServesOn) {
  balancer_core core({}, {1});
  auto const effects = core.apply(greeting(1, "a", spec("a", "relative.gguf")), at(1));
  ASSERT_EQ(text(effects), "send send ");
  auto const& notice = std::get<link_notice>(std::get<send_to_agent>(effects[1]).message);
  EXPECT_NE(notice.text.find("agents[0].desired_model.path"), std::string::npos) << notice.text;
  EXPECT_TRUE(core.agents().is_connected({"a"}, {1}));
  EXPECT_EQ(core.desired().current(), revision{});
}

TEST(BalancerCore, AFullSyncSendsWhatAnAgentDoesNotHold) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  EXPECT_EQ(text(apply_durably(core, greeting(1, "a"), at(1))), "send send ");
  core.apply(link_spoke{{1}, link_ack{{1}}}, at(1));
  int sent = 0;
  for (int second = 2; second < 70; ++second) {
    link_report forgot; // it says that it holds nothing
    forgot.report.sequence = static_cast<std::uint64_t>(second);
    if (second == 30) core.apply(link_spoke{{1}, forgot}, at(second));
    core.apply(link_spoke{{1}, link_heartbeat{1}}, at(second));
    for (auto const& effect : core.apply(time_passed{}, at(second)))
      if (auto const* send = std::get_if<send_to_agent>(&effect))
        sent += std::holds_alternative<link_apply>(send->message) ? 1 : 0;
  }
  EXPECT_GE(sent, 1);
}

TEST(BalancerCore, ASilentAgentLosesItsSlots) {
  balancer_core core({}, {1});
  apply_durably(core, greeting(1, "a"), at(1));
  ASSERT_EQ(core.next_deadline(), at(2).mono);
  EXPECT_EQ(text(apply_durably(core, time_passed{}, at(2))), "send ");
  EXPECT_EQ(text(apply_durably(core, time_passed{}, at(3))), "send ");
  EXPECT_EQ(text(apply_durably(core, time_passed{}, at(4))), "close drop_slots ");
}

TEST(BalancerCore, AnInvalidDocumentIsAnsweredWithItsErrorsAndNothingElse) {
  balancer_core core({}, {1});
  auto const effects = apply_durably(core, submission(1, {{spec("a", "relative")}, {}}), at(1));
  ASSERT_EQ(text(effects), "answer ");
  EXPECT_EQ(std::get<answer_command>(effects[0]).outcome.error().fields.size(), 1U);
  EXPECT_EQ(core.desired().current(), revision{});
}

// --- policies ---

desired_submitted policies_of(std::uint64_t command, source_kind kind, policies_spec policies) {
  desired_document document;
  document.policies = policies;
  auto out = submission(command, std::move(document));
  if (kind != source_kind::api) out.change.source = {kind, "/etc/c.yaml"};
  return out;
}

TEST(BalancerCore, PoliciesAreWhatItWasStartedWithUntilSomebodySetsThem) {
  balancer_policy started;
  started.dispatch.max_queued = 5;
  balancer_core core(started, {1});
  EXPECT_EQ(core.policies(), (applicable_policies{{}, settings_of(started.dispatch)}));
  apply_durably(core, policies_of(1, source_kind::api, {.queue = {.max_requests = 9}}), at(1));
  EXPECT_EQ(core.policies().settings.queue.max_requests, 9);
  EXPECT_EQ(core.policies().version, generation{1});
  apply_durably(core, submission(2, {}), at(2));
  EXPECT_EQ(core.policies(), (applicable_policies{{2}, settings_of(started.dispatch)})) << "they were released";
}

TEST(BalancerCore, PoliciesAreInForceOnceTheyAreDurableAndInTheSameStep) {
  balancer_core core({}, {1});
  apply_durably(core, submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  core.apply(policies_of(2, source_kind::file, {.queue = {.max_requests = 0}}), at(2));
  auto const arrival = [](std::uint64_t serial) { return request_arrived{{{serial}, {"r"}, "m", "/", 1}}; };
  EXPECT_EQ(text(core.apply(arrival(1), at(2))), "") << "not durable yet";
  EXPECT_EQ(text(core.apply(records_stored{{2}}, at(2))), "answer ");
  EXPECT_EQ(text(core.apply(arrival(2), at(2))), "fail ");
  EXPECT_EQ(core.requests().count().queued, 1U) << "what waits stays";
}

TEST(BalancerCore, PoliciesGoOnWhereTheyWereAfterARestart) {
  balancer_core core({}, {1});
  std::vector<log_record> log;
  for (auto const& event : {policies_of(1, source_kind::file, {.routing = {.strategy = routing_strategy::session}}),
                            policies_of(2, source_kind::api, {.queue = {.max_requests = 2}}), submission(3, {})})
    for (auto const& effect : apply_durably(core, event, at(1)))
      if (auto const* persist = std::get_if<persist_record>(&effect)) log.push_back(persist->record);
  ASSERT_EQ(log.size(), 3U);
  for (std::size_t folded = 0; folded <= log.size(); ++folded) {
    balancer_core next({}, {2});
    next.restore(fold_snapshot({}, std::span(log).first(folded), {}), std::span(log).subspan(folded));
    EXPECT_EQ(next.policies(), core.policies()) << folded;
  }
  EXPECT_EQ(core.policies().settings.routing.strategy, routing_strategy::session);
  EXPECT_EQ(core.policies().version, generation{3});
}

TEST(BalancerCore, LIN_08_WhoLosesAPolicyIsTold) {
  balancer_core core({}, {1});
  apply_durably(core, policies_of(1, source_kind::api, {.queue = {.timeout_seconds = 2.5}}), at(1));
  auto const effects = apply_durably(
      core, policies_of(2, source_kind::file, {.queue = {.max_requests = 7, .timeout_seconds = 9}}), at(2));
  ASSERT_EQ(text(effects), "persist tell answer ");
  EXPECT_EQ(
      describe(std::get<tell_loser>(effects[1]).loss),
      "policies/queue.timeout_seconds: 9 of file /etc/c.yaml is not in effect: api decides it (2.5, revision 1).");
  EXPECT_EQ(core.policies().settings.queue.max_requests, 7) << "field by field";
}

TEST(BalancerCore, AgentsSayNothingOfPolicies) {
  balancer_core core({}, {1});
  auto const effects = core.apply(policies_of(1, source_kind::discovery, {.queue = {.max_requests = 7}}), at(1));
  ASSERT_EQ(text(effects), "answer ");
  auto const& answer = std::get<answer_command>(effects[0]);
  ASSERT_FALSE(answer.outcome.has_value());
  EXPECT_EQ(answer.outcome.error().fields.at(0).path, "policies");
}

} // namespace
} // namespace paddler
