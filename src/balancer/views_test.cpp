#include "balancer/views.hpp"
#include "core/core_testing.hpp"
#include "core/state/field_map.hpp"
#include "model/words.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace paddler {
namespace {

instant const now{mono_time{std::chrono::seconds(1)}, wall_time{std::chrono::seconds(1)}};

desired_document wanted() {
  agent_spec agent;
  agent.id.value = "a";
  agent.desired_model = model_reference{.source = model_source::local, .path = "/models/m.gguf"};
  return {{agent}, {}};
}

balancer_core core_with_agent() {
  balancer_core core({}, {1});
  apply_durably(core, desired_submitted{{1}, {{source_kind::api, ""}, wanted(), std::nullopt, {}}}, now);
  link_greeted greeting;
  greeting.link = {1};
  greeting.hello.agent.value = "a";
  greeting.hello.process.value = 7;
  greeting.hello.report.engine = {.status = engine_status::ready, .model = "m", .slots = 2, .pid = 99};
  apply_durably(core, greeting, now);
  return core;
}

TEST(Views, AnAgentThatNeverConnectedIsShownWithTheReason) {
  balancer_core core({}, {1});
  apply_durably(core, desired_submitted{{1}, {{source_kind::api, ""}, wanted(), std::nullopt, {}}}, now);
  auto const rows = view_agents(core);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FALSE(rows[0].connected);
  EXPECT_EQ(rows[0].reason, "has never connected");
  EXPECT_EQ(rows[0].model, "m");
}

TEST(Views, SlotsAreCountedFromTheirConnections) {
  auto core = core_with_agent();
  apply_durably(core, slot_arrived{{{1}, {"a"}, {7}, {1}, "m"}}, now);
  apply_durably(core, slot_arrived{{{2}, {"a"}, {7}, {1}, "m"}}, now);
  apply_durably(core, request_arrived{{{1}, {"r"}, "m", "/v1/completions", 1}}, now);
  auto const agents = view_agents(core);
  EXPECT_EQ(agents[0].slots, 2);
  EXPECT_EQ(agents[0].slots_busy, 1);
  auto const slots = view_slots(core);
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].id, "a/0");
  EXPECT_EQ(slots[0].status, slot_status::busy);
  EXPECT_EQ(slots[0].request, request_id{"r"});
  EXPECT_EQ(slots[1].status, slot_status::idle);
  auto const models = view_models(core);
  ASSERT_EQ(models.size(), 1U);
  EXPECT_EQ(models[0].agents_ready, 1);
  EXPECT_EQ(models[0].slots_busy, 1);
}

TEST(Views, ARefusedStateShowsWhy) {
  auto core = core_with_agent();
  apply_durably(core, link_spoke{{1}, link_nack{{1}, {{"model.reference.path", "does not exist", "copy it there", 0}}}},
                now);
  EXPECT_EQ(view_agents(core)[0].reason, "refused version 1: model.reference.path does not exist (copy it there)");
  EXPECT_TRUE(view_agents(core)[0].refused);
}

TEST(Views, WhatIsDeliveredIsALineThatTheAgentsAnswerCloses) {
  auto core = core_with_agent();
  auto const open = view_reconciliations(core);
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].id, "a/balancer/1");
  EXPECT_EQ(open[0].action, reconcile_action::deliver);
  EXPECT_EQ(open[0].goal, generation{1});
  EXPECT_NE(open[0].difference, "");
  EXPECT_EQ(open[0].outcome, reconcile_outcome::open);
  EXPECT_FALSE(open[0].ended_at);
  apply_durably(core, link_spoke{{1}, link_ack{{1}}}, now);
  auto const closed = view_reconciliations(core);
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].outcome, reconcile_outcome::done);
  EXPECT_EQ(closed[0].observation, "the agent accepted it");
  EXPECT_TRUE(closed[0].ended_at);
}

TEST(Views, WhatAnAgentDidIsNamedAfterItsProcess) {
  auto core = core_with_agent();
  link_report news;
  news.report.sequence = 1;
  news.actions.push_back({.number = 3, .action = reconcile_action::load, .model = "m", .difference = "no engine"});
  apply_durably(core, link_spoke{{1}, news}, now);
  auto const rows = view_reconciliations(core);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].id, "a/7/3");
  EXPECT_FALSE(rows[1].by_balancer);
  EXPECT_EQ(rows[1].model, "m");
  EXPECT_EQ(rows[1].difference, "no engine");
}

TEST(Views, ARequestShowsItsEndOnlyOnceItHasOne) {
  auto core = core_with_agent();
  apply_durably(core, request_arrived{{{1}, {"r"}, "m", "/v1/completions", 1}}, now);
  EXPECT_FALSE(view_requests(core)[0].completed_at);
  apply_durably(core, request_left{{1}}, now);
  auto const rows = view_requests(core);
  EXPECT_EQ(rows[0].status, request_state::failed);
  EXPECT_EQ(rows[0].failure, request_failure::client_gone);
  EXPECT_TRUE(rows[0].completed_at);
}

