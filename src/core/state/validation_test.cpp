#include "core/state/validation.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace paddler {
namespace {

desired_document valid() {
  agent_spec agent;
  agent.id.value = "agent-1";
  agent.desired_model = model_reference{.source = model_source::local, .path = "/models/a.gguf"};
  agent.slots = 4;
  return {{agent}, {model_spec{{"chat"}, std::nullopt, std::nullopt}}};
}

struct bad_document {
  std::string_view name;
  std::function<void(desired_document&)> spoil;
  std::string_view path;
};

TEST(ValidateDocument, AcceptsAGoodOne) { EXPECT_TRUE(validate_document(valid()).empty()); }

TEST(ValidateDocument, NamesThePlaceOfEachMistake) {
  bad_document const cases[] = {
      {"no id", [](auto& d) { d.agents[0].id.value = ""; }, "agents[0].id"},
      {"id with a space", [](auto& d) { d.agents[0].id.value = "a b"; }, "agents[0].id"},
      {"id twice", [](auto& d) { d.agents.push_back(d.agents[0]); }, "agents[1].id"},
      {"no slots", [](auto& d) { d.agents[0].slots = 0; }, "agents[0].slots"},
      {"too many slots", [](auto& d) { d.agents[0].slots = 257; }, "agents[0].slots"},
      {"tiny context", [](auto& d) { d.agents[0].max_context_length = 1; }, "agents[0].max_context_length"},
      {"no source", [](auto& d) { d.agents[0].desired_model->source.reset(); }, "agents[0].desired_model.source"},
      {"no path", [](auto& d) { d.agents[0].desired_model->path.reset(); }, "agents[0].desired_model.path"},
      {"relative path", [](auto& d) { d.agents[0].desired_model->path = "a.gguf"; }, "agents[0].desired_model.path"},
      {"foreign field", [](auto& d) { d.agents[0].desired_model->url = "u"; }, "agents[0].desired_model.url"},
      {"model twice", [](auto& d) { d.models.push_back(d.models[0]); }, "models[1].id"},
      {"hot", [](auto& d) { d.models[0].parameters = model_parameters{.temperature = 11.0}; },
       "models[0].parameters.temperature"},
      {"top_p", [](auto& d) { d.models[0].parameters = model_parameters{.top_p = 1.5}; }, "models[0].parameters.top_p"},
      {"max_tokens", [](auto& d) { d.models[0].parameters = model_parameters{.max_tokens = 0}; },
       "models[0].parameters.max_tokens"},
      {"template", [](auto& d) { d.models[0].chat_template = std::string(max_chat_template_bytes + 1, 'x'); },
       "models[0].chat_template"},
  };
  for (auto const& c : cases) {
    auto document = valid();
    c.spoil(document);
    auto const found = validate_document(document);
    ASSERT_EQ(found.size(), 1U) << c.name;
    EXPECT_EQ(found[0].path, c.path) << c.name;
    EXPECT_FALSE(found[0].message.empty()) << c.name;
    EXPECT_FALSE(found[0].hint.empty()) << c.name;
  }
}

TEST(ValidateDocument, FindsEverythingAtOnce) {
  auto document = valid();
  document.agents[0].slots = 0;
  document.agents[0].desired_model->path.reset();
  document.models[0].id.value = "";
  EXPECT_EQ(validate_document(document).size(), 3U);
}

TEST(ValidateEffective, SuggestsTheModelThatWasMeant) {
  auto document = valid();
  document.agents[0].model = "chatt";
  auto const found = validate_effective(document);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].hint, "did you mean 'chat'?");
}

TEST(ValidateEffective, WantsAChoiceAmongSeveralModels) {
  auto document = valid();
  document.models.push_back(model_spec{{"other"}, std::nullopt, std::nullopt});
  auto const found = validate_effective(document);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, "agents[0].model");
}

} // namespace
} // namespace paddler
