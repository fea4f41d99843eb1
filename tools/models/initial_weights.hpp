// The weights that training starts from: random, but for a few heads that already can copy.
#pragma once
#include "models/architecture.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace paddler {

// By the names of tensors_of(shape). Small models learn to copy in order (a city from a question into a call) late or
// never in short training, as it takes two layers that are of no use without each other. So they get it from the start:
//
// - Column 0 of the embedding is the same for all tokens. The rest of its first half tells tokens apart; the second
//   half is left to what layers find out.
// - The first head of layer 0 looks at the token before and notes which one it is in the second half.
// - The first head of layer 1 looks for a place that notes the present token as the one before, and makes the token
//   there likelier: an induction head (Olsson et al. 2022, "In-context learning and induction heads").
// - In all other heads keys equal queries, so that a token attends to its like, and what is attended to is copied
//   (after Trockman, Kolter 2023, "Mimetic initialization of self-attention layers").
std::map<std::string, std::vector<float>> initial_weights(model_shape const& shape, std::uint64_t seed);

} // namespace paddler
