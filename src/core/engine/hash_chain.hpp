// The simulated engine's language: token[i] = H(model, prompt, token[0..i-1]).
//
// A token that is lost, doubled, moved or taken from another stream changes every token after it, so a test proves a
// whole stream with one comparison against expected_answer(). The hash is FNV-1a (Fowler, Noll, Vo) with the finalizer
// of MurmurHash3 (Appleby); it spreads well and hides nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace paddler {

// One message of a conversation, reduced to what the prompt depends on.
struct chat_message {
  std::string role;
  std::string content;
  friend bool operator==(chat_message const&, chat_message const&) = default;
};

// The prompt of a conversation as one text: `ROLE LENGTH:CONTENT\n` for each message. Different conversations never
// give the same text, because the length of each content goes before it.
std::string canonical_prompt(std::span<chat_message const> messages);

// How many tokens the simulated engine counts in a text: its words, split at spaces, tabs and line ends.
std::size_t chain_token_count(std::string_view text);

// Where the words of one answer come from. Each call costs a few nanoseconds and no memory but the word.
class hash_chain {
public:
  hash_chain(std::string_view model, std::string_view prompt);

  // Goes on where `emitted`, words of this chain, ends.
  hash_chain(std::string_view model, std::string_view prompt, std::string_view emitted);

  // Six letters; with a space before them from the second word on, so that joined tokens read as text.
  std::string next();

private:
  void follow(std::string_view word);

  std::uint64_t state_;
  bool first_ = true;
};

// Where an answer ends by itself (finish reason "stop") if nothing limits it: 16 to 63 tokens, by model and prompt.
std::size_t natural_length(std::string_view model, std::string_view prompt);

struct chain_answer {
  std::string text;
  std::size_t tokens = 0;
  bool stopped =
      false; // ended by itself ("stop"), which takes room for a token more; otherwise by its limit ("length")
};

// What the simulated engine answers to `prompt`, whole. `max_tokens` of none means no limit; `answer_tokens`, where
// given, is where it ends by itself instead of natural_length().
chain_answer expected_answer(std::string_view model, std::string_view prompt, std::optional<std::size_t> max_tokens,
                             std::optional<std::size_t> answer_tokens = std::nullopt);

} // namespace paddler
