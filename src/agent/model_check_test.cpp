#include "agent/model_check.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

applicable_model model_at(std::string path) {
  applicable_model out;
  out.name = "m";
  out.reference.source = model_source::local;
  out.reference.path = std::move(path);
  out.slots = 2;
  out.max_context_length = 512;
  return out;
}

class ModelCheckTest : public ::testing::Test {
protected:
  std::string write(std::string const& name, std::string_view content) {
    auto path = ::testing::TempDir() + "model_check_" + std::to_string(::getpid()) + "_" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  // "path of the first field: message"
  std::string refusal(applicable_model const& model) {
    auto const plan = blocking_check_model(model, config, machine, headers);
    if (plan) return "";
    EXPECT_FALSE(plan.error().fields.empty()) << plan.error().message;
    for (auto const& field : plan.error().fields) EXPECT_FALSE(field.hint.empty()) << field.path;
    return plan.error().fields.empty() ? "" : plan.error().fields[0].path + ": " + plan.error().fields[0].message;
  }

  agent_config config;
  model_headers headers;
  machine_facts machine{.hostname = "h", .cpu_cores = 1, .memory_bytes = 1'000'000, .gpus = {}};
};

TEST_F(ModelCheckTest, NamesWhatIsWrongWithTheFile) {
  using ::testing::TempDir;
  EXPECT_EQ(refusal(model_at("/no/such.gguf")), "model.reference.path: there is no model file '/no/such.gguf'");
  EXPECT_EQ(refusal(model_at("relative.gguf")), "model.reference.path: 'relative.gguf' is not an absolute path");
  EXPECT_EQ(refusal(model_at("")), "model.reference.path: no file is named");
  EXPECT_TRUE(refusal(model_at(write("text.gguf", "hello, I am not a model"))).starts_with("model.reference.path: "));
  EXPECT_TRUE(refusal(model_at(write("short.gguf", "GGUF"))).starts_with("model.reference.path: "));
  EXPECT_TRUE(refusal(model_at(std::filesystem::temp_directory_path())).starts_with("model.reference.path: "));
}

TEST_F(ModelCheckTest, ServesLocalFilesOnly) {
  auto model = model_at("/m.gguf");
  for (auto source : {model_source::huggingface, model_source::url}) {
    model.reference.source = source;
    EXPECT_TRUE(refusal(model).starts_with("model.reference.source: ")) << refusal(model);
  }
}

TEST_F(ModelCheckTest, TheSimulatedEngineNeedsNoFile) {
  config.program.kind = engine_kind::simulated;
  config.engine_threads = 3;
  EXPECT_EQ(blocking_check_model(model_at("/no/such.gguf"), config, machine, headers), engine_need{0});
  auto const spec = engine_spec_of(model_at("/no/such.gguf"), config);
  EXPECT_EQ(spec.alias, "m");
  EXPECT_EQ(spec.slots, 2);
  EXPECT_EQ(spec.context_per_slot, 512);
  EXPECT_EQ(spec.threads, 3);
}

TEST_F(ModelCheckTest, DeviceMemoryIsNotKnown) {
  EXPECT_EQ(memory_for_engines(machine, config), 900'000U);
  machine.gpus = {"a device"};
  EXPECT_EQ(memory_for_engines(machine, config), std::nullopt);
  config.engine_gpu_layers = 0;
  EXPECT_EQ(memory_for_engines(machine, config), 900'000U);
  machine.memory_bytes = 0;
  EXPECT_EQ(memory_for_engines(machine, config), std::nullopt);
}

TEST_F(ModelCheckTest, SpeaksOfTheStateAndNotOfTheEngine) {
  config.program.kind = engine_kind::simulated;
  auto model = model_at("/m.gguf");
  model.slots = 0;
  EXPECT_TRUE(refusal(model).starts_with("model.slots: ")) << refusal(model);
  model = model_at("/m.gguf");
  model.max_context_length = 0;
  EXPECT_TRUE(refusal(model).starts_with("model.max_context_length: ")) << refusal(model);
}

} // namespace
} // namespace paddler
