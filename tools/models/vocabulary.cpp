#include "models/vocabulary.hpp"

namespace paddler {

std::string byte_token_text(unsigned char byte) {
  constexpr auto digits = "0123456789ABCDEF";
  return std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + '>';
}

vocabulary byte_vocabulary() {
  vocabulary words;
  words.add("<unk>", token_kind::unknown);
  words.add("<s>", token_kind::control);
  words.add("<|im_start|>", token_kind::control);
  words.add("<|im_end|>", token_kind::control);
  for (int byte = 0; byte < 256; ++byte) {
    words.add(byte_token_text(static_cast<unsigned char>(byte)), token_kind::byte);
  }
  return words;
}

void add_ascii(vocabulary& words) {
  constexpr float below_all_merges = -1e6F;
  for (char c = '!'; c <= '~'; ++c) words.add(std::string(1, c), token_kind::normal, below_all_merges);
  words.add(space_mark, token_kind::normal, below_all_merges);
}

} // namespace paddler
