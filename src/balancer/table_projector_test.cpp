#include "balancer/table_projector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using testing::ElementsAre;

constexpr std::size_t plenty = 1000;
constexpr wall_time noon{std::chrono::seconds{1'700'000'000}};

// A core whose events the projector sees.
struct TableProjector : testing::Test {
  balancer_core core{{}, {1}};
  table_projector tables;
  instant now{mono_time{std::chrono::seconds{1}}, noon};

  void apply(balancer_event const& event) {
    auto const effects = core.apply(event, now);
    tables.saw(event, effects, core, now.wall);
    for (auto const& effect : effects)
      if (auto const* persist = std::get_if<persist_record>(&effect)) apply(records_stored{persist->record.number});
  }

  void want(int slots, source_id const& source = {}) {
    agent_spec agent;
    agent.id = {"a1"};
    agent.slots = slots;
    agent.model = "chat";
    agent.desired_model.emplace();
    agent.desired_model->source = model_source::local;
    agent.desired_model->path = "/models/chat.gguf";
    desired_change change;
    change.source = source;
    change.document.agents.push_back(agent);
    change.document.models.push_back({{"chat"}, {}, {}});
    apply(desired_submitted{{1}, change});
  }

  void greet() {
    link_hello hello;
    hello.agent = {"a1"};
    hello.process = {7};
    hello.capabilities.cpu_cores = 8;
    hello.report.engine.status = engine_status::ready;
    hello.report.engine.model = "chat";
    hello.report.engine.max_context_length = 2048;
    apply(link_greeted{{1}, hello});
  }

  void offer(std::uint64_t serial) { apply(slot_arrived{{{serial}, {"a1"}, {7}, {1}, "chat"}}); }

  // It is called "r" and its number.
  void ask(std::uint64_t number) {
    apply(request_arrived{{{number}, {"r" + std::to_string(number)}, "chat", "/v1/chat/completions", 10}});
  }

  table_changes take() { return tables.take(core, plenty, true); }
};

std::vector<std::string> words(std::vector<slot_row> const& rows) {
  std::vector<std::string> out;
  for (auto const& row : rows) out.push_back(row.id + " " + row.status + " " + row.model);
  return out;
}

std::vector<std::string> words(std::vector<request_row> const& rows) {
  std::vector<std::string> out;
  for (auto const& row : rows) out.push_back(row.id.value + " " + row.status + " " + row.slot);
  return out;
}

TEST_F(TableProjector, AClusterIsRowsInFourTables) {
  want(2);
  greet();
  offer(1);
  offer(2);
  ask(1);
  auto const rows = take();
  EXPECT_TRUE(rows.is_first);
  ASSERT_EQ(rows.agents.size(), 1U);
  EXPECT_EQ(rows.agents[0].status, "ready");
  EXPECT_TRUE(rows.agents[0].connected);
  EXPECT_EQ(rows.agents[0].last_seen, noon);
  EXPECT_NE(rows.agents[0].configuration->find("/models/chat.gguf"), std::string::npos);
  EXPECT_NE(rows.agents[0].capabilities->find("\"cpu_cores\":8"), std::string::npos);
  ASSERT_EQ(rows.models.size(), 1U);
  EXPECT_EQ(rows.models[0].id, "chat");
  EXPECT_EQ(rows.models[0].source_type, "local");
  EXPECT_EQ(rows.models[0].source_location, "/models/chat.gguf");
  EXPECT_EQ(rows.models[0].loaded_at, noon);
  EXPECT_THAT(words(rows.slots), ElementsAre("a1/0 busy chat", "a1/1 idle chat"));
  EXPECT_EQ(rows.slots[0].context_length, 2048);
  EXPECT_EQ(rows.slots[0].last_request, noon);
  EXPECT_THAT(words(rows.requests), ElementsAre("r1 routed a1/0"));
  EXPECT_TRUE(tables.empty()) << "nothing changed since";
  EXPECT_EQ(take().size(), 0U);
}

TEST_F(TableProjector, WhatHappensToOneRowBetweenTwoBatchesIsOneRow) {
  want(1);
  greet();
  offer(1);
  take();
  ask(1);
  apply(attempt_sent{{1}, {1}});
  apply(attempt_first_byte{{1}, {1}});
  apply(attempt_ended{{1}, {1}, attempt_outcome::completed});
  auto const rows = take();
  EXPECT_THAT(words(rows.requests), ElementsAre("r1 completed a1/0"));
  EXPECT_THAT(words(rows.slots), ElementsAre("a1/0 idle chat"));
  EXPECT_TRUE(rows.agents.empty());
  EXPECT_FALSE(rows.is_first);
}

TEST_F(TableProjector, ARequestsRowTellsItsWay) {
  want(1);
  greet();
  offer(1);
  ask(1);
  EXPECT_FALSE(take().requests.at(0).first_byte_at);
  apply(attempt_sent{{1}, {1}});
  now.wall += std::chrono::seconds(1);
  apply(attempt_first_byte{{1}, {1}});
  now.wall += std::chrono::seconds(1);
  apply(attempt_ended{{1}, {1}, attempt_outcome::lost_late, resume_refusal::echo});
  auto const row = take().requests.at(0);
  EXPECT_EQ(row.priority, "default");
  EXPECT_EQ(row.resumes, 1U);
  EXPECT_EQ(row.not_resumed, "echo");
  EXPECT_EQ(row.first_byte_at, noon + std::chrono::seconds(1));
  EXPECT_EQ(row.timeline, R"({"steps":[{"at":"2023-11-14T22:13:20Z","state":"queued","attempt":0},)"
                          R"({"at":"2023-11-14T22:13:20Z","state":"routed","attempt":1},)"
                          R"({"at":"2023-11-14T22:13:20Z","state":"processing","attempt":1},)"
                          R"({"at":"2023-11-14T22:13:21Z","state":"streaming","attempt":1},)"
                          R"({"at":"2023-11-14T22:13:22Z","state":"failed","attempt":1}],)"
                          R"("attempts":[{"number":1,"agent":"a1","version":1,"outcome":"lost_late"}]})");
}

TEST_F(TableProjector, SlotsKeepTheirNumbers) {
  want(2);
  greet();
  offer(1);
  offer(2);
  take();
  apply(slot_left{{1}});
  EXPECT_THAT(words(take().slots), ElementsAre("a1/0 closed chat"));
  offer(3);
  EXPECT_THAT(words(take().slots), ElementsAre("a1/0 idle chat"));
  ask(1);
  apply(request_left{{1}});
  EXPECT_EQ(take().requests.at(0).failure, "client_gone");
}

TEST_F(TableProjector, ConflictsStandThereWhileTheyLast) {
  want(2);
  want(3, {source_kind::file, "/etc/p.yaml"});
  auto const conflicts = take().conflicts;
  ASSERT_TRUE(conflicts);
  ASSERT_EQ(conflicts->size(), 1U);
  EXPECT_EQ(conflicts->front(), (conflict_row{"agents/a1.slots", "api", "2", {1}, "file /etc/p.yaml", "3", {2}}));
  want(2, {source_kind::file, "/etc/p.yaml"});
  EXPECT_TRUE(take().conflicts->empty());
}

TEST_F(TableProjector, WhatNobodyWantsAnyMoreGoes) {
  want(1);
  take();
  apply(desired_submitted{{2}, {}});
  auto const rows = take();
  EXPECT_THAT(rows.agents_gone, ElementsAre(agent_id{"a1"}));
  EXPECT_THAT(rows.models_gone, ElementsAre("chat"));
}

// Desired state is looked at less often than slots: what they refer to may come later.
TEST_F(TableProjector, ASlotIsSaidAgainOnceThereIsARowOfItsModel) {
  tables.take(core, plenty, true); // the first, when nothing was wanted yet
  want(2);
  greet();
  offer(1);
  auto rows = tables.take(core, plenty, false);
  EXPECT_THAT(words(rows.slots), ElementsAre("a1/0 idle chat"));
  EXPECT_THAT(rows.models, testing::IsEmpty());
  rows = take();
  EXPECT_EQ(rows.models.size(), 1U);
  EXPECT_THAT(words(rows.slots), ElementsAre("a1/0 idle chat"));
  want(3);
  EXPECT_THAT(take().slots, testing::IsEmpty()) << "there is a row by now";
}

TEST_F(TableProjector, ABatchHasALimitAndWhatRefersWaits) {
  want(2);
  greet();
  offer(1);
  offer(2);
  ask(1);
  auto const first = tables.take(core, 1, true);
  EXPECT_EQ(first.agents.size(), 1U);
  EXPECT_EQ(first.slots.size(), 1U);
  EXPECT_TRUE(first.requests.empty()) << "its slot is not written yet";
  auto const second = tables.take(core, 1, true);
  EXPECT_EQ(second.slots.size(), 1U);
  EXPECT_EQ(second.requests.size(), 1U);
  EXPECT_TRUE(tables.empty());
}

TEST_F(TableProjector, WhatWaitsIsBoundedAndLossIsCounted) {
  for (std::uint64_t i = 1; i <= waiting_requests_limit + 5; ++i) ask(i);
  EXPECT_EQ(tables.lost(), 10U) << "each of five arrived, and failed";
}

TEST_F(TableProjector, AllThereIsIsSaidAgainWhereItStartsOver) {
  want(2);
  want(3, {source_kind::file, "/etc/p.yaml"});
  greet();
  offer(1);
  offer(2);
  ask(1);
  auto const before = take();
  tables.start_over(core);
  auto const again = tables.take(core, plenty, false);
  EXPECT_TRUE(again.is_first);
  EXPECT_EQ(again.agents, before.agents);
  EXPECT_EQ(again.models, before.models);
  EXPECT_EQ(again.slots, before.slots);
  EXPECT_EQ(again.requests, before.requests);
  EXPECT_EQ(again.conflicts, before.conflicts);
  EXPECT_TRUE(tables.empty());
}

} // namespace
} // namespace paddler
