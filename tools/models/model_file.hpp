// A GGUF file being put together in memory: metadata, vocabulary and tensors, then written in one go.
#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct ggml_context;
struct gguf_context;

namespace paddler {

struct vocabulary;

enum class weight_type { f32, q8_0 };

// A tensor of a model: a matrix of `rows` rows with `columns` numbers each, or a vector where `rows` is 0.
struct tensor_spec {
  std::string name;
  std::int64_t columns = 0;
  std::int64_t rows = 0;

  std::int64_t size() const { return rows == 0 ? columns : columns * rows; }
};

// Keeps the order in which things were added, so equal calls give equal bytes. One thread.
class model_file {
public:
  // What ggml's context, which is sized once, has room for.
  static constexpr std::size_t max_tensors = 2048;

  model_file();
  ~model_file();
  model_file(model_file const&) = delete;
  model_file& operator=(model_file const&) = delete;

  void set(char const* key, char const* value);

  void set(char const* key, std::string const& value) { set(key, value.c_str()); }

  void set(char const* key, std::uint32_t value);
  void set(char const* key, float value);
  void set(char const* key, bool value);
  void set_vocabulary(vocabulary const& words);
  void remove(char const* key);

  // Copies `values` (`spec.size()` of them, row by row). Vectors stay f32 whatever `type` says, as llama.cpp expects
  // of norms; q8_0 needs a multiple of 32 columns.
  void add_tensor(tensor_spec const& spec, weight_type type, std::span<float const> values);

  // Written beside the target and renamed over it: a reader sees the old file or the whole new one.
  result<void> write(std::filesystem::path const& path) const;

private:
  std::unique_ptr<gguf_context, void (*)(gguf_context*)> gguf_;
  std::unique_ptr<ggml_context, void (*)(ggml_context*)> tensors_; // shapes only
  std::vector<std::vector<std::byte>> data_;                       // gguf_ points into these until it is written
};

} // namespace paddler
