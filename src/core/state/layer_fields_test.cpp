#include "core/core_testing.hpp"
#include "core/state/layer_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(LayerInstant, IsReadAsPeopleWriteIt) {
  auto const read = [](std::string_view text) { return parse_layer_instant(text).value(); };
  EXPECT_EQ(read("desired"), (layer_instant{state_layer::desired, {}}));
  EXPECT_EQ(read("41"), (layer_instant{state_layer::desired, revision{41}}));
  EXPECT_EQ(read("applicable@0"), (layer_instant{state_layer::applicable, revision{0}}));
  EXPECT_EQ(read("current"), (layer_instant{state_layer::current, {}}));
  for (auto const* text : {"api", "file@7", "discovery", "desired@18446744073709551615"})
    EXPECT_EQ(print_layer_instant(read(text)), text);
}

TEST(LayerInstant, RefusesEverythingElse) {
  for (auto const* text : {"", "@", "@4", "desired@", "desired@x", "desired@-1", "desired@1@2", "wanted", "Desired",
                           "current@4", "18446744073709551616", "4 "}) {
    auto const refused = parse_layer_instant(text);
    ASSERT_FALSE(refused.has_value()) << text;
    EXPECT_EQ(refused.error().code, error_code::invalid_input);
    EXPECT_THAT(refused.error().hint, HasSubstr("LAYER@REVISION"));
  }
}

TEST(LayerInstant, SaysWhichPartIsWrong) {
  auto const said = [](std::string_view text) { return parse_layer_instant(text).error().message; };
  EXPECT_EQ(said("wanted@4"), "'wanted@4' is no instant of a layer: there is no layer 'wanted'.");
  EXPECT_EQ(said("desired@x"), "'desired@x' is no instant of a layer: 'x' is no revision.");
  EXPECT_EQ(said("current@4"), "'current@4' is no instant of a layer: what agents run is known as of now only, not as "
                               "of a revision.");
}

desired_document document(std::optional<int> slots) {
  agent_spec agent;
  agent.id.value = "a";
  agent.slots = slots;
  agent.desired_model = model_reference{.source = model_source::local, .path = "/m.gguf"};
  model_spec model{{"chat"}, "template", model_parameters{}};
  model.parameters->temperature = 0.5;
  return {{agent}, {model}};
}

desired_state state_of(desired_document const& wanted, source_kind kind = source_kind::api) {
  desired_state out;
  out.apply({{1}, {}, {kind, kind == source_kind::api ? "" : "x"}, wanted, {}});
  return out;
}

std::vector<std::string> texts(std::vector<field_change> const& changes) {
  static auto const text = [](std::optional<field_value> const& value) {
    if (!value) return std::string("-");
    if (auto const* number = std::get_if<std::int64_t>(&*value)) return std::to_string(*number);
    if (auto const* words = std::get_if<std::string>(&*value)) return *words;
    return std::string("?");
  };
  std::vector<std::string> out;
  for (auto const& each : changes) out.push_back(each.path + ": " + text(each.before) + " -> " + text(each.after));
  return out;
}

TEST(LayerFields, OfApplicableStateShowWhatWasFilledIn) {
  auto const state = state_of(document({}));
  auto const changes = compare_layers(state_layer::desired, layer_fields(state, state_layer::desired),
                                      state_layer::applicable, layer_fields(state, state_layer::applicable), "");
  EXPECT_THAT(texts(changes), ElementsAre("agents/a.max_context_length: - -> 4096", "agents/a.model: - -> chat",
                                          "agents/a.slots: - -> 4"));
  auto const fields = layer_fields(state, state_layer::applicable);
  EXPECT_EQ(fields.at("agents/a.parameters.temperature"), field_value{0.5});
  EXPECT_EQ(fields.at("agents/a.chat_template"), field_value{"template"});
  EXPECT_EQ(fields.at("agents/a.version"), field_value{std::int64_t{1}});
}

TEST(LayerFields, OfOneSourceAreItsOwnWordsOnly) {
  auto state = state_of(document(2));
  state.apply({{2}, {}, {source_kind::file, "b"}, document(8), {}});
  state.apply({{3}, {}, {source_kind::file, "a"}, document(6), {}});
  EXPECT_EQ(layer_fields(state, state_layer::api).at("agents/a.slots"), field_value{std::int64_t{2}});
  EXPECT_EQ(layer_fields(state, state_layer::file).at("agents/a.slots"), field_value{std::int64_t{6}})
      << "of several files the first by name";
  EXPECT_THAT(layer_fields(state, state_layer::discovery), IsEmpty());
  EXPECT_THAT(texts(compare_layers(state_layer::api, layer_fields(state, state_layer::api), state_layer::file,
                                   layer_fields(state, state_layer::file), "agents/a")),
              ElementsAre("agents/a.slots: 2 -> 6"));
}

