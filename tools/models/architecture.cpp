#include "models/architecture.hpp"

#include "models/vocabulary.hpp"

namespace paddler {
namespace {

constexpr std::uint32_t quantized_block = 32; // columns in one q8_0 block

void require(error& problems, bool holds, char const* path, std::string message) {
  if (!holds) problems.fields.push_back({path, std::move(message), {}});
}

} // namespace

result<void> check(model_shape const& shape, weight_type type) {
  error problems{error_code::invalid_input, "these sizes do not make a model", {}, {}};
  bool const counted = shape.dim > 0 && shape.layers > 0 && shape.heads > 0 && shape.kv_heads > 0 &&
                       shape.feed_forward > 0 && shape.context > 0;
  require(problems, counted, "sizes", "every size must be at least 1");
  if (!counted) return std::unexpected(problems);
  require(problems, shape.head_dim != 0 || shape.dim % shape.heads == 0, "dim", "must be a multiple of heads");
  require(problems, shape.head_size() % 2 == 0, "dim", "must give heads of an even size (positions turn pairs)");
  require(problems, shape.heads % shape.kv_heads == 0, "heads", "must be a multiple of kv-heads");
  if (type == weight_type::q8_0) {
    require(problems, shape.dim % quantized_block == 0, "dim", "must be a multiple of 32 for q8_0");
    require(problems, shape.feed_forward % quantized_block == 0, "ff", "must be a multiple of 32 for q8_0");
    require(problems, shape.heads * shape.head_size() % quantized_block == 0, "heads",
            "heads times head size must be a multiple of 32 for q8_0");
  }
  require(problems, shape.layers * 9 + 3 <= model_file::max_tensors, "layers", "must be at most 227");
  if (!problems.fields.empty()) return std::unexpected(problems);
  return {};
}

std::vector<tensor_spec> tensors_of(model_shape const& shape) {
  std::int64_t const dim = shape.dim;
  std::int64_t const ff = shape.feed_forward;
  std::int64_t const queries = std::int64_t{shape.heads} * shape.head_size();
  std::int64_t const keys = std::int64_t{shape.kv_heads} * shape.head_size();
  std::vector<tensor_spec> specs{{"token_embd.weight", dim, shape.vocabulary}};
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    auto const block = "blk." + std::to_string(layer) + ".";
    specs.push_back({block + "attn_norm.weight", dim});
    specs.push_back({block + "attn_q.weight", dim, queries});
    specs.push_back({block + "attn_k.weight", dim, keys});
    specs.push_back({block + "attn_v.weight", dim, keys});
    specs.push_back({block + "attn_output.weight", queries, dim});
    specs.push_back({block + "ffn_norm.weight", dim});
    specs.push_back({block + "ffn_gate.weight", dim, ff});
    specs.push_back({block + "ffn_up.weight", dim, ff});
    specs.push_back({block + "ffn_down.weight", ff, dim});
  }
  specs.push_back({"output_norm.weight", dim});
  specs.push_back({"output.weight", dim, shape.vocabulary});
  return specs;
}

void describe_model(model_file& file, model_shape const& shape, weight_type type, std::string const& name,
                    std::string const& chat_template) {
  file.set("general.architecture", "llama");
  file.set("general.type", "model");
  file.set("general.name", name);
  file.set("general.quantization_version", std::uint32_t{2});
  file.set("general.file_type", std::uint32_t{type == weight_type::q8_0 ? 7U : 0U});
  file.set("llama.vocab_size", shape.vocabulary);
  file.set("llama.context_length", shape.context);
  file.set("llama.embedding_length", shape.dim);
  file.set("llama.block_count", shape.layers);
  file.set("llama.feed_forward_length", shape.feed_forward);
  file.set("llama.attention.head_count", shape.heads);
  file.set("llama.attention.head_count_kv", shape.kv_heads);
  file.set("llama.attention.key_length", shape.head_size());
  file.set("llama.attention.value_length", shape.head_size());
  file.set("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  file.set("llama.rope.dimension_count", shape.head_size());
  file.set("llama.rope.freq_base", 10000.0F);
  file.set("tokenizer.ggml.model", "llama");
  file.set("tokenizer.ggml.pre", "default");
  file.set("tokenizer.ggml.unknown_token_id", vocabulary::unknown);
  file.set("tokenizer.ggml.bos_token_id", vocabulary::begin_of_text);
  file.set("tokenizer.ggml.eos_token_id", vocabulary::end_of_turn);
  file.set("tokenizer.ggml.add_bos_token", true);
  file.set("tokenizer.ggml.add_eos_token", false);
  file.set("tokenizer.ggml.add_space_prefix", false);
  file.set("tokenizer.chat_template", chat_template);
}

} // namespace paddler
