#include "core/change_plan.hpp"
#include "core/core_testing.hpp"
#include "core/reconcile/content_digest.hpp"
#include "core/reconcile/planner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr instant now{mono_time{seconds(1)}, wall_time{seconds(1)}};

agent_spec spec(std::string id, std::string path, int slots = 1) {
  agent_spec out;
  out.id.value = std::move(id);
  out.desired_model = model_reference{.source = model_source::local, .path = std::move(path)};
  out.slots = slots;
  return out;
}

desired_change of_api(std::vector<agent_spec> agents) {
  return {{source_kind::api, ""}, {std::move(agents), {}}, {}, {}};
}

struct ChangePlan : ::testing::Test {
  balancer_core core{{}, {1}};

  void submit(desired_change change) { apply_durably(core, desired_submitted{{1}, std::move(change)}, now); }

  // An agent of 1000 bytes whose engine runs what is wanted of it.
  void serve(std::string id, std::uint64_t bytes, std::uint64_t load_milliseconds) {
    link_greeted hello;
    hello.link = {++links_};
    hello.hello.agent.value = id;
    hello.hello.process = {1};
    hello.hello.capabilities.memory_bytes = 1000;
    auto& engine = hello.hello.report.engine;
    auto const wanted = core.desired().applicable({id});
    engine = {.status = engine_status::ready, .model = wanted.model->name, .version = wanted.version};
    engine.content = content_digest(wanted.model);
    engine.memory_bytes = bytes;
    engine.load_milliseconds = load_milliseconds;
    apply_durably(core, hello, now);
  }

  result<plan_view> plan(desired_change const& change, memory_needs const& needs = {}) {
    auto foreseen = foresee(core.desired(), change, now.wall);
    if (!foreseen) return std::unexpected(foreseen.error());
    return plan_agents(*std::move(foreseen), core, needs);
  }

  static std::vector<std::string> steps(agent_plan const& agent) {
    static constexpr std::string_view names[] = {"load", "admit", "drain", "unload", "restart"};
    std::vector<std::string> out;
    for (auto const& step : agent.steps)
      out.push_back(std::string(names[static_cast<std::size_t>(step.action)]) + " " + step.model + " " +
                    (step.estimated_milliseconds ? std::to_string(*step.estimated_milliseconds) : "?") +
                    (step.interrupts ? "!" : ""));
    return out;
  }

  std::uint64_t links_ = 0;
};

TEST_F(ChangePlan, OfWhatIsSaidAlreadyIsNothing) {
  submit(of_api({spec("a", "/m.gguf")}));
  auto const plan = this->plan(of_api({spec("a", "/m.gguf")})).value();
  EXPECT_FALSE(plan.changed);
  EXPECT_EQ(plan.at, revision{1});
  EXPECT_THAT(plan.agents, IsEmpty());
}

TEST_F(ChangePlan, IsTheSameRefusalThatTheChangeWouldGet) {
  EXPECT_EQ(plan(of_api({spec("a", "relative")})).error().fields.size(), 1U);
  auto late = of_api({spec("a", "/m.gguf")});
  late.if_match = revision{7};
  EXPECT_EQ(plan(late).error().code, error_code::conflict);
}

TEST_F(ChangePlan, EstimatesBySimilarLoadsAndKnowsWhatFits) {
  submit(of_api({spec("a", "/m.gguf"), spec("b", "/n.gguf", 2)}));
  serve("a", 400, 3000);
  serve("b", 450, 7000);
  auto const plan = this->plan(of_api({spec("a", "/n.gguf", 2), spec("b", "/n.gguf", 2)})).value();
  EXPECT_TRUE(plan.changed);
  ASSERT_EQ(plan.agents.size(), 1U);
  EXPECT_TRUE(plan.agents[0].connected);
  EXPECT_THAT(steps(plan.agents[0]), ElementsAre("load n 7000", "admit n ?", "drain m 0", "unload m ?"));
}

TEST_F(ChangePlan, SaysWhereServiceIsInterrupted) {
  submit(of_api({spec("a", "/m.gguf"), spec("b", "/n.gguf")}));
  serve("a", 600, 3000);
  serve("b", 600, 7000);
  auto const plan = this->plan(of_api({spec("a", "/n.gguf"), spec("b", "/n.gguf")})).value();
  EXPECT_THAT(steps(plan.agents[0]), ElementsAre("drain m 0!", "unload m ?", "load n 7000", "admit n ?"));
}

TEST_F(ChangePlan, KnowsWhatFitsFromAgentsThatWereAskedAndFromWhatTakesNoMore) {
  submit(of_api({spec("a", "/m.gguf")}));
  serve("a", 400, 3000);
  auto const change = of_api({spec("a", "/new.gguf")});
  EXPECT_THAT(steps(plan(change)->agents[0]), ElementsAre("drain m 0!", "unload m ?", "load new ?", "admit new ?"))
      << "nobody knows what it needs";
  EXPECT_THAT(steps(plan(change, {{{"a"}, 450}})->agents[0]),
              ElementsAre("load new ?", "admit new ?", "drain m 0", "unload m ?"));
  EXPECT_THAT(steps(plan(change, {{{"a"}, 550}})->agents[0]).front(), "drain m 0!");
  auto warmer = of_api({spec("a", "/m.gguf")});
  warmer.document.models.push_back({{"m"}, "template", {}});
  EXPECT_THAT(steps(plan(warmer)->agents[0]), ElementsAre("load m 3000", "admit m ?", "drain m 0", "unload m ?"));
}

