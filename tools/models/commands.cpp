#include "models/commands.hpp"

#include "models/broken_model.hpp"
#include "models/demo_model.hpp"
#include "models/random_model.hpp"
#include "models/scripted.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace paddler {
namespace {

struct arguments {
  std::string output;
  script words;
  std::vector<std::string> tool_call; // name, arguments
  std::uint32_t context = 4096;
  random_model_options random;
  std::string broken;
  demo_model_options demo;
  int conversations = 0;
};

void add_output(CLI::App& command, arguments& given) {
  command.add_option("-o,--output", given.output, "The file to write")->required()->type_name("FILE");
}

void add_scripted(CLI::App& app, arguments& given) {
  auto* const command = app.add_subcommand("scripted", "A model that says exactly what it is told");
  auto* const text =
      command->add_option("--text", given.words.text, "What it says; after --tool-call's result, if given");
  command->add_option("--tool-call", given.tool_call, "The call it makes: a name and a JSON object")
      ->expected(2)
      ->type_name("NAME JSON");
  command->add_option("--ctx", given.context, "Context length that the file states")->capture_default_str();
  add_output(*command, given);
  command->callback([&given, text] {
    if (text->empty() && given.tool_call.empty()) throw CLI::RequiredError("--text or --tool-call");
  });
}

void add_random(CLI::App& app, arguments& given) {
  static std::map<std::string, weight_type> const types{{"f32", weight_type::f32}, {"q8_0", weight_type::q8_0}};
  auto* const command = app.add_subcommand("random", "A model of any shape with random weights");
  auto& shape = given.random.shape;
  auto const size = [command](char const* flag, std::uint32_t& value, char const* help) {
    command->add_option(flag, value, help)->capture_default_str()->check(CLI::Range(1U, 1U << 20));
  };
  size("--dim", shape.dim, "Width");
  size("--layers", shape.layers, "Layers");
  size("--heads", shape.heads, "Attention heads");
  size("--kv-heads", shape.kv_heads, "Attention heads for keys and values");
  size("--ff", shape.feed_forward, "Width of the feed-forward part");
  size("--vocab", shape.vocabulary, "Tokens");
  size("--ctx", shape.context, "Context length that the file states");
  command->add_option("--quant", given.random.type, "Type of the weights: f32 or q8_0")
      ->transform(CLI::CheckedTransformer(types));
  command->add_option("--seed", given.random.seed, "Other seeds give other weights")->capture_default_str();
  command->add_flag("--embedding", given.random.embedding, "A model for embeddings (mean pooling)");
  add_output(*command, given);
}

void add_broken(CLI::App& app, arguments& given) {
  std::string kinds;
  for (auto const& kind : broken_kinds()) {
    kinds += "  " + std::string(kind.name) + std::string(24 - kind.name.size(), ' ') + std::string(kind.what) + "\n";
  }
  auto* const command = app.add_subcommand("bad", "A file that is broken in one way");
  command->footer("Kinds:\n" + kinds);
  command->add_option("KIND", given.broken, "What is broken")->required();
  add_output(*command, given);
}

void add_demo(CLI::App& app, arguments& given) {
  auto* const command = app.add_subcommand("demo", "The demo model, trained from scratch: takes twenty minutes");
  command->add_option("--corpus", given.demo.corpus, "Folder with the text tables")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--steps", given.demo.steps, "Training steps")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--rate", given.demo.rate, "Peak rate of learning")->capture_default_str();
  command->add_option("--threads", given.demo.threads, "Threads; other numbers may give other bytes")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command->add_option("--seed", given.demo.seed, "Other seeds give other weights")->capture_default_str();
  auto* const output = command->add_option("-o,--output", given.output, "The file to write")->type_name("FILE");
  auto* const show = command->add_option("--show", given.conversations, "Only print so many of its conversations");
  show->excludes(output);
  command->callback([output, show] {
    if (output->empty() && show->empty()) throw CLI::RequiredError("--output or --show");
  });
}

result<void> write_model(CLI::App const& app, arguments& given) {
  if (app.got_subcommand("random")) return write_random_model(given.random, given.output);
  if (app.got_subcommand("demo")) {
    if (given.conversations > 0) return show_conversations(given.demo, given.conversations, std::cout);
    return write_demo_model(given.demo, given.output, std::cout);
  }
  if (app.got_subcommand("bad")) return write_broken_model(given.broken, given.output);
  if (!given.tool_call.empty()) given.words.call = tool_call_script{given.tool_call[0], given.tool_call[1]};
  return write_scripted_model(given.words, given.context, given.output);
}

} // namespace

int make_model(int argc, char const* const* argv) {
  CLI::App app("Writes GGUF models for Paddler's tests, benches and demo. The same arguments give the same bytes.",
               "paddler-make-model");
  app.require_subcommand(1);
  arguments given;
  add_scripted(app, given);
  add_random(app, given);
  add_broken(app, given);
  add_demo(app, given);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  auto const written = write_model(app, given);
  if (written) return 0;
  std::fprintf(stderr, "%s\n", describe(written.error()).c_str());
  return written.error().code == error_code::invalid_input ? 2 : 1;
}

} // namespace paddler
