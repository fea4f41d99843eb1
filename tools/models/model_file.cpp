#include "models/model_file.hpp"

#include "models/vocabulary.hpp"

#include <ggml.h>
#include <gguf.h>

#include <cassert>
#include <cstring>
#include <system_error>

namespace paddler {

model_file::model_file()
    : gguf_(gguf_init_empty(), gguf_free),
      tensors_(ggml_init({max_tensors * ggml_tensor_overhead(), nullptr, /*no_alloc=*/true}), ggml_free) {}

model_file::~model_file() = default;

void model_file::set(char const* key, char const* value) { gguf_set_val_str(gguf_.get(), key, value); }

void model_file::set(char const* key, std::uint32_t value) { gguf_set_val_u32(gguf_.get(), key, value); }

void model_file::set(char const* key, float value) { gguf_set_val_f32(gguf_.get(), key, value); }

void model_file::set(char const* key, bool value) { gguf_set_val_bool(gguf_.get(), key, value); }

void model_file::remove(char const* key) { gguf_remove_key(gguf_.get(), key); }

void model_file::set_vocabulary(vocabulary const& words) {
  std::vector<char const*> texts;
  std::vector<float> scores;
  std::vector<std::int32_t> kinds;
  for (auto const& token : words.tokens) {
    texts.push_back(token.text.c_str());
    scores.push_back(token.score);
    kinds.push_back(static_cast<std::int32_t>(token.kind));
  }
  gguf_set_arr_str(gguf_.get(), "tokenizer.ggml.tokens", texts.data(), texts.size());
  gguf_set_arr_data(gguf_.get(), "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores.data(), scores.size());
  gguf_set_arr_data(gguf_.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, kinds.data(), kinds.size());
}

void model_file::add_tensor(tensor_spec const& spec, weight_type type, std::span<float const> values) {
  assert(std::cmp_equal(values.size(), spec.size()));
  bool const is_vector = spec.rows == 0;
  auto const stored = type == weight_type::q8_0 && !is_vector ? GGML_TYPE_Q8_0 : GGML_TYPE_F32;
  auto* const tensor = is_vector ? ggml_new_tensor_1d(tensors_.get(), stored, spec.columns)
                                 : ggml_new_tensor_2d(tensors_.get(), stored, spec.columns, spec.rows);
  ggml_set_name(tensor, spec.name.c_str());
  auto& bytes = data_.emplace_back(ggml_nbytes(tensor));
  if (stored == GGML_TYPE_F32) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  } else {
    ggml_quantize_chunk(stored, values.data(), bytes.data(), 0, spec.rows, spec.columns, nullptr);
  }
  tensor->data = bytes.data();
  gguf_add_tensor(gguf_.get(), tensor);
}

result<void> model_file::write(std::filesystem::path const& path) const {
  auto const unfinished = path.string() + ".part";
  if (!gguf_write_to_file(gguf_.get(), unfinished.c_str(), /*only_meta=*/false)) {
    return fail(error_code::storage, "cannot write " + path.string(),
                "Does its folder exist, and may you write there?");
  }
  std::error_code problem;
  std::filesystem::rename(unfinished, path, problem);
  if (problem) return fail(error_code::storage, "cannot rename " + unfinished + ": " + problem.message());
  return {};
}

} // namespace paddler
