// The llama architecture: its sizes, the metadata that llama.cpp needs, and the tensors that a model of these sizes
// has.
#pragma once
#include "base/result.hpp"
#include "models/model_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace paddler {

struct model_shape {
  std::uint32_t dim = 64; // length of the vector that stands for a token
  std::uint32_t layers = 2;
  std::uint32_t heads = 4;
  std::uint32_t kv_heads = 2; // heads that share keys and values form a group
  std::uint32_t feed_forward = 192;
  std::uint32_t vocabulary = 512; // tokens
  std::uint32_t context = 2048;   // tokens, as the file says; nothing in the weights depends on it
  std::uint32_t head_dim = 0;     // 0: dim / heads

  std::uint32_t head_size() const { return head_dim != 0 ? head_dim : dim / heads; }
};

// Says which sizes do not fit together, all at once; `type` matters because q8_0 works on blocks of 32 columns.
result<void> check(model_shape const& shape, weight_type type);

// Every tensor of the model, in the order in which it is computed. The output matrix is one of its own (not tied to
// the token embedding).
std::vector<tensor_spec> tensors_of(model_shape const& shape);

// Architecture, sizes, tokenizer settings (tokens apart) and chat template. `name` is general.name.
void describe_model(model_file& file, model_shape const& shape, weight_type type, std::string const& name,
                    std::string const& chat_template);

} // namespace paddler