TEST_F(ChangePlan, SaysWhatWouldBeOtherwiseAndForWhom) {
  submit(of_api({spec("a", "/m.gguf"), spec("b", "/m.gguf")}));
  auto const plan = this->plan(of_api({spec("a", "/m.gguf"), spec("b", "/m.gguf", 3)})).value();
  EXPECT_EQ(plan.at, revision{1});
  field_change const more_slots{"agents/b.slots", field_value{std::int64_t{1}}, field_value{std::int64_t{3}}};
  EXPECT_THAT(plan.said, ElementsAre(more_slots));
  EXPECT_THAT(plan.changes, ElementsAre(more_slots));
  EXPECT_EQ(plan.more_changes, 0U);
  EXPECT_THAT(plan.losses, IsEmpty());
  ASSERT_EQ(plan.agents.size(), 1U);
  EXPECT_EQ(plan.agents[0].agent.value, "b");
}

TEST_F(ChangePlan, LongListsAreCutOffAndCounted) {
  std::vector<agent_spec> many;
  for (std::size_t i = 0; i < max_listed_agents + 2; ++i) many.push_back(spec("a" + std::to_string(i), "/m.gguf"));
  auto const plan = this->plan(of_api(many)).value();
  EXPECT_EQ(plan.agents.size(), max_listed_agents);
  EXPECT_EQ(plan.more_agents, 2U);
  EXPECT_EQ(plan.changes.size(), max_listed_fields);
  many.pop_back();
  many.pop_back();
  EXPECT_EQ(this->plan(of_api(many))->more_agents, 0U);
}

// A drain takes as long as it may where a request runs, and no time where none does.
TEST_F(ChangePlan, CountsTheRequestsThatRun) {
  submit(of_api({spec("a", "/m.gguf")}));
  serve("a", 400, 3000);
  apply_durably(core, slot_arrived{{{1}, {"a"}, {1}, core.desired().applicable({"a"}).version, "m"}}, now);
  auto const change = of_api({spec("a", "/m.gguf", 2)});
  EXPECT_THAT(steps(plan(change, {{{"a"}, 450}})->agents[0])[2], "drain m 0");
  apply_durably(core, request_arrived{{{1}, {"r"}, "m", "/v1/completions", 1}}, now);
  auto const plan = this->plan(change, {{{"a"}, 450}}).value();
  EXPECT_EQ(plan.agents[0].slots_busy, 1);
  EXPECT_THAT(steps(plan.agents[0]), ElementsAre("load m 3000", "admit m ?", "drain m 30000", "unload m ?"));
}

// What an agent runs while something else is wanted of it by now is not what that would take.
TEST_F(ChangePlan, MeasuresNothingByAnEngineOfOtherContent) {
  submit(of_api({spec("a", "/m.gguf")}));
  serve("a", 400, 3000);
  submit(of_api({spec("a", "/n.gguf")}));
  auto const plan = this->plan(of_api({spec("a", "/n.gguf"), spec("b", "/n.gguf")})).value();
  ASSERT_EQ(plan.agents.size(), 1U);
  EXPECT_THAT(steps(plan.agents[0]), ElementsAre("load n ?", "admit n ?"));
}

TEST_F(ChangePlan, KeepsATenthOfAMachineForOthersAndKnowsNothingOfDevices) {
  EXPECT_EQ(share_for_engines(1000), 900U);
  EXPECT_EQ(share_for_engines(9), 9U);
  submit(of_api({spec("a", "/m.gguf")}));
  serve("a", 400, 3000);
  auto const first = [this](std::uint64_t need) {
    return steps(plan(of_api({spec("a", "/n.gguf")}), {{{"a"}, need}})->agents[0]).front();
  };
  EXPECT_EQ(first(500), "load n ?") << "900 bytes in all";
  EXPECT_EQ(first(501), "drain m 0!");
  link_report report;
  report.report = core.agents().agents().at({"a"}).report;
  report.report.sequence += 1;
  report.capabilities = agent_capabilities{.memory_bytes = 1000, .gpus = {"a GPU"}};
  apply_durably(core, link_spoke{{links_}, report}, now);
  EXPECT_EQ(first(1), "drain m 0!") << "what a device holds is not known";
}

TEST_F(ChangePlan, OfWhatWasNeverMeasuredPromisesNothing) {
  auto const plan = this->plan(of_api({spec("a", "/m.gguf")})).value();
  ASSERT_EQ(plan.agents.size(), 1U);
  EXPECT_FALSE(plan.agents[0].connected);
  EXPECT_THAT(steps(plan.agents[0]), ElementsAre("load m ?", "admit m ?"));
}

TEST_F(ChangePlan, TellsWhoWouldLose) {
  submit(of_api({spec("a", "/m.gguf", 2)}));
  desired_change file{{source_kind::file, "/etc/c.yaml"}, {{spec("a", "/m.gguf", 8)}, {}}, {}, {}};
  auto const plan = this->plan(file).value();
  ASSERT_EQ(plan.losses.size(), 1U);
  EXPECT_EQ(plan.losses[0].path, "agents/a.slots");
  EXPECT_THAT(plan.changes, IsEmpty());
  EXPECT_THAT(plan.agents, IsEmpty());
}

// Law: the plan of a change that was made is empty.
TEST_F(ChangePlan, LawOfAnAppliedPlanIsEmpty) {
  for (int i = 1; i < 20; ++i) {
    auto const change = of_api({spec("a", "/m" + std::to_string(i % 3) + ".gguf", 1 + i % 4)});
    submit(change);
    EXPECT_FALSE(plan(change)->changed);
  }
}

} // namespace
} // namespace paddler
