#include "core/engine/engine_command.hpp"
#include "core/engine/engine_parameters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>

namespace paddler {
namespace {

using namespace std::chrono_literals;

engine_spec good_spec() {
  engine_spec spec;
  spec.model_path = "/models/m.gguf";
  spec.alias = "demo";
  spec.slots = 4;
  spec.context_per_slot = 300;
  return spec;
}

engine_files const files{"/run/e.sock", "/run/e.jinja"};

std::string joined(result<std::vector<std::string>> const& arguments) {
  if (!arguments) return describe(arguments.error());
  std::string out;
  for (auto const& argument : *arguments) out += (out.empty() ? "" : " ") + argument;
  return out;
}

std::string command(engine_spec const& spec, engine_program const& program = {}) {
  return joined(engine_arguments(program, spec, files));
}

TEST(EngineCommand, OfTheBuiltInEngine) {
  EXPECT_EQ(
      command(good_spec()),
      "engine --host /run/e.sock --alias demo --parallel 4 --ctx-size 2048 --no-kv-unified --model /models/m.gguf "
      "--kv-unified-per-slot 300 --cors-origins localhost --no-agent --jinja --no-webui --slots --metrics "
      "--offline --log-verbosity 2 --cache-ram 512");
}

TEST(EngineCommand, OfAForeignServerKeepsToOlderOptions) {
  engine_program const program{.kind = engine_kind::llama_server, .path = "/opt/llama-server"};
  EXPECT_EQ(command(good_spec(), program),
            "--host /run/e.sock --alias demo --parallel 4 --ctx-size 2048 --no-kv-unified --model /models/m.gguf "
            "--jinja --no-webui --slots --metrics --offline --log-verbosity 2 --cache-ram 512");
}

TEST(EngineCommand, OfTheSimulatedEngine) {
  engine_program program{.kind = engine_kind::simulated};
  program.simulation.token_time = 2ms;
  program.simulation.crash_at = 5;
  auto spec = good_spec();
  spec.embedding = true;
  EXPECT_EQ(command(spec, program), "engine --simulate token-time=2ms,crash-at=5 --host /run/e.sock --alias demo "
                                    "--parallel 4 --ctx-size 1200 --embeddings");
}

TEST(EngineCommand, CarriesDefaultsTemplateAndDevices) {
  auto spec = good_spec();
  spec.chat_template = "{{ messages }}";
  spec.threads = 2;
  spec.gpu_layers = 99;
  spec.parameters.temperature = 0.7;
  spec.parameters.max_tokens = 100;
  spec.parameters.seed = 0;
  spec.extra = {{"flash_attention", "on"}, {"cache_ram_mib", "0"}, {"warmup", "off"}, {"swa_full", "off"}};
  auto const text = command(spec);
  EXPECT_TRUE(text.ends_with(
      "--offline --log-verbosity 2 --chat-template-file /run/e.jinja --threads 2 --gpu-layers 99 --temp 0.7 "
      "--predict 100 --seed 0 --cache-ram 0 --flash-attn on --no-warmup"))
      << text;
}

TEST(EngineCommand, OfAnEmbeddingModelTakesAWholeInputInOneBatch) {
  auto spec = good_spec();
  spec.embedding = true;
  spec.context_per_slot = 2048;
  spec.pooling = embedding_pooling::last;
  spec.parameters.temperature = 1;
  auto const text = command(spec);
  EXPECT_TRUE(text.ends_with("--embeddings --pooling last --batch-size 2048 --ubatch-size 2048")) << text;
  spec.context_per_slot = 100'000;
  EXPECT_TRUE(command(spec).contains("--ubatch-size 8192"));
}

TEST(EngineCommand, NamesEachPooling) {
  using enum embedding_pooling;
  for (auto const& [pooling, word] : std::vector<std::pair<embedding_pooling, std::string>>{
           {none, "none"}, {mean, "mean"}, {cls, "cls"}, {last, "last"}, {rank, "rank"}}) {
    auto spec = good_spec();
    spec.embedding = true;
    spec.pooling = pooling;
    EXPECT_TRUE(command(spec).contains("--embeddings --pooling " + word + " --batch-size 512")) << word;
  }
  auto spec = good_spec();
  spec.embedding = true;
  EXPECT_FALSE(command(spec).contains("--pooling")) << "what the file says";
}

TEST(EngineCommand, SaysMoreWhereItIsToldTo) {
  EXPECT_TRUE(command(good_spec(), {.verbose = true}).contains("--log-verbosity 3"));
}

TEST(EngineCommand, LimitsAreTheLastGoodValue) {
  struct row {
    std::string field;
    std::function<void(engine_spec&, bool)> set; // to the last good value, or to the first bad one
  };

  row const rows[] = {
      {"slots", [](engine_spec& s, bool good) { s.slots = max_engine_slots + !good; }},
      {"context_per_slot", [](engine_spec& s, bool good) { s.context_per_slot = max_engine_context + !good; }},
      {"threads", [](engine_spec& s, bool good) { s.threads = 1024 + !good; }},
      {"gpu_layers", [](engine_spec& s, bool good) { s.gpu_layers = good ? 0 : -1; }},
      {"chat_template",
       [](engine_spec& s, bool good) { s.chat_template = std::string(max_template_bytes + !good, 'x'); }},
      {"parameters.repeat_penalty", [](engine_spec& s, bool good) { s.parameters.repeat_penalty = good ? 0.01 : 0; }},
      {"parameters.min_p", [](engine_spec& s, bool good) { s.parameters.min_p = good ? 1 : 1.5; }},
      {"parameters.seed", [](engine_spec& s, bool good) { s.parameters.seed = 0xFFFFFFFFLL + !good; }},
      {"model_path", [](engine_spec& s, bool good) { s.model_path = good ? "/m" : std::string("/m\0x", 4); }},
  };
  for (auto const& [field, set] : rows) {
    auto spec = good_spec();
    set(spec, true);
    EXPECT_TRUE(engine_arguments({}, spec, files)) << field;
    set(spec, false);
    auto const wrong = engine_arguments({}, spec, files);
    ASSERT_FALSE(wrong) << field;
    ASSERT_EQ(wrong.error().fields.size(), 1U) << field;
    EXPECT_EQ(wrong.error().fields[0].path, field);
    EXPECT_NE(wrong.error().fields[0].hint, "");
  }
}

TEST(EngineCommand, AForeignServerHasToBeNamed) {
  auto const wrong = engine_arguments({.kind = engine_kind::llama_server}, good_spec(), files);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().fields.at(0).path, "program");
}

TEST(EngineCommand, PadsTheContextAsLlamaDoes) {
  EXPECT_EQ(padded_context(1), 256);
  EXPECT_EQ(padded_context(256), 256);
  EXPECT_EQ(padded_context(257), 512);
}

TEST(EngineCommand, NamesEverythingThatIsWrong) {
  engine_spec spec;
  spec.alias = "a,b";
  spec.slots = 0;
  spec.context_per_slot = -1;
  spec.parameters.temperature = -1;
  spec.parameters.top_p = std::numeric_limits<double>::quiet_NaN();
  spec.extra = {{"flash_atention", "on"}};
  auto const wrong = engine_arguments({}, spec, {"relative.sock", ""});
  ASSERT_FALSE(wrong);
  std::vector<std::string> paths;
  for (auto const& field : wrong.error().fields) paths.push_back(field.path);
  EXPECT_EQ(paths,
            (std::vector<std::string>{"model_path", "alias", "slots", "context_per_slot", "parameters.temperature",
                                      "parameters.top_p", "socket_path", "extra.flash_atention"}));
  EXPECT_EQ(wrong.error().fields.back().hint, "did you mean 'flash_attention'?");
}

TEST(EngineCommand, RefusesSocketPathsThatLlamaWouldMisread) {
  for (auto bad : {"", "/run/e", "/a,b.sock", "/a b.sock", "/a\".sock"})
    EXPECT_FALSE(engine_arguments({}, good_spec(), {bad, ""})) << bad;
  auto const path_of = [](std::size_t length) { return "/" + std::string(length - 6, 'x') + ".sock"; };
  EXPECT_TRUE(engine_arguments({}, good_spec(), {path_of(107), ""}));
  EXPECT_FALSE(engine_arguments({}, good_spec(), {path_of(108), ""}));
}

struct bad_parameter {
  std::string name, value;
};

TEST(EngineParameters, RefusesWhatIsOutOfBoundsOrNotAllowed) {
  for (auto const& [name, value] : std::vector<bad_parameter>{{"batch_size", "31"},
                                                              {"batch_size", "65537"},
                                                              {"batch_size", "64.5"},
                                                              {"batch_size", ""},
                                                              {"batch_size", " 64"},
                                                              {"batch_size", "+64"},
                                                              {"batch_size", "0x40"},
                                                              {"batch_size", "-2147483648"},
                                                              {"batch_size", "99999999999999999999"},
                                                              {"typical_p", "nan"},
                                                              {"typical_p", "inf"},
                                                              {"typical_p", "1e308"},
                                                              {"typical_p", "-0.1"},
                                                              {"typical_p", "0,5"},
                                                              {"cache_type_k", "Q8_0"},
                                                              {"cache_type_k", "q8_0 "},
                                                              {"flash_attention", "maybe"},
                                                              {"warmup", "1"},
                                                              {"tensor_split", ""},
                                                              {"tensor_split", "1,,2"},
                                                              {"tensor_split", "1,"},
                                                              {"tensor_split", "1,x"},
                                                              {"tensor_split", "-1"},
                                                              {"rope_freq_base", "--model"},
                                                              {"model", "/etc/passwd"},
                                                              {"host", "0.0.0.0"},
                                                              {"--tools", "all"},
                                                              {"tools", "all"},
                                                              {"log_file", "/tmp/x"},
                                                              {"slot_save_path", "/tmp"},
                                                              {"api_key", "x"},
                                                              {"rpc", "1.2.3.4:5"},
                                                              {"media_path", "/"},
                                                              {"override_kv", "a=int:1"},
                                                              {"", "1"}}) {
    auto const wrong = engine_parameter_arguments({{name, value}});
    ASSERT_FALSE(wrong) << name << '=' << value;
    ASSERT_EQ(wrong.error().fields.size(), 1U);
    EXPECT_EQ(wrong.error().fields[0].path, name);
    EXPECT_NE(wrong.error().fields[0].hint, "");
  }
}

TEST(EngineParameters, TakeWhatIsWithinBounds) {
  for (auto const& [name, value] : std::vector<bad_parameter>{{"batch_size", "32"},
                                                              {"batch_size", "65536"},
                                                              {"typical_p", "1"},
                                                              {"typical_p", "1e-3"},
                                                              {"cache_type_k", "q8_0"},
                                                              {"load_mode", "mmap+mlock"},
                                                              {"reasoning_budget", "-1"},
                                                              {"tensor_split", "1"},
                                                              {"tensor_split", "0.5,0.25,0.25"}})
    EXPECT_EQ(engine_parameter_arguments({{name, value}})->size(), 2U) << name << '=' << value;
  std::string devices = "1";
  for (int i = 1; i < 64; ++i) devices += ",1";
  EXPECT_TRUE(engine_parameter_arguments({{"tensor_split", devices}}));
  EXPECT_FALSE(engine_parameter_arguments({{"tensor_split", devices + ",1"}})) << "more devices than there can be";
}

TEST(EngineParameters, SwitchesTakeTheirWordsAndSayWhatTheyMean) {
  using words = std::vector<std::string>;
  for (auto const* yes : {"on", "true"}) EXPECT_EQ(engine_parameter_arguments({{"warmup", yes}}), words{"--warmup"});
  for (auto const* no : {"off", "false"}) {
    EXPECT_EQ(engine_parameter_arguments({{"warmup", no}}), words{"--no-warmup"});
    EXPECT_EQ(engine_parameter_arguments({{"swa_full", no}}), words{}) << "off is what it is anyway";
  }
}

TEST(EngineParameters, BoundsAreNamedAsPeopleWriteThem) {
  EXPECT_EQ(engine_parameter_arguments({{"typical_p", "2"}}).error().fields[0].hint, "give a number from 0 to 1");
  EXPECT_EQ(engine_parameter_arguments({{"poll", "x"}}).error().fields[0].hint, "give a whole number from 0 to 100");
  EXPECT_EQ(engine_parameter_arguments({{"numa", "x"}}).error().fields[0].hint, "give distribute, isolate or numactl");
}

TEST(EngineParameters, AreSortedSoThatPeopleFindThem) { EXPECT_TRUE(std::ranges::is_sorted(engine_parameter_names())); }

TEST(EngineParameters, BecomeArguments) {
  EXPECT_EQ(
      joined(engine_parameter_arguments({{"tensor_split", "3,1"}, {"context_shift", "on"}, {"typical_p", "0.5"}})),
      "--context-shift --tensor-split 3,1 --typical-p 0.5");
}

TEST(EngineEnvironment, LetsNoSecretThrough) {
  auto const out = engine_environment({"PATH=/bin", "HF_TOKEN=x", "LLAMA_ARG_TOOLS=all", "AIP_MODE=PREDICTION",
                                       "CUDA_VISIBLE_DEVICES=0", "PADDLER_KEY=x", "HOME=/root", "LD_PRELOAD=x.so"},
                                      "/run/empty");
  EXPECT_EQ(out, (std::vector<std::string>{"PATH=/bin", "CUDA_VISIBLE_DEVICES=0", "HOME=/root",
                                           "XDG_CONFIG_HOME=/run/empty", "GGML_NO_BACKTRACE=1"}));
}

} // namespace
} // namespace paddler
