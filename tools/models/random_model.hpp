// Models of any shape with random weights: noise, but noise that takes the time and the memory of a model of its shape.
#pragma once
#include "base/random.hpp"
#include "base/result.hpp"
#include "models/architecture.hpp"

#include <filesystem>
#include <string_view>

namespace paddler {

struct random_model_options {
  model_shape shape;
  weight_type type = weight_type::f32;
  std::uint64_t seed = 1;
  bool embedding = false; // mean pooling, so that llama-server serves /v1/embeddings with no flag but --embeddings
};

// The fewest tokens that a random model can have: the fixed ones, all bytes, and printable ASCII.
inline constexpr std::uint32_t min_random_vocabulary = 384;

// A stream of numbers of its own for each tensor, so that a tensor's weights depend on its name and the seed only.
random_source tensor_randomness(std::uint64_t seed, std::string_view name);

// Approximately normal, with mean 0 and deviation 1: a scaled sum of four uniform numbers (Irwin-Hall). Additions and a
// multiplication only, so the same on every machine, which neither std::normal_distribution nor libm promises.
float normal_number(random_source& random);

result<void> write_random_model(random_model_options const& options, std::filesystem::path const& path);

} // namespace paddler