struct CurrentFields : ::testing::Test {
  balancer_core core{{}, {1}};
  static constexpr instant now{mono_time{seconds(1)}, wall_time{seconds(1)}};

  void SetUp() override {
    apply_durably(core, desired_submitted{{1}, {{source_kind::api, ""}, document(3), {}, {}}}, now);
    link_greeted hello;
    hello.link = {1};
    hello.hello.agent.value = "a";
    hello.hello.process = {1};
    apply_durably(core, hello, now);
  }

  void report(engine_report engine) {
    link_report told;
    told.report.sequence = 1;
    told.report.engine = std::move(engine);
    apply_durably(core, link_spoke{{1}, told}, now);
  }

  [[nodiscard]] std::vector<std::string> difference() const {
    return texts(compare_layers(state_layer::applicable, layer_fields(core.desired(), state_layer::applicable),
                                state_layer::current, current_fields(core.agents()), ""));
  }
};

TEST_F(CurrentFields, AreComparedWithWhatIsWanted) {
  report({.status = engine_status::ready, .model = "chat", .version = {1}, .slots = 3, .max_context_length = 4096});
  EXPECT_THAT(difference(), IsEmpty());
  report({.status = engine_status::ready, .model = "old", .version = {1}, .slots = 3, .max_context_length = 4096});
  EXPECT_THAT(difference(), IsEmpty()) << "a report of an old number is not believed";
}

TEST_F(CurrentFields, ShowWhatIsOtherwise) {
  report({.status = engine_status::loading, .model = "chat", .version = {0}, .slots = 2, .max_context_length = 4096});
  EXPECT_THAT(difference(), ElementsAre("agents/a.slots: 3 -> 2", "agents/a.version: 1 -> 0"));
}

TEST_F(CurrentFields, ThatAreDefaultsAreNoDifferenceFromWhatIsWanted) {
  report({.status = engine_status::ready, .model = "chat", .version = {1}, .slots = 2, .max_context_length = 4096});
  auto const desired = layer_fields(core.desired(), state_layer::desired);
  auto const current = current_fields(core.agents());
  EXPECT_THAT(texts(compare_layers(state_layer::desired, desired, state_layer::current, current, "")),
              ElementsAre("agents/a.slots: 3 -> 2"));
  EXPECT_THAT(texts(compare_layers(state_layer::current, current, state_layer::api, desired, "")),
              ElementsAre("agents/a.slots: 2 -> 3"));
}

TEST_F(CurrentFields, ThatNobodyIsToRunAnyMoreAreADifference) {
  report({.status = engine_status::ready, .model = "chat", .version = {1}, .slots = 3, .max_context_length = 4096});
  apply_durably(core, desired_submitted{{2}, {{source_kind::api, ""}, {}, {}, {}}}, now);
  auto const applicable = layer_fields(core.desired(), state_layer::applicable);
  auto const current = current_fields(core.agents());
  EXPECT_THAT(difference(), ElementsAre("agents/a.max_context_length: - -> 4096", "agents/a.model: - -> chat",
                                        "agents/a.slots: - -> 3", "agents/a.version: - -> 1"));
  EXPECT_THAT(texts(compare_layers(state_layer::current, current, state_layer::applicable, applicable, "")),
              ElementsAre("agents/a.max_context_length: 4096 -> -", "agents/a.model: chat -> -",
                          "agents/a.slots: 3 -> -", "agents/a.version: 1 -> -"));
}

TEST_F(CurrentFields, OfAnAgentThatIsAwayAreNotKnown) {
  report({.status = engine_status::ready, .model = "chat", .version = {1}, .slots = 3, .max_context_length = 4096});
  apply_durably(core, link_closed{{1}}, now);
  EXPECT_EQ(current_fields(core.agents()).at("agents/a.status"), field_value{"unknown"});
  EXPECT_EQ(difference().size(), 4U) << "model, slots, context and version";
}

TEST(CompareLayers, KeepsToAPath) {
  auto const before = layer_fields(state_of(document(1)), state_layer::desired);
  auto const after = layer_fields(state_of(document(2)), state_layer::desired);
  auto const compared = [&](std::string_view path) {
    return texts(compare_layers(state_layer::desired, before, state_layer::desired, after, path));
  };
  EXPECT_THAT(compared(""), ElementsAre("agents/a.slots: 1 -> 2"));
  EXPECT_THAT(compared("agents/a"), ElementsAre("agents/a.slots: 1 -> 2"));
  EXPECT_THAT(compared("models"), IsEmpty());
}

} // namespace
} // namespace paddler
