// Desired → applicable, one agent at a time.
#include "core/state/applicable.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

model_reference local(std::string path) { return {.source = model_source::local, .path = std::move(path)}; }

TEST(Applicable, AModelWithoutAnEntryIsNamedAfterItsFileOrRepository) {
  struct row {
    model_reference reference;
    std::string_view name;
  };

  row const rows[] = {
      {local("/models/llama-7b.gguf"), "llama-7b"},
      {local("/models/llama-7b"), "llama-7b"},
      {local("llama.gguf"), "llama"},
      {local("/models/no good name.gguf"), "default"},
      {local("/models/.gguf"), "default"},
      {local("/models/"), "default"},
      {{.source = model_source::huggingface, .model_id = "Qwen/Qwen3-0.6B-GGUF"}, "Qwen3-0.6B-GGUF"},
      {{.source = model_source::huggingface, .model_id = "Qwen/Q", .file = "sub/Q8_0.gguf"}, "Q8_0"},
      {{.source = model_source::huggingface, .model_id = "plain"}, "plain"},
      {{.source = model_source::url, .url = "https://example.org/m/tiny.gguf"}, "tiny"},
      {{.source = model_source::url, .url = "https://example.org/m?x=1"}, "default"},
      {{}, "default"},
  };
  for (auto const& [reference, name] : rows) EXPECT_EQ(default_model_name(reference), name);
}

TEST(Applicable, AnAgentServesTheEntryThatItNamesOrTheOnlyOne) {
  std::map<model_id, model_spec> models;
  agent_spec silent;
  agent_spec naming;
  naming.model = "chat";
  EXPECT_EQ(served_entry(models, silent), nullptr);
  EXPECT_EQ(served_entry(models, naming), nullptr);
  models[{"chat"}].id = {"chat"};
  EXPECT_EQ(served_entry(models, silent), &models[{"chat"}]);
  EXPECT_EQ(served_entry(models, naming), &models[{"chat"}]);
  models[{"code"}].id = {"code"};
  EXPECT_EQ(served_entry(models, silent), nullptr) << "nobody chose";
  EXPECT_EQ(served_entry(models, naming), &models[{"chat"}]);
  naming.model = "other";
  EXPECT_EQ(served_entry(models, naming), nullptr);
}

TEST(Applicable, EveryDefaultIsFilledInAndEverySettingKept) {
  agent_spec agent;
  agent.id = {"a"};
  EXPECT_EQ(resolve_applicable(agent, nullptr), std::nullopt) << "no model file, nothing to run";
  agent.desired_model = local("/m.gguf");
  auto const bare = resolve_applicable(agent, nullptr);
  EXPECT_EQ(bare, (applicable_model{"m", local("/m.gguf"), "", {}, default_slots, default_max_context_length}));
  agent.slots = 2;
  agent.max_context_length = 512;
  model_spec const entry{{"chat"}, "a template", model_parameters{.temperature = 0.1}};
  EXPECT_EQ(resolve_applicable(agent, &entry),
            (applicable_model{"chat", local("/m.gguf"), "a template", {.temperature = 0.1}, 2, 512}));
  model_spec const plain{{"chat"}, std::nullopt, std::nullopt};
  EXPECT_EQ(resolve_applicable(agent, &plain)->chat_template, "") << "the template inside the file";
}

} // namespace
} // namespace paddler
