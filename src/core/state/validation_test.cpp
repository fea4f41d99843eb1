#include "core/state/validation.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

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

std::string words(field_error const& found) { return found.path + ": " + found.message + " (" + found.hint + ")"; }

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

// Each limit from both sides: the last value that is good, and the first that is not.
struct limit_case {
  std::string_view field;
  std::function<void(model_parameters&, double)> set;
  double good;
  double bad;
};

TEST(ValidateDocument, ParametersAreGoodUpToTheirLimits) {
  using p = model_parameters;
  limit_case const cases[] = {
      {"temperature", [](p& to, double v) { to.temperature = v; }, 0, -0.01},
      {"temperature", [](p& to, double v) { to.temperature = v; }, 10, 10.01},
      {"top_p", [](p& to, double v) { to.top_p = v; }, 0, -0.01},
      {"top_p", [](p& to, double v) { to.top_p = v; }, 1, 1.01},
      {"top_k", [](p& to, double v) { to.top_k = static_cast<int>(v); }, 0, -1},
      {"top_k", [](p& to, double v) { to.top_k = static_cast<int>(v); }, 1'000'000, 1'000'001},
      {"min_p", [](p& to, double v) { to.min_p = v; }, 0, -0.01},
      {"min_p", [](p& to, double v) { to.min_p = v; }, 1, 1.01},
      {"repeat_penalty", [](p& to, double v) { to.repeat_penalty = v; }, 10, 10.5},
      {"repeat_penalty", [](p& to, double v) { to.repeat_penalty = v; }, 0.01, 0},
      {"presence_penalty", [](p& to, double v) { to.presence_penalty = v; }, -2, -2.5},
      {"presence_penalty", [](p& to, double v) { to.presence_penalty = v; }, 2, 2.5},
      {"frequency_penalty", [](p& to, double v) { to.frequency_penalty = v; }, -2, -2.5},
      {"frequency_penalty", [](p& to, double v) { to.frequency_penalty = v; }, 2, 2.5},
      {"max_tokens", [](p& to, double v) { to.max_tokens = static_cast<int>(v); }, 1, 0},
      {"max_tokens", [](p& to, double v) { to.max_tokens = static_cast<int>(v); }, max_context_length_limit,
       max_context_length_limit + 1},
      {"seed", [](p& to, double v) { to.seed = static_cast<std::int64_t>(v); }, 0, -1},
      {"seed", [](p& to, double v) { to.seed = static_cast<std::int64_t>(v); }, 4294967295.0, 4294967296.0},
      {"temperature", [](p& to, double v) { to.temperature = v; }, 1, std::numeric_limits<double>::quiet_NaN()},
      {"temperature", [](p& to, double v) { to.temperature = v; }, 1, std::numeric_limits<double>::infinity()},
  };
  for (auto const& c : cases) {
    SCOPED_TRACE(c.field);
    auto document = valid();
    c.set(document.models[0].parameters.emplace(), c.good);
    EXPECT_TRUE(validate_document(document).empty()) << c.good;
    c.set(document.models[0].parameters.emplace(), c.bad);
    auto const found = validate_document(document);
    ASSERT_EQ(found.size(), 1U) << c.bad;
    EXPECT_EQ(found[0].path, "models[0].parameters." + std::string(c.field));
    EXPECT_TRUE(found[0].hint.starts_with("give a value from ")) << found[0].hint;
  }
}

struct policy_limit {
  std::string_view field;
  std::function<void(policies_spec&, double)> set;
  double least;
  double most;
  double step; // beyond which it is wrong
};

