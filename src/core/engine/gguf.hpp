// What a GGUF file says of itself, read from its first bytes: enough to refuse what no engine could load, before one is
// started, and to know what kind of model it is.
//
// Format: ggml's docs/gguf.md, versions 2 and 3, little-endian. The file is taken for hostile: every size is checked
// against the length of the file, and sums and products for overflow; nothing is allocated by a declared size.
#pragma once
#include "base/result.hpp"
#include "core/engine/engine_spec.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace paddler {

// The metadata of models with the largest vocabularies has some 20 MB.
inline constexpr std::uint64_t max_gguf_header_bytes = 256ULL * 1024 * 1024;
inline constexpr std::uint32_t max_gguf_alignment = 1024 * 1024;

struct gguf_info {
  std::uint32_t version = 0;
  std::string architecture; // "llama", "qwen3", "bert", ...
  std::string type;         // "model" where the file does not say
  std::string name;
  std::uint64_t context_length = 0; // tokens it was trained for; 0 where a number is not given
  std::uint64_t embedding_length = 0;
  std::uint64_t block_count = 0;
  std::uint64_t head_count = 0;    // the largest, where layers differ
  std::uint64_t head_count_kv = 0; // likewise; as head_count where not given
  std::uint64_t key_length = 0;    // of one head; embedding_length / head_count where not given
  std::uint64_t value_length = 0;  // likewise
  std::uint64_t split_count = 0;   // files that the model is split into; 0 and 1 mean one
  std::optional<embedding_pooling> pooling;
  bool causal = true;
  bool has_chat_template = false;
  std::uint64_t tensor_count = 0;
  std::uint64_t parameter_count = 0; // elements of this file's tensors, as far as their types are known
  std::uint64_t tensor_bytes = 0;    // likewise
  friend bool operator==(gguf_info const&, gguf_info const&) = default;
};

// The window ends before the header does; at least its first `bytes` bytes are needed.
struct gguf_needs_more {
  std::uint64_t bytes = 0;
};

using gguf_parse_result = std::variant<gguf_info, gguf_needs_more, error>;

// `window` holds the first bytes of a file that has `file_bytes` bytes. The error's words go behind the file's name:
// "is cut short: ...".
gguf_parse_result parse_gguf(std::span<std::byte const> window, std::uint64_t file_bytes);

// Whether it makes vectors and no text: encoders, and models that were converted with a pooling.
bool is_embedding_model(gguf_info const& info);

// The specification as the model in the file wants it: an embedding model is served as one, with a pooling, and no slot
// gets more context than the model was trained for (engines refuse to use more).
engine_spec fit_to_model(engine_spec spec, gguf_info const& info);

// Memory of the key and value caches with 16-bit elements.
std::uint64_t kv_cache_bytes(gguf_info const& info, std::uint64_t context_tokens);

} // namespace paddler
