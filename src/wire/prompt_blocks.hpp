// The beginning of a request's prompt as a chain of hashes, made while its body is parsed. Hash i is that of the first
// i + 1 blocks of prompt_block_bytes, so requests share as many hashes as they share whole blocks from their beginning
// on, and what one engine has read for the one it need not read for the other. A hint for routing, no more.
//
// The prompt is what an engine makes its prompt of, without what makes no difference there: the keys, texts and other
// values of the body's fields `messages`, `prompt` and `input`, in their order, each with a label at its end that no
// text can hold. Spaces, escapes and nesting are not in it, nor are the keys `type` and `cache_control` with their
// values and the key `text`, so that a content is the same as text or as a list with this text as its only part, and
// stays so when a client moves its marks. Another order of keys is another prompt. So are other values of `tools`,
// `model` and `chat_template_kwargs`, wherever they stand: what an engine makes of those comes first. `system` and
// `instructions` come first, too: they are part of the prompt if they stand before it, else like those.
//
// Memory: 8 bytes a block. Pure.
#pragma once
#include "base/keyed_hash.hpp"
#include "model/prompt_block.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace paddler {

// Told of the members of a body's top level, and within the value of each of what a parser meets in it.
class prompt_blocks {
public:
  // Without a key there are no hashes. No two processes should have the same: nobody shall know which prompts collide.
  explicit prompt_blocks(std::optional<hash_key> key);

  void begin_field(std::string_view name);

  void open();  // an object or a list
  void close(); // of an object or a list
  void key(std::string_view name);
  void text_part(std::string_view part);
  void end_text();
  void word(std::string_view value); // true, false, null

  template <class Number> void number(Number value) {
    if (!is_wanted()) return;
    char digits[32];
    auto const end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    word({digits, end});
  }

  // Of all that came.
  [[nodiscard]] std::vector<block_hash> hashes() const;

  // Of the prompt, with its labels; also of what is beyond the last block.
  [[nodiscard]] std::uint64_t prompt_bytes() const { return prompt_bytes_; }

private:
  enum class destination { nowhere, prompt, settings };

  [[nodiscard]] bool is_wanted() const { return to_ != destination::nowhere && skipped_at_ == 0; }

  void add(std::string_view bytes);

  destination to_ = destination::nowhere;
  bool prompt_began_ = false;
  std::uint64_t depth_ = 0;      // within the value of the field
  std::uint64_t skipped_at_ = 0; // depth of the object whose newest member is left out; 0: none is
  std::optional<keyed_hash> prompt_;
  std::optional<keyed_hash> settings_; // what comes before the prompt, wherever it stands in the body
  std::uint64_t prompt_bytes_ = 0;
  std::vector<std::uint64_t> chain_;
};

} // namespace paddler