TEST(ValidateDocument, PoliciesAreGoodUpToTheirLimits) {
  using p = policies_spec;
  auto const whole = [](double v) { return static_cast<int>(v); };
  auto const big = [](double v) { return static_cast<std::int64_t>(v); };
  policy_limit const cases[] = {
      {"routing.saturation_percent", [&](p& to, double v) { to.routing.saturation_percent = whole(v); }, 0, 100, 1},
      {"queue.max_requests", [&](p& to, double v) { to.queue.max_requests = big(v); }, 0, 1'000'000, 1},
      {"queue.max_bytes", [&](p& to, double v) { to.queue.max_bytes = big(v); }, 1, 1'099'511'627'776, 1},
      {"queue.timeout_seconds", [](p& to, double v) { to.queue.timeout_seconds = v; }, 0.001, 86'400, 0.0005},
      {"limits.requests_per_minute", [&](p& to, double v) { to.limits.requests_per_minute = whole(v); }, 1, 1e6, 1},
      {"limits.concurrent_requests", [&](p& to, double v) { to.limits.concurrent_requests = whole(v); }, 1, 1e6, 1},
      {"retries.max_attempts", [&](p& to, double v) { to.retries.max_attempts = whole(v); }, 1, 100, 1},
      {"retries.budget_percent", [&](p& to, double v) { to.retries.budget_percent = whole(v); }, 0, 100, 1},
      {"retries.burst", [&](p& to, double v) { to.retries.burst = whole(v); }, 0, 1'000'000, 1},
      {"resume.max_resumes", [&](p& to, double v) { to.resume.max_resumes = whole(v); }, 0, 100, 1},
      {"resume.wait_seconds", [](p& to, double v) { to.resume.wait_seconds = v; }, 0.001, 86'400, 0.0005},
  };
  for (auto const& c : cases) {
    SCOPED_TRACE(c.field);
    for (auto const good : {c.least, c.most}) {
      auto document = valid();
      c.set(document.policies, good);
      EXPECT_TRUE(validate_document(document).empty()) << good;
    }
    for (auto const bad : {c.least - c.step, c.most + c.step}) {
      auto document = valid();
      c.set(document.policies, bad);
      auto const found = validate_document(document);
      ASSERT_EQ(found.size(), 1U) << bad;
      EXPECT_EQ(found[0].path, "policies." + std::string(c.field));
      EXPECT_TRUE(found[0].hint.starts_with("give a value from ")) << found[0].hint;
    }
  }
}

TEST(ValidateDocument, AnAgentIsGoodUpToItsLimits) {
  for (int const slots : {1, max_slots}) {
    auto document = valid();
    document.agents[0].slots = slots;
    EXPECT_TRUE(validate_document(document).empty()) << slots;
  }
  for (int const length : {min_context_length, max_context_length_limit}) {
    auto document = valid();
    document.agents[0].max_context_length = length;
    EXPECT_TRUE(validate_document(document).empty()) << length;
  }
  auto document = valid();
  document.models[0].chat_template = std::string(max_chat_template_bytes, 'x');
  EXPECT_TRUE(validate_document(document).empty());
}

// What each kind of source needs, what it may have, and what it may not.
TEST(ValidateDocument, AReferenceHasTheFieldsOfItsKindAndNoOthers) {
  using r = model_reference;

  struct row {
    r reference;
    std::string_view wrong; // the field, empty: none
  };

  using enum model_source;
  row const rows[] = {
      {r{.source = huggingface, .model_id = "o/r"}, ""},
      {r{.source = huggingface, .model_id = "o/r", .revision = "main", .file = "a.gguf", .quantization = "Q8_0"}, ""},
      {r{.source = huggingface}, "model_id"},
      {r{.source = huggingface, .model_id = ""}, "model_id"},
      {r{.source = huggingface, .model_id = "o/r", .path = "/m.gguf"}, "path"},
      {r{.source = huggingface, .model_id = "o/r", .url = "u"}, "url"},
      {r{.source = local, .path = "/m.gguf"}, ""},
      {r{.source = local, .path = ""}, "path"},
      {r{.source = local, .path = "m.gguf"}, "path"},
      {r{.source = local, .model_id = "o/r", .path = "/m.gguf"}, "model_id"},
      {r{.source = local, .revision = "main", .path = "/m.gguf"}, "revision"},
      {r{.source = local, .file = "m.gguf", .path = "/m.gguf"}, "file"},
      {r{.source = local, .quantization = "Q8_0", .path = "/m.gguf"}, "quantization"},
      {r{.source = url, .url = "https://example.org/m.gguf"}, ""},
      {r{.source = url}, "url"},
      {r{.source = url, .url = ""}, "url"},
      {r{.source = url, .revision = "main", .url = "u"}, "revision"},
      {r{.path = "/m.gguf"}, "source"},
  };
  for (auto const& [reference, wrong] : rows) {
    auto document = valid();
    document.agents[0].desired_model = reference;
    auto const found = validate_document(document);
    ASSERT_EQ(found.size(), wrong.empty() ? 0U : 1U) << wrong;
    if (!wrong.empty()) EXPECT_EQ(found[0].path, "agents[0].desired_model." + std::string(wrong));
  }
}

TEST(ValidateDocument, ListsHaveALimit) {
  desired_document document;
  for (std::size_t i = 0; i <= max_models; ++i) document.models.push_back({{"m" + std::to_string(i)}, {}, {}});
  auto const found = validate_document(document);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, "models");
  EXPECT_EQ(found[0].message, "has 1001 entries");
  EXPECT_EQ(found[0].hint, "the limit is 1000");
  document.models.pop_back();
  EXPECT_TRUE(validate_document(document).empty());
}

TEST(ValidateDocument, AgentsHaveALimitToo) {
  desired_document document;
  for (std::size_t i = 0; i <= max_agents; ++i) {
    document.agents.emplace_back();
    document.agents.back().id.value = "a" + std::to_string(i);
  }
  auto const found = validate_document(document);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(words(found[0]), "agents: has 10001 entries (the limit is 10000)");
  document.agents.pop_back();
  EXPECT_TRUE(validate_document(document).empty());
}

// Whoever wrote the document reads nothing but these words.
TEST(ValidateDocument, EachMistakeIsNamedWithTheWayToMendIt) {
  struct row {
    std::function<void(desired_document&)> spoil;
    std::string_view said;
  };

  static constexpr std::string_view how_names_look =
      " (use 1 to 128 letters, digits and - _ . / : @, starting with a letter or a digit)";
  row const rows[] = {
      {[](auto& d) { d.agents[0].id.value = ""; }, "agents[0].id: is empty"},
      {[](auto& d) { d.agents[0].id.value = "a b"; }, "agents[0].id: 'a b' is not a valid name"},
      {[](auto& d) { d.models[0].id.value = "-x"; }, "models[0].id: '-x' is not a valid name"},
      {[](auto& d) { d.agents.push_back(d.agents[0]); },
       "agents[1].id: 'agent-1' stands there twice (give each entry an id of its own)"},
      {[](auto& d) { d.models.push_back(d.models[0]); },
       "models[1].id: 'chat' stands there twice (give each entry an id of its own)"},
      {[](auto& d) { d.agents[0].slots = 0; }, "agents[0].slots: is 0 (give a value from 1 to 256)"},
      {[](auto& d) { d.agents[0].slots = max_slots + 1; }, "agents[0].slots: is 257 (give a value from 1 to 256)"},
      {[](auto& d) { d.agents[0].max_context_length = min_context_length - 1; },
       "agents[0].max_context_length: is 15 (give a value from 16 to 16777216)"},
      {[](auto& d) { d.agents[0].max_context_length = max_context_length_limit + 1; },
       "agents[0].max_context_length: is 16777217 (give a value from 16 to 16777216)"},
      {[](auto& d) { d.agents[0].desired_model = model_reference{}; },
       "agents[0].desired_model.source: is missing (write source: huggingface, local or url)"},
      {[](auto& d) { d.agents[0].desired_model->path.reset(); },
       "agents[0].desired_model.path: is missing (source: local needs it)"},
      {[](auto& d) { d.agents[0].desired_model->url = "u"; },
       "agents[0].desired_model.url: does not belong to source: local (remove it)"},
      {[](auto& d) { d.agents[0].desired_model->path = "m.gguf"; },
       "agents[0].desired_model.path: 'm.gguf' is not absolute (write the path from / on the agent's machine)"},
      {[](auto& d) { d.models[0].chat_template = std::string(max_chat_template_bytes + 1, 'x'); },
       "models[0].chat_template: has 262145 bytes (the limit is 262144)"},
      {[](auto& d) { d.models[0].parameters = model_parameters{.repeat_penalty = 0.0}; },
       "models[0].parameters.repeat_penalty: is 0 (give a value from 0.01 to 10)"},
      {[](auto& d) { d.models[0].parameters = model_parameters{.seed = -1}; },
       "models[0].parameters.seed: is -1 (give a value from 0 to 4294967295)"},
  };
  for (auto const& [spoil, said] : rows) {
    auto document = valid();
    spoil(document);
    auto const found = validate_document(document);
    ASSERT_EQ(found.size(), 1U) << said;
    bool const of_a_name = !said.ends_with(')');
    EXPECT_EQ(words(found[0]), std::string(said) + std::string(of_a_name ? how_names_look : ""));
  }
}

TEST(ValidateDocument, TheRefusalCountsWhatWasFound) {
  auto const one = refusal_of({{"agents[0].slots", "is 0", "", 0}});
  EXPECT_EQ(one.code, error_code::invalid_input);
  EXPECT_EQ(one.message, "The document has 1 error; nothing was changed.");
  EXPECT_EQ(one.fields.size(), 1U);
  auto const two = refusal_of({{"agents[0].slots", "is 0", "", 0}, {"agents[1].slots", "is 0", "", 0}});
  EXPECT_EQ(two.message, "The document has 2 errors; nothing was changed.");
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

TEST(ValidateEffective, SaysWhatThereIsWhereNothingIsNear) {
  auto document = valid();
  document.agents[0].model = "something-else";
  EXPECT_EQ(validate_effective(document).at(0).hint, "there are: chat");
  document.models.clear();
  EXPECT_EQ(validate_effective(document).at(0).hint, "add it to models[]");
  document.agents[0].model.reset();
  EXPECT_TRUE(validate_effective(document).empty()) << "no models[], nothing to choose";
}

TEST(ValidateEffective, WantsAChoiceAmongSeveralModels) {
  auto document = valid();
  document.models.push_back(model_spec{{"other"}, std::nullopt, std::nullopt});
  auto const found = validate_effective(document);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(words(found[0]), "agents[0].model: is missing, and models[] has 2 entries (name one: chat or other)");
  document.agents[0].model = "other";
  EXPECT_TRUE(validate_effective(document).empty());
  document.agents[0].model.reset();
  document.agents[0].desired_model.reset();
  EXPECT_TRUE(validate_effective(document).empty()) << "without a model file there is nothing to serve under a name";
}

// Each entry is judged by itself, under its own place, whatever the order of models[].
TEST(ValidateEffective, NamesTheAgentOfEachMistake) {
  desired_document document{{}, {{{"z"}, {}, {}}, {{"a"}, {}, {}}, {{"m"}, {}, {}}}};
  for (auto const* model : {"z", "nothing-like-it", "a", "m"}) {
    auto agent = valid().agents[0];
    agent.id.value = model;
    agent.model = model;
    document.agents.push_back(agent);
  }
  auto const found = validate_effective(document);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(words(found[0]), "agents[1].model: names 'nothing-like-it', and no models[] entry has this id (there are: "
                             "a, m or z)");
}

} // namespace
} // namespace paddler
