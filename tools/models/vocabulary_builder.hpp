// Learns a vocabulary from text by byte-pair encoding (Gage 1994; Sennrich, Haddow, Birch 2016), in the form in which
// llama.cpp's SentencePiece tokenizer merges: the highest score first, so merges score less the later they were
// learned.
#pragma once
#include "models/vocabulary.hpp"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

class vocabulary_builder {
public:
  void add(std::string_view text);

  // The fixed tokens, `markers` (found in text as wholes, and printed), printable ASCII, and merges up to `size`
  // tokens.
  vocabulary build(std::uint32_t size, std::span<char const* const> markers) const;

private:
  std::map<std::string, std::size_t, std::less<>> words_; // with how often each occurs
};

// Cuts text into the units within which tokens may be merged. A space goes with the lower-case word or the marks that
// follow it. Names are cut off from what surrounds them, and digits stand alone, so that a name or a number has the
// same tokens wherever it stands, and can be learned to be copied.
std::vector<std::string> merge_units(std::string_view text);

} // namespace paddler