TEST(Views, RequestsAreThoseThatFit) {
  auto core = core_with_agent();
  apply_durably(core, slot_arrived{{{1}, {"a"}, {7}, {1}, "m"}}, now);
  apply_durably(core, request_arrived{{{1}, {"gone"}, "m", "/v1/completions", 1}}, now);
  apply_durably(core, request_left{{1}}, now);
  apply_durably(core, request_arrived{{{2}, {"unknown"}, "x", "/v1/completions", 1}}, now);
  apply_durably(core, request_arrived{{{3}, {"waits"}, "m", "/v1/completions", 1}}, now);
  auto const names = [&](request_filter const& wanted) {
    std::string out;
    for (auto const& row : view_requests(core, wanted)) out += row.id.value + " ";
    return out;
  };
  EXPECT_EQ(names({}), "waits unknown gone ");
  EXPECT_EQ(names({.limit = 2}), "waits unknown ");
  EXPECT_EQ(names({.state = request_state::failed}), "unknown gone ");
  EXPECT_EQ(names({.state = request_state::failed, .limit = 1}), "unknown ");
  EXPECT_EQ(names({.model = "m"}), "waits gone ");
  EXPECT_EQ(names({.agent = agent_id{"a"}}), "gone ");
  EXPECT_EQ(names({.agent = agent_id{"b"}}), "");
}

TEST(Views, OVR_10_AnAgentsBreakerAndTheTimeOfARequestAreShown) {
  auto core = core_with_agent();
  instant const then{mono_time{std::chrono::seconds(5)}, wall_time{std::chrono::seconds(5)}};
  core.apply(slot_arrived{{{1}, {"a"}, {7}, {3}, "m"}}, then);
  auto const answered = [&](std::uint64_t number, unsigned status) {
    core.apply(request_arrived{{.serial = {number}, .id = {"r"}, .model = "m", .endpoint = "/", .fingerprint = number}},
               then);
    auto const after = std::chrono::milliseconds(250);
    core.apply(attempt_ended{{number}, {1}, attempt_outcome::completed, {}, status}, {then.mono + after, then.wall});
  };
  answered(1, 200);
  EXPECT_EQ(view_agents(core)[0].request_milliseconds, 250U);
  EXPECT_FALSE(view_agents(core)[0].breaker);
  for (std::uint64_t number = 2; number <= 6; ++number) answered(number, 500);
  auto const breaker = view_agents(core)[0].breaker;
  ASSERT_TRUE(breaker);
  EXPECT_EQ(breaker->state, breaker_state::open);
  EXPECT_EQ(breaker->failures, 5U);
  EXPECT_GE(*breaker->until, then.wall + std::chrono::seconds(30));
  answered(7, 200);
  auto const page = page_of(*core.requests().find(request_serial{7}), *core.requests().routes_of(request_serial{7}));
  EXPECT_EQ(page.routes.at(0).reason, "kept");
}

TEST(Views, ThePageOfARequestIsItsWholeWay) {
  auto core = core_with_agent();
  auto const at = [](int seconds) {
    return instant{mono_time{std::chrono::seconds(seconds)}, wall_time{std::chrono::seconds(seconds)}};
  };
  request_arrival arrival{{1}, {"r"}, "m", "/v1/chat/completions", 1};
  arrival.level = request_class::bulk;
  apply_durably(core, request_arrived{arrival}, at(1));
  apply_durably(core, slot_arrived{{{1}, {"a"}, {7}, {3}, "m"}}, at(3));
  apply_durably(core, attempt_sent{{1}, {1}}, at(4));
  apply_durably(core, attempt_first_byte{{1}, {1}}, at(5));
  apply_durably(core, attempt_ended{{1}, {1}, attempt_outcome::lost_late, resume_refusal::grammar}, at(6));
  auto const page = page_of(*core.requests().find(request_id{"r"}));
  EXPECT_EQ(page.request.status, request_state::failed);
  EXPECT_EQ(page.request.failure, request_failure::agent_lost);
  EXPECT_EQ(page.request.not_resumed, resume_refusal::grammar);
  EXPECT_EQ(page.request.priority, "bulk");
  EXPECT_EQ(page.request.resumes, 1U);
  EXPECT_EQ(page.why_not_resumed, describe(resume_refusal::grammar));
  std::string steps;
  for (auto const& step : page.steps)
    steps += std::to_string(step.at.time_since_epoch() / std::chrono::seconds(1)) + " " +
             std::string(to_string(step.state)) + " " + std::to_string(step.attempt) + ", ";
  EXPECT_EQ(steps, "1 queued 0, 3 routed 1, 4 processing 1, 5 streaming 1, 6 failed 1, ");
  ASSERT_EQ(page.attempts.size(), 1U);
  EXPECT_EQ(page.attempts[0].number, 1U);
  EXPECT_EQ(page.attempts[0].agent, agent_id{"a"});
  EXPECT_EQ(page.attempts[0].version, generation{3});
  EXPECT_EQ(page.attempts[0].outcome, attempt_outcome::lost_late);
}

TEST(Views, EachPolicyIsThereWithWhoDecidesIt) {
  balancer_core core({}, {1});
  desired_document document;
  document.policies.queue.max_requests = 7;
  apply_durably(core, desired_submitted{{1}, {{source_kind::file, "/c.yaml"}, document, std::nullopt, {}}}, now);
  auto const rows = view_policies(core);
  ASSERT_EQ(rows.size(), policy_paths().size());
  auto const row = [&rows](std::string_view name) { return *std::ranges::find(rows, name, &policy_view::name); };
  EXPECT_EQ(row("queue.max_requests").value, field_value{std::int64_t{7}});
  EXPECT_EQ(row("queue.max_requests").decided_by, (source_id{source_kind::file, "/c.yaml"}));
  EXPECT_EQ(row("queue.max_requests").since, revision{1});
  EXPECT_EQ(row("routing.strategy").value, field_value{"prefix"});
  EXPECT_EQ(row("routing.strategy").decided_by, std::nullopt);
  EXPECT_EQ(row("limits.requests_per_minute").value, std::nullopt) << "there is none by default";
}

} // namespace
} // namespace paddler
