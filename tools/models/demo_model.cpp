#include "models/demo_model.hpp"

#include "models/architecture.hpp"
#include "models/chat_template.hpp"
#include "models/dialogues.hpp"
#include "models/trainer.hpp"
#include "models/vocabulary_builder.hpp"

#include <llama.h>

#include <array>
#include <iomanip>
#include <ostream>

namespace paddler {
namespace {

constexpr std::uint32_t vocabulary_size = 1024;
constexpr int conversations_for_vocabulary = 4000;
constexpr std::uint64_t vocabulary_seed_step =
    0x5EED;                    // the vocabulary is made of other conversations than it trains on
constexpr int turns_shown = 5; // of the user, at inference; conversations to train on are not longer
constexpr std::array<char const*, 4> markers{"<tool_call>", "</tool_call>", "<tools>", "</tools>"};

model_shape demo_shape() {
  return {.dim = 128,
          .layers = 4,
          .heads = 4,
          .kv_heads = 4,
          .feed_forward = 384,
          .vocabulary = vocabulary_size,
          .context = 2048};
}

vocabulary learn_vocabulary(dialogue_tables const& tables, std::uint64_t seed) {
  dialogue_writer writer(tables, seed + vocabulary_seed_step);
  vocabulary_builder builder;
  for (int i = 0; i < conversations_for_vocabulary; ++i) {
    for (auto const& part : render(writer.next())) builder.add(part.text);
  }
  return builder.build(vocabulary_size, markers);
}

void describe_demo(model_file& file, model_shape const& shape, vocabulary const& words) {
  describe_model(file, shape, weight_type::q8_0, "Paddler demo", chat_template_of_last(turns_shown));
  file.set(
      "general.description",
      "Answers questions about Paddler, counts, tells short stories and calls tools. For demonstrations and tests.");
  file.set("general.author", "The Paddler project");
  file.set("general.basename", "paddler-demo");
  file.set("general.size_label", "1M");
  // Few sentences, well known: they come out best if nearly always the likeliest token is taken.
  file.set("general.sampling.temp", 0.2F);
  file.set_vocabulary(words);
}

// llama.cpp's tokenizer with our vocabulary: what is trained on is cut as it will be at inference.
class tokenizer {
public:
  static result<tokenizer> make(model_shape const& shape, vocabulary const& words, std::filesystem::path const& path) {
    model_file file;
    describe_demo(file, shape, words);
    if (auto const written = file.write(path); !written) return std::unexpected(written.error());
    auto settings = llama_model_default_params();
    settings.vocab_only = true;
    tokenizer made(llama_model_load_from_file(path.c_str(), settings));
    std::filesystem::remove(path);
    if (!made.model_) return fail(error_code::internal, "llama.cpp does not load our vocabulary");
    return made;
  }

  token_sequence sequence(conversation const& talk) const {
    token_sequence made{{static_cast<std::int32_t>(vocabulary::begin_of_text)}, {false}};
    for (auto const& part : render(talk)) {
      auto const tokens = cut(part.text);
      made.tokens.insert(made.tokens.end(), tokens.begin(), tokens.end());
      made.spoken.resize(made.tokens.size(), part.spoken);
    }
    return made;
  }

private:
  explicit tokenizer(llama_model* model) : model_(model, llama_model_free) {}

  std::vector<llama_token> cut(std::string const& text) const {
    std::vector<llama_token> tokens(text.size());
    auto const count = llama_tokenize(llama_model_get_vocab(model_.get()), text.data(), static_cast<int>(text.size()),
                                      tokens.data(), static_cast<int>(tokens.size()), /*add_special=*/false,
                                      /*parse_special=*/true);
    tokens.resize(static_cast<std::size_t>(count));
    return tokens;
  }

  std::unique_ptr<llama_model, void (*)(llama_model*)> model_;
};

void report_to(std::ostream& out, training_progress const& progress, int steps) {
  out << "step " << progress.step << "/" << steps << std::fixed << std::setprecision(4) << "  loss " << progress.loss
      << std::setprecision(3) << "  accuracy " << progress.accuracy << std::endl;
}

void log_errors(ggml_log_level level, char const* text, void*) {
  if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
}

} // namespace

result<void> write_demo_model(demo_model_options const& options, std::filesystem::path const& path,
                              std::ostream& progress) {
  llama_log_set(log_errors, nullptr);
  auto const tables = read_dialogue_tables(options.corpus);
  if (!tables) return std::unexpected(tables.error());
  auto const words = learn_vocabulary(*tables, options.seed);
  auto shape = demo_shape();
  shape.vocabulary = words.size();
  auto const tokens = tokenizer::make(shape, words, path.string() + ".vocabulary");
  if (!tokens) return std::unexpected(tokens.error());
  progress << "vocabulary: " << words.size() << " tokens" << std::endl;

  dialogue_writer writer(*tables, options.seed);
  training_options training{.shape = shape,
                            .steps = options.steps,
                            .peak_rate = options.rate,
                            .threads = options.threads,
                            .seed = options.seed};
  int step = 0;
  auto const learned = [&] { return static_cast<double>(step) / options.steps; };
  batch_maker batches(training.batch, [&] { return tokens->sequence(writer.next(learned())); });
  auto const next_batch = [&] {
    auto batch = batches.next();
    ++step;
    return batch;
  };
  trainer train(training);
  train.run(next_batch, [&](training_progress const& now) { report_to(progress, now, options.steps); });

  model_file file;
  describe_demo(file, shape, words);
  for (auto const& spec : tensors_of(shape)) file.add_tensor(spec, weight_type::q8_0, train.weights(spec.name));
  return file.write(path);
}

result<void> show_conversations(demo_model_options const& options, int count, std::ostream& out) {
  auto const tables = read_dialogue_tables(options.corpus);
  if (!tables) return std::unexpected(tables.error());
  dialogue_writer writer(*tables, options.seed);
  for (int i = 0; i < count; ++i) {
    for (auto const& part : render(writer.next())) out << part.text;
    out << '\n';
  }
  return {};
}

} // namespace paddler
