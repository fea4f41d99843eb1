#include "models/initial_weights.hpp"

#include "models/random_model.hpp"

#include <algorithm>
#include <cmath>

namespace paddler {
namespace {

constexpr float embedding_deviation = 0.2F;
constexpr float sharpness_of_previous = 1.3F; // how firmly a head keeps to the token before
constexpr float sharpness_of_match = 1.75F;
constexpr float strength_of_note = 0.2F;
constexpr float strength_of_copy = 0.5F;

class weight_builder {
public:
  weight_builder(model_shape const& shape, std::uint64_t seed) : shape_(shape), seed_(seed) {}

  std::map<std::string, std::vector<float>> build() {
    for (auto const& spec : tensors_of(shape_)) made_[spec.name] = plain(spec);
    note_previous_token();
    if (shape_.layers > 1) copy_after_match();
    return std::move(made_);
  }

private:
  std::size_t dim() const { return shape_.dim; }

  std::size_t half() const { return dim() / 2; }

  std::size_t head() const { return shape_.head_size(); }

  // Number `column` of row `row` in a matrix that takes `columns` numbers.
  float& at(char const* tensor, std::size_t columns, std::size_t row, std::size_t column) {
    return made_.at(tensor)[row * columns + column];
  }

  std::vector<float> random(std::string const& name, std::size_t count, float deviation) const {
    std::vector<float> weights(count);
    auto numbers = tensor_randomness(seed_, name);
    for (auto& weight : weights) weight = deviation * normal_number(numbers);
    return weights;
  }

  std::vector<float> plain(tensor_spec const& spec) const {
    auto const count = static_cast<std::size_t>(spec.size());
    if (spec.rows == 0) return std::vector<float>(count, 1.0F);
    if (!spec.name.starts_with("blk.")) return embedding(spec.name == "output.weight", count);
    // What a layer adds to what passes through is small at first (Radford et al. 2019).
    auto const added = embedding_deviation / std::sqrt(2 * static_cast<float>(shape_.layers));
    auto const inner = 1 / std::sqrt(static_cast<float>(dim()));
    auto const like = [&](char const* other) { return spec.name.substr(0, spec.name.find("attn_")) + other; };
    if (spec.name.ends_with("attn_k.weight")) return random(like("attn_q.weight"), count, inner);
    if (spec.name.ends_with("attn_output.weight")) {
      return transposed(random(like("attn_v.weight"), count, inner), added);
    }
    return random(spec.name, count, spec.name.ends_with("ffn_down.weight") ? added * inner : inner);
  }

  std::vector<float> embedding(bool output, std::size_t count) const {
    auto weights = random("token_embd.weight", count, embedding_deviation);
    for (std::size_t row = 0; row < count; row += dim()) {
      weights[row] = output ? 0.0F : 1.0F;
      for (auto column = half(); column < dim(); ++column) weights[row + column] *= output ? 1.0F : 0.1F;
    }
    return weights;
  }

  std::vector<float> transposed(std::vector<float> const& matrix, float scale) const {
    auto const rows = matrix.size() / dim();
    std::vector<float> turned(matrix.size());
    for (std::size_t i = 0; i < matrix.size(); ++i) turned[i % dim() * rows + i / dim()] = scale * matrix[i];
    return turned;
  }

  void clear_rows_of_first_head(char const* tensor) { std::fill_n(made_.at(tensor).begin(), head() * dim(), 0.0F); }

  // With rotary positions (Su et al. 2021) a query (1, 0) and a key (cos(t), sin(t)) in a pair that turns by t for each
  // position agree best when the query stands one place after the key. Pairs that turn slowly do not tell neighbours
  // apart and are left out.
  void note_previous_token() {
    auto const pairs = head() / 2;
    clear_rows_of_first_head("blk.0.attn_q.weight");
    clear_rows_of_first_head("blk.0.attn_k.weight");
    for (std::size_t pair = 0; pair < pairs / 2; ++pair) {
      auto const turn = std::pow(10000.0F, -static_cast<float>(pair) / static_cast<float>(pairs));
      at("blk.0.attn_q.weight", dim(), 2 * pair, 0) = sharpness_of_previous;
      at("blk.0.attn_k.weight", dim(), 2 * pair, 0) = sharpness_of_previous * std::cos(turn);
      at("blk.0.attn_k.weight", dim(), 2 * pair + 1, 0) = sharpness_of_previous * std::sin(turn);
    }
    read_tokens("blk.0.attn_v.weight");
    auto const columns = std::size_t{shape_.heads} * head();
    for (std::size_t row = 0; row < dim(); ++row) {
      for (std::size_t i = 0; i < head(); ++i) {
        at("blk.0.attn_output.weight", columns, row, i) = row == half() + i ? strength_of_note : 0.0F;
      }
    }
  }

  // Makes the first head take a random view of which token it is, and of nothing else.
  void read_tokens(char const* tensor) {
    auto const scale = std::sqrt(static_cast<float>(dim()) / static_cast<float>(half()));
    for (std::size_t i = 0; i < head(); ++i) {
      at(tensor, dim(), i, 0) = 0;
      for (std::size_t column = 1; column < dim(); ++column) {
        at(tensor, dim(), i, column) *= column < half() ? scale : 0.0F;
      }
    }
  }

  // The match is on pairs that turn slowly, so that it does not depend on the distance.
  void copy_after_match() {
    clear_rows_of_first_head("blk.1.attn_q.weight");
    clear_rows_of_first_head("blk.1.attn_k.weight");
    for (auto i = head() / 2; i < head(); ++i) {
      for (std::size_t column = 0; column < half(); ++column) {
        at("blk.1.attn_q.weight", dim(), i, column) = sharpness_of_match * at("blk.0.attn_v.weight", dim(), i, column);
      }
      at("blk.1.attn_k.weight", dim(), i, half() + i) = sharpness_of_match;
    }
    read_tokens("blk.1.attn_v.weight");
    auto const columns = std::size_t{shape_.heads} * head();
    for (std::size_t row = 0; row < dim(); ++row) {
      for (std::size_t i = 0; i < head(); ++i) {
        at("blk.1.attn_output.weight", columns, row, i) = strength_of_copy * at("blk.1.attn_v.weight", dim(), i, row);
      }
    }
  }

  model_shape shape_;
  std::uint64_t seed_;
  std::map<std::string, std::vector<float>> made_;
};

} // namespace

std::map<std::string, std::vector<float>> initial_weights(model_shape const& shape, std::uint64_t seed) {
  return weight_builder(shape, seed).build();
}

} // namespace paddler
