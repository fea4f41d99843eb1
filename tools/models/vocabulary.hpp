// Vocabularies as llama.cpp's "llama" (SentencePiece) tokenizer reads them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace paddler {

// Numbers as in GGUF's tokenizer.ggml.token_type.
enum class token_kind : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, byte = 6 };

struct token {
  std::string text; // normal tokens write a space as U+2581
  token_kind kind = token_kind::normal;
  float score = 0; // when several pairs of tokens could merge, the pair whose result scores highest does
};

// Token texts must be unique: llama.cpp aborts on a doubled one.
struct vocabulary {
  // The fixed tokens that every vocabulary of ours begins with.
  static constexpr std::uint32_t unknown = 0;
  static constexpr std::uint32_t begin_of_text = 1;
  static constexpr std::uint32_t begin_of_turn = 2;
  static constexpr std::uint32_t end_of_turn = 3; // also the end-of-generation token

  std::vector<token> tokens;

  std::uint32_t size() const { return static_cast<std::uint32_t>(tokens.size()); }

  std::uint32_t add(std::string text, token_kind kind, float score = 0) {
    tokens.push_back({std::move(text), kind, score});
    return size() - 1;
  }
};

// U+2581, which stands for a space in a normal token.
inline constexpr char const* space_mark = "\xE2\x96\x81";

// The text of the token for one byte, as in `<0x0A>`.
std::string byte_token_text(unsigned char byte);

// The fixed tokens and one token for each of the 256 byte values, so that every text can be tokenized.
vocabulary byte_vocabulary();

// Adds a token for each printable ASCII character and the space, at a score below that of every merged token.
void add_ascii(vocabulary& words);

} // namespace paddler
