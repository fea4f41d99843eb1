#include "core/state/layers.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

source_id const api{source_kind::api, ""};
source_id const file{source_kind::file, "/etc/paddler/cluster.yaml"};
source_id const discovery{source_kind::discovery, "a"};

agent_spec agent(std::string id) {
  agent_spec out;
  out.id.value = std::move(id);
  return out;
}

agent_spec agent_with_slots(std::string id, int slots) {
  auto out = agent(std::move(id));
  out.slots = slots;
  return out;
}

TEST(MergeLayers, FieldByFieldTheHighestSourceThatSetsItWins) {
  auto from_file = agent_with_slots("a", 4);
  from_file.max_context_length = 2048;
  auto from_discovery = agent_with_slots("a", 8);
  from_discovery.max_context_length = 512;
  from_discovery.model = "chat";
  desired_layers const layers = {
      {api, {{agent_with_slots("a", 2)}, {}}}, {file, {{from_file}, {}}}, {discovery, {{from_discovery}, {}}}};

  auto const merged = merge_layers(layers);

  ASSERT_EQ(merged.agents.size(), 1U);
  EXPECT_EQ(merged.agents[0].slots, 2);
  EXPECT_EQ(merged.agents[0].max_context_length, 2048);
  EXPECT_EQ(merged.agents[0].model, "chat");
}

TEST(MergeLayers, ReleaseRestoresTheNextSource) {
  desired_layers layers = {{api, {{agent_with_slots("a", 2)}, {}}}, {file, {{agent_with_slots("a", 4)}, {}}}};
  layers.erase(api);
  EXPECT_EQ(merge_layers(layers).agents[0].slots, 4);
}

TEST(MergeLayers, AModelReferenceOfAnotherKindIsNotMixedIn) {
  auto high = agent("a");
  high.desired_model = model_reference{.source = model_source::local, .path = "/m.gguf"};
  auto low = agent("a");
  low.desired_model = model_reference{.source = model_source::huggingface, .model_id = "o/r", .revision = "main"};
  auto const merged = merge_layers({{api, {{high}, {}}}, {file, {{low}, {}}}});
  EXPECT_EQ(merged.agents[0].desired_model, high.desired_model);
}

TEST(MergeLayers, AReferenceOfTheSameKindIsFilledInFieldByField) {
  auto high = agent("a");
  high.desired_model = model_reference{.source = model_source::huggingface, .file = "Q8_0.gguf"};
  auto low = agent("a");
  low.desired_model = model_reference{.source = model_source::huggingface, .model_id = "o/r", .file = "Q4_0.gguf"};
  auto const merged = merge_layers({{api, {{high}, {}}}, {file, {{low}, {}}}});
  EXPECT_EQ(merged.agents[0].desired_model,
            (model_reference{.source = model_source::huggingface, .model_id = "o/r", .file = "Q8_0.gguf"}));
}

TEST(MergeLayers, AnEntryThatSaysNothingMoreTakesAllFromTheNext) {
  auto low = agent_with_slots("a", 4);
  low.desired_model = model_reference{.source = model_source::local, .path = "/m.gguf"};
  EXPECT_EQ(merge_layers({{api, {{agent("a")}, {}}}, {file, {{low}, {}}}}).agents[0], low);
  EXPECT_EQ(merge_layers({{api, {{low}, {}}}, {file, {{agent("a")}, {}}}}).agents[0], low);
  model_spec const plain{{"m"}, std::nullopt, std::nullopt};
  model_spec const full{{"m"}, "t", model_parameters{.top_k = 3}};
  EXPECT_EQ(merge_layers({{api, {{}, {plain}}}, {file, {{}, {full}}}}).models[0], full);
  EXPECT_EQ(merge_layers({{api, {{}, {full}}}, {file, {{}, {plain}}}}).models[0], full);
}

TEST(MergeLayers, ParametersCountFieldByField) {
  model_spec high{{"m"}, std::nullopt, model_parameters{.temperature = 0.1}};
  model_spec low{{"m"}, "template", model_parameters{.temperature = 0.9, .top_p = 0.5}};
  auto const merged = merge_layers({{api, {{}, {high}}}, {file, {{}, {low}}}});
  ASSERT_EQ(merged.models.size(), 1U);
  EXPECT_EQ(merged.models[0].chat_template, "template");
  EXPECT_EQ(merged.models[0].parameters->temperature, 0.1);
  EXPECT_EQ(merged.models[0].parameters->top_p, 0.5);
}

TEST(MergeLayers, MergingTheResultAgainChangesNothing) {
  desired_layers const layers = {{api, {{agent_with_slots("b", 2)}, {}}},
                                 {file, {{agent_with_slots("a", 4), agent("b")}, {}}}};
  auto const once = merge_layers(layers);
  EXPECT_EQ(merge_layers({{api, once}}), once);
}

} // namespace
} // namespace paddler
