#include "core/balancer_core.hpp"

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
  static constexpr std::string_view names[] = {"persist", "send", "close",      "answer",   "tell",
                                               "run",     "fail", "drop_slots", "drop_slot"};
  std::string out;
  for (auto const& effect : effects) out += std::string(names[effect.index()]) + " ";
  return out;
}

TEST(BalancerCore, AChangeIsPersistedBeforeItIsSentOrAnswered) {
  balancer_core core({}, {1});
  EXPECT_EQ(text(core.apply(greeting(1, "a"), at(1))), "send ");
  EXPECT_EQ(text(core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(2))), "persist send answer ");
}

TEST(BalancerCore, TheSameDocumentAgainOnlyGetsItsAnswer) {
  balancer_core core({}, {1});
  core.apply(greeting(1, "a"), at(1));
  core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(2));
  EXPECT_EQ(text(core.apply(submission(2, {{spec("a", "/m.gguf")}, {}}), at(3))), "answer ");
}

TEST(BalancerCore, WhatAnAgentSaysOfItselfBecomesDesiredState) {
  balancer_core core({}, {1});
  EXPECT_EQ(text(core.apply(greeting(1, "a", spec("ignored", "/m.gguf")), at(1))), "send persist send ");
  EXPECT_EQ(core.desired().applicable({"a"}).model->name, "m");
}

TEST(BalancerCore, WhoLosesAFieldIsToldOnce) {
  balancer_core core({}, {1});
  core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  auto const file = [](std::string path) {
    auto out = submission(2, {{spec("a", std::move(path))}, {}});
    out.change.source = {source_kind::file, "/etc/c.yaml"};
    return out;
  };
  auto const effects = core.apply(file("/other.gguf"), at(2));
  ASSERT_EQ(text(effects), "persist tell answer ");
  EXPECT_EQ(std::get<tell_loser>(effects[1]).loss.path, "agents/a.desired_model.path");
  EXPECT_EQ(text(core.apply(file("/m.gguf"), at(3))), "persist answer ") << "they agree now";
}

TEST(BalancerCore, AnAgentThatLosesAFieldIsToldOnItsLink) {
  balancer_core core({}, {1});
  core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  auto const effects = core.apply(greeting(1, "a", spec("a", "/mine.gguf")), at(2));
  ASSERT_EQ(text(effects), "send send persist send ");
  auto const& notice = std::get<link_notice>(std::get<send_to_agent>(effects[3]).message);
  EXPECT_EQ(notice.text, "agents/a.desired_model.path: \"/mine.gguf\" of discovery a is not in effect: api decides it "
                         "(\"/m.gguf\", revision 1).");
}

TEST(BalancerCore, ARestoredCoreSendsTheSameVersions) {
  balancer_core first({}, {1});
  std::vector<log_record> log;
  for (auto const& effect : first.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(1)))
    if (auto const* persist = std::get_if<persist_record>(&effect)) log.push_back(persist->record);
  balancer_core second({}, {2});
  second.restore(log);
  auto const effects = second.apply(greeting(1, "a"), at(9));
  ASSERT_EQ(text(effects), "send send ");
  auto const& apply = std::get<link_apply>(std::get<send_to_agent>(effects[1]).message);
  EXPECT_EQ(apply.state, first.desired().applicable({"a"}));
  EXPECT_EQ(apply.leader, epoch{2});
}

TEST(BalancerCore, ASlotOfAStrangerIsDropped) {
  balancer_core core({}, {1});
  EXPECT_EQ(text(core.apply(slot_arrived{{{1}, {"a"}, {1}, {1}, "m"}}, at(1))), "drop_slot ");
}

TEST(BalancerCore, ARequestWaitsForAnAgentAndRunsOnItsSlot) {
  balancer_core core({}, {1});
  core.apply(submission(1, {{spec("a", "/m.gguf")}, {}}), at(1));
  EXPECT_EQ(text(core.apply(request_arrived{{{"r"}, "m", "/v1/completions", 10}}, at(2))), "");
  core.apply(greeting(1, "a"), at(3));
  EXPECT_EQ(text(core.apply(slot_arrived{{{1}, {"a"}, {1}, {1}, "m"}}, at(4))), "run ");
  EXPECT_EQ(text(core.apply(attempt_ended{{"r"}, {1}, attempt_outcome::completed}, at(5))), "");
  EXPECT_EQ(core.requests().count().completed, 1U);
}

TEST(BalancerCore, ASilentAgentLosesItsSlots) {
  balancer_core core({}, {1});
  core.apply(greeting(1, "a"), at(1));
  ASSERT_EQ(core.next_deadline(), at(2).mono);
  EXPECT_EQ(text(core.apply(time_passed{}, at(4))), "close drop_slots ");
}

TEST(BalancerCore, AnInvalidDocumentIsAnsweredWithItsErrorsAndNothingElse) {
  balancer_core core({}, {1});
  auto const effects = core.apply(submission(1, {{spec("a", "relative")}, {}}), at(1));
  ASSERT_EQ(text(effects), "answer ");
  EXPECT_EQ(std::get<answer_command>(effects[0]).outcome.error().fields.size(), 1U);
  EXPECT_EQ(core.desired().current(), revision{});
}

} // namespace
} // namespace paddler
