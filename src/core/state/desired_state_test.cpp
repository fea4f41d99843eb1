#include "core/state/applicable.hpp"
#include "core/state/desired_state.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

source_id const api{source_kind::api, ""};
source_id const discovery{source_kind::discovery, "a"};
wall_time const now{std::chrono::seconds(1)};

desired_document document(std::string path, std::optional<int> slots = {}) {
  agent_spec agent;
  agent.id.value = "a";
  agent.desired_model = model_reference{.source = model_source::local, .path = std::move(path)};
  agent.slots = slots;
  return {{agent}, {}};
}

std::vector<agent_id> change(desired_state& state, source_id const& source, desired_document const& wanted) {
  auto const record = state.check({source, wanted, std::nullopt, {}}, now);
  EXPECT_TRUE(record.has_value());
  return record->has_value() ? state.apply(**record).agents : std::vector<agent_id>{};
}

TEST(DesiredState, AChangeGetsTheNextRevisionAndANewGeneration) {
  desired_state state;
  EXPECT_EQ(change(state, api, document("/m.gguf")), std::vector{agent_id{"a"}});
  EXPECT_EQ(state.current(), revision{1});
  auto const applicable = state.applicable({"a"});
  EXPECT_EQ(applicable.version, generation{1});
  EXPECT_EQ(applicable.model->name, "m");
  EXPECT_EQ(applicable.model->slots, default_slots);
}

TEST(DesiredState, TheSameDocumentAgainIsNoChange) {
  desired_state state;
  change(state, api, document("/m.gguf"));
  auto const again = state.check({api, document("/m.gguf"), std::nullopt, {}}, now);
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->has_value());
}

TEST(DesiredState, AChangeThatAnAgentDoesNotFeelKeepsItsGeneration) {
  desired_state state;
  change(state, api, document("/m.gguf", 4));
  auto other = document("/m.gguf", 4);
  agent_spec second;
  second.id.value = "b";
  other.agents.push_back(second);
  EXPECT_TRUE(change(state, api, other).empty());
  EXPECT_EQ(state.current(), revision{2});
  EXPECT_EQ(state.applicable({"a"}).version, generation{1});
}

TEST(DesiredState, ALostRaceIsToldAndChangesNothing) {
  desired_state state;
  change(state, api, document("/m.gguf"));
  auto const lost = state.check({api, document("/n.gguf"), revision{0}, {}}, now);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code, error_code::conflict);
  EXPECT_EQ(state.applicable({"a"}).model->reference.path, "/m.gguf");
}

TEST(DesiredState, AnInvalidDocumentIsRefusedWithEveryReason) {
  desired_state state;
  auto bad = document("relative.gguf", 0);
  auto const refused = state.check({api, bad, std::nullopt, {}}, now);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, error_code::invalid_input);
  EXPECT_EQ(refused.error().fields.size(), 2U);
}

// Found by record_fuzz: a snapshot is JSON, and such a name would not come back from it.
TEST(DesiredState, FUZ_12_ASourceWhoseNameIsNotUtf8IsRefused) {
  desired_state state;
  auto const refused = state.check({{source_kind::file, "/etc/\xff.yaml"}, document("/m.gguf"), {}, {}}, now);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, error_code::invalid_input);
  EXPECT_EQ(refused.error().hint, "Rename the file.");
}

TEST(DesiredState, TheRevisionThatWasReadMayBeChanged) {
  desired_state state;
  change(state, api, document("/m.gguf"));
  EXPECT_TRUE(state.check({api, document("/n.gguf"), revision{1}, {}}, now).has_value());
  EXPECT_EQ(state.agents().size(), 1U);
}

TEST(DesiredState, AnEmptyDocumentReleasesWhatTheSourceHadSet) {
  desired_state state;
  change(state, discovery, document("/m.gguf", 8));
  change(state, api, document("/m.gguf", 2));
  EXPECT_EQ(state.applicable({"a"}).model->slots, 2);
  change(state, api, {});
  EXPECT_EQ(state.applicable({"a"}).model->slots, 8);
  change(state, discovery, {});
  EXPECT_FALSE(state.applicable({"a"}).model.has_value());
  EXPECT_EQ(state.applicable({"a"}).version, generation{4});
}

TEST(DesiredState, ReplayGivesTheSameState) {
  desired_state first;
  std::vector<log_record> log;
  for (auto const& [source, wanted] :
       {std::pair{discovery, document("/m.gguf", 8)}, {api, document("/n.gguf")}, {api, document("/n.gguf", 3)}}) {
    auto const record = first.check({source, wanted, std::nullopt, {}}, now);
    log.push_back(**record);
    first.apply(log.back());
  }
  desired_state second;
  for (auto const& record : log) second.apply(record);
  EXPECT_EQ(second.effective(), first.effective());
  EXPECT_EQ(second.applicable_states(), first.applicable_states());
  EXPECT_EQ(second.current(), first.current());
}

TEST(DesiredState, WhoSetsOnlyPoliciesSaysSomething) {
  desired_state state;
  desired_document wanted;
  wanted.policies.queue.max_requests = 3;
  source_id const file{source_kind::file, "/c.yaml"};
  EXPECT_TRUE(change(state, file, wanted).empty()) << "no agent is concerned";
  EXPECT_EQ(state.table().sources(), std::set{file}) << "so it can be released when the file is gone";
  EXPECT_EQ(state.table().said(file), wanted);
  change(state, file, {});
  EXPECT_TRUE(state.table().sources().empty());
  EXPECT_EQ(state.policies(), policies_spec{});
  EXPECT_EQ(state.policies_version(), generation{2});
}

} // namespace
} // namespace paddler
