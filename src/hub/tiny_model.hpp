// For tests: the smallest GGUF files that models can be.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace paddler {

namespace detail {

template <class T> void put(std::string& out, T value) {
  out.append(reinterpret_cast<char const*>(&value), sizeof value);
}

inline void put_text(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out += text;
}

} // namespace detail

// A model whose vocabulary takes `vocabulary_bytes`, and one tensor of four bytes.
inline std::string tiny_model(std::string_view architecture, std::size_t vocabulary_bytes = 8) {
  using detail::put;
  using detail::put_text;
  std::string out = "GGUF";
  put(out, std::uint32_t{3});
  put(out, std::uint64_t{1});
  put(out, std::uint64_t{2});
  put_text(out, "general.architecture");
  put(out, std::uint32_t{8});
  put_text(out, architecture);
  put_text(out, "tokenizer.ggml.tokens");
  put(out, std::uint32_t{8});
  put_text(out, std::string(vocabulary_bytes, 'v'));
  put_text(out, "t");
  put(out, std::uint32_t{1});
  put(out, std::uint64_t{1});
  put(out, std::uint32_t{0});
  put(out, std::uint64_t{0});
  out.resize((out.size() + 31) / 32 * 32 + 4);
  return out;
}

} // namespace paddler
