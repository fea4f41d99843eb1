#include "models/random_model.hpp"

#include "models/chat_template.hpp"
#include "models/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace paddler {
namespace {

constexpr std::uint32_t mean_pooling = 1; // llama.cpp's LLAMA_POOLING_TYPE_MEAN

// Scores of the output matrix get a deviation of about this: varied text, yet not all tokens alike.
constexpr float output_deviation = 3;

std::string pseudo_word(random_source& random) {
  static constexpr std::array<char const*, 16> onsets{"b", "d", "f", "g", "k", "l", "m",  "n",
                                                      "p", "r", "s", "t", "v", "z", "sh", "ch"};
  static constexpr std::array<char const*, 8> rhymes{"a", "e", "i", "o", "u", "ai", "or", "en"};
  std::string word = space_mark;
  for (auto syllables = 1 + random.below(3); syllables > 0; --syllables) {
    word += onsets[random.below(onsets.size())];
    word += rhymes[random.below(rhymes.size())];
  }
  return word;
}

vocabulary random_vocabulary(std::uint32_t size) {
  auto words = byte_vocabulary();
  add_ascii(words);
  random_source random(size);
  std::set<std::string> used;
  while (words.size() < size) {
    auto word = pseudo_word(random);
    // Long vocabularies use up the words of three syllables.
    if (!used.insert(word).second) {
      word += std::to_string(words.size());
      used.insert(word);
    }
    words.add(std::move(word), token_kind::normal, -static_cast<float>(words.size()));
  }
  return words;
}

float deviation_of(tensor_spec const& spec) {
  if (spec.name == "token_embd.weight") return 1;
  float const to_keep_lengths = 1 / std::sqrt(static_cast<float>(spec.columns));
  return spec.name == "output.weight" ? output_deviation * to_keep_lengths : to_keep_lengths;
}

// Tokens that are no text get the middling score 0, which the best of the many others always beat: the answer is words,
// and as long as the caller allows.
void silence_special_tokens(std::vector<float>& output, std::int64_t columns) {
  auto const special = byte_vocabulary().size();
  std::fill_n(output.begin(), special * columns, 0.0F);
}

std::vector<float> random_weights(tensor_spec const& spec, std::uint64_t seed) {
  std::vector<float> weights(static_cast<std::size_t>(spec.size()), 1.0F);
  if (spec.rows == 0) return weights;
  auto random = tensor_randomness(seed, spec.name);
  auto const deviation = deviation_of(spec);
  for (auto& weight : weights) weight = deviation * normal_number(random);
  if (spec.name == "output.weight") silence_special_tokens(weights, spec.columns);
  return weights;
}

} // namespace

random_source tensor_randomness(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 14695981039346656037ULL; // FNV-1a
  for (char const c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return random_source(random_source(seed).next() ^ hash);
}

float normal_number(random_source& random) {
  constexpr double deviation_of_one = 0.28867513459481287; // sqrt(1/12)
  double const sum = random.unit() + random.unit() + random.unit() + random.unit() - 2;
  return static_cast<float>(sum / (2 * deviation_of_one));
}

result<void> write_random_model(random_model_options const& options, std::filesystem::path const& path) {
  auto const& shape = options.shape;
  if (auto const checked = check(shape, options.type); !checked) return checked;
  if (shape.vocabulary < min_random_vocabulary) {
    return fail(error_code::invalid_input, "a vocabulary of " + std::to_string(shape.vocabulary) +
                                               " tokens is too small; it needs at least " +
                                               std::to_string(min_random_vocabulary));
  }
  model_file file;
  describe_model(file, shape, options.type, options.embedding ? "random embedding" : "random", chat_template());
  if (options.embedding) file.set("llama.pooling_type", mean_pooling);
  file.set_vocabulary(random_vocabulary(shape.vocabulary));
  for (auto const& spec : tensors_of(shape)) {
    file.add_tensor(spec, options.type, random_weights(spec, options.seed));
  }
  return file.write(path);
}

} // namespace paddler
