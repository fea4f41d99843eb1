#include "core/engine/hash_chain.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr std::uint64_t fnv_offset = 0xCBF29CE484222325ULL;
constexpr std::uint64_t fnv_prime = 0x100000001B3ULL;
constexpr std::string_view blanks = " \t\r\n";

std::uint64_t absorb(std::uint64_t state, std::string_view bytes) {
  for (char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * fnv_prime;
  return state;
}

// Without it the low bits of FNV-1a would depend on the low bits of the input only.
std::uint64_t finalize(std::uint64_t h) {
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDULL;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ULL;
  return h ^ (h >> 33);
}

// 0xFF stands in no UTF-8 text, so model and prompt cannot trade bytes.
std::uint64_t start(std::string_view model, std::string_view prompt) {
  return absorb(absorb(absorb(fnv_offset, model), "\xFF"), prompt);
}

// Three syllables, each one of 16 consonants and 4 vowels: 18 bits of the hash.
std::string to_word(std::uint64_t bits) {
  constexpr std::string_view consonants = "bdfghjklmnprstvz";
  constexpr std::string_view vowels = "aeio";
  std::string word;
  for (int syllable = 0; syllable < 3; ++syllable, bits >>= 6) {
    word.push_back(consonants[bits & 0xFU]);
    word.push_back(vowels[(bits >> 4) & 0x3U]);
  }
  return word;
}

// Calls `use` with each word of `text`.
void for_each_word(std::string_view text, auto use) {
  for (auto begin = text.find_first_not_of(blanks); begin != text.npos;) {
    auto const end = std::min(text.find_first_of(blanks, begin), text.size());
    use(text.substr(begin, end - begin));
    begin = text.find_first_not_of(blanks, end);
  }
}

} // namespace

std::string canonical_prompt(std::span<chat_message const> messages) {
  std::string out;
  for (auto const& message : messages) {
    out += message.role;
    out += ' ';
    out += std::to_string(message.content.size());
    out += ':';
    out += message.content;
    out += '\n';
  }
  return out;
}

std::size_t chain_token_count(std::string_view text) {
  std::size_t count = 0;
  for_each_word(text, [&](std::string_view) { ++count; });
  return count;
}

hash_chain::hash_chain(std::string_view model, std::string_view prompt) : state_(start(model, prompt)) {}

hash_chain::hash_chain(std::string_view model, std::string_view prompt, std::string_view emitted)
    : hash_chain(model, prompt) {
  for_each_word(emitted, [&](std::string_view word) { follow(word); });
}

std::string hash_chain::next() {
  std::string word = to_word(finalize(state_));
  bool const leading_space = !first_;
  follow(word);
  return leading_space ? ' ' + word : word;
}

void hash_chain::follow(std::string_view word) {
  state_ = absorb(absorb(state_, "\xFF"), word);
  first_ = false;
}

std::size_t natural_length(std::string_view model, std::string_view prompt) {
  return 16 + (finalize(start(model, prompt)) >> 32) % 48;
}

chain_answer expected_answer(std::string_view model, std::string_view prompt, std::optional<std::size_t> max_tokens,
                             std::optional<std::size_t> answer_tokens) {
  std::size_t const natural = answer_tokens.value_or(natural_length(model, prompt));
  chain_answer answer;
  answer.tokens = std::min(natural, max_tokens.value_or(natural));
  answer.stopped = !max_tokens || natural < *max_tokens;
  hash_chain chain(model, prompt);
  for (std::size_t i = 0; i < answer.tokens; ++i) answer.text += chain.next();
  return answer;
}

} // namespace paddler
