#include "core/state/field_map.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

desired_document example() {
  agent_spec agent;
  agent.id.value = "a1";
  agent.slots = 4;
  agent.desired_model = model_reference{.source = model_source::local, .path = "/m.gguf"};
  model_spec model{{"chat"}, std::nullopt, model_parameters{.temperature = 0.7, .max_tokens = 64}};
  return {{agent}, {model}};
}

TEST(FieldMap, NamesWhatIsSetAsDocumentsDo) {
  EXPECT_THAT(flatten(example()),
              ElementsAre(Pair("agents/a1", field_value{}),
                          Pair("agents/a1.desired_model.path", field_value{"/m.gguf"}),
                          Pair("agents/a1.desired_model.source", field_value{"local"}),
                          Pair("agents/a1.slots", field_value{std::int64_t{4}}), Pair("models/chat", field_value{}),
                          Pair("models/chat.parameters.max_tokens", field_value{std::int64_t{64}}),
                          Pair("models/chat.parameters.temperature", field_value{0.7})));
  EXPECT_TRUE(flatten(desired_document{}).empty());
}

TEST(FieldMap, ComparesFieldByField) {
  auto changed = example();
  changed.agents[0].slots = 8;
  changed.agents[0].max_context_length = 512;
  changed.models.clear();
  auto const found = compare(flatten(example()), flatten(changed));
  EXPECT_THAT(found, ElementsAre(field_change{"agents/a1.max_context_length", std::nullopt, std::int64_t{512}},
                                 field_change{"agents/a1.slots", std::int64_t{4}, std::int64_t{8}},
                                 field_change{"models/chat", field_value{}, std::nullopt},
                                 field_change{"models/chat.parameters.max_tokens", std::int64_t{64}, std::nullopt},
                                 field_change{"models/chat.parameters.temperature", 0.7, std::nullopt}));
}

TEST(FieldMap, TheSameDiffersInNothingAndTheOtherWayRoundInTheSameFields) {
  auto const some = flatten(example());
  EXPECT_TRUE(compare(some, some).empty());
  auto const there = compare({}, some);
  auto const back = compare(some, {});
  ASSERT_EQ(there.size(), back.size());
  for (std::size_t i = 0; i < there.size(); ++i) {
    EXPECT_EQ(there[i].path, back[i].path);
    EXPECT_EQ(there[i].after, back[i].before);
  }
}

TEST(FieldMap, APathCoversWhatLiesBeneathIt) {
  EXPECT_TRUE(path_covers("", "agents/a1.slots"));
  EXPECT_TRUE(path_covers("agents", "agents/a1.slots"));
  EXPECT_TRUE(path_covers("agents/", "agents/a1.slots"));
  EXPECT_TRUE(path_covers("agents/a1", "agents/a1"));
  EXPECT_TRUE(path_covers("agents/a1", "agents/a1.slots"));
  EXPECT_TRUE(path_covers("models/chat.parameters", "models/chat.parameters.seed"));
  EXPECT_FALSE(path_covers("agents/a1", "agents/a10.slots"));
  EXPECT_FALSE(path_covers("agents/a1.slots", "agents/a1"));
}

TEST(FieldMap, EveryFieldHasItsPath) {
  agent_spec agent;
  agent.id.value = "a1";
  agent.model = "chat";
  agent.max_context_length = 512;
  agent.drain = true;
  agent.drain_seconds = 60;
  agent.desired_model = model_reference{.source = model_source::huggingface,
                                        .model_id = "o/r",
                                        .revision = "main",
                                        .file = "f.gguf",
                                        .quantization = "Q8_0",
                                        .path = "/p",
                                        .url = "u"};
  model_spec const model{{"chat"},
                         "t",
                         model_parameters{.temperature = 1,
                                          .top_p = 0.5,
                                          .top_k = 2,
                                          .min_p = 0.1,
                                          .repeat_penalty = 1.1,
                                          .presence_penalty = -1,
                                          .frequency_penalty = 2,
                                          .max_tokens = 9,
                                          .seed = 4294967295}};
  std::vector<std::string> paths;
  for (auto const& [path, value] : flatten(agent)) paths.push_back(path);
  EXPECT_THAT(paths, ElementsAre("agents/a1", "agents/a1.desired_model.file", "agents/a1.desired_model.model_id",
                                 "agents/a1.desired_model.path", "agents/a1.desired_model.quantization",
                                 "agents/a1.desired_model.revision", "agents/a1.desired_model.source",
                                 "agents/a1.desired_model.url", "agents/a1.drain", "agents/a1.drain_seconds",
                                 "agents/a1.max_context_length", "agents/a1.model"));
  auto const fields = flatten(model);
  EXPECT_EQ(fields.size(), 11U);
  EXPECT_EQ(fields.at("models/chat.parameters.seed"), field_value{std::int64_t{4294967295}});
  EXPECT_EQ(fields.at("models/chat.parameters.top_k"), field_value{std::int64_t{2}});
  EXPECT_EQ(fields.at("models/chat.parameters.presence_penalty"), field_value{-1.0});
  EXPECT_EQ(fields.at("models/chat.chat_template"), field_value{"t"});
}

TEST(FieldMap, PoliciesAreOneEntryWithGroups) {
  policies_spec some;
  some.routing.strategy = routing_strategy::least_loaded;
  some.queue.timeout_seconds = 2.5;
  some.limits.priority_header = priority_trust::lower_only;
  desired_document document;
  document.policies = some;
  EXPECT_THAT(flatten(document), ElementsAre(Pair("policies/limits.priority_header", field_value{"lower_only"}),
                                             Pair("policies/queue.timeout_seconds", field_value{2.5}),
                                             Pair("policies/routing.strategy", field_value{"least_loaded"})));
  EXPECT_EQ(flatten(some), flatten(document));
  EXPECT_EQ(policy_paths().front(), "policies/routing.strategy");
  EXPECT_EQ(policy_paths().back(), "policies/resume.wait_seconds");
  for (auto const* asked : {"policies", "policies/", "policies/routing", "policies/routing.strategy"})
    EXPECT_TRUE(path_covers(asked, "policies/routing.strategy")) << asked;
  EXPECT_FALSE(path_covers("policies/rout", "policies/routing.strategy"));
}

TEST(FieldMap, SaysValuesAndLossesInWords) {
  EXPECT_EQ(describe(field_value{}), "present");
  EXPECT_EQ(describe(field_value{0.7}), "0.7");
  EXPECT_EQ(describe(field_value{"a\nb"}), R"("a\nb")");
  lost_field const loss{"agents/a1.slots",
                        {{source_kind::file, "/etc/c.yaml"}, std::int64_t{8}, {3}},
                        {{source_kind::api, ""}, std::int64_t{4}, {7}}};
  EXPECT_EQ(describe(loss), "agents/a1.slots: 8 of file /etc/c.yaml is not in effect: api decides it (4, revision 7).");
}

} // namespace
} // namespace paddler
