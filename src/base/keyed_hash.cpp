#include "base/keyed_hash.hpp"

#include <bit>
#include <cstddef>

namespace paddler {
namespace {

constexpr std::size_t word_size = 8;

std::uint64_t little_endian(std::string_view word) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < word_size; ++i) out |= std::uint64_t{static_cast<unsigned char>(word[i])} << (8 * i);
  return out;
}

} // namespace

// The constants are the paper's: "somepseudorandomlygeneratedbytes".
keyed_hash::keyed_hash(hash_key key)
    : lanes_{key.first ^ 0x736F6D6570736575ULL, key.second ^ 0x646F72616E646F6DULL, key.first ^ 0x6C7967656E657261ULL,
             key.second ^ 0x7465646279746573ULL} {}

void keyed_hash::round(lanes& v) {
  v[0] += v[1];
  v[1] = std::rotl(v[1], 13) ^ v[0];
  v[0] = std::rotl(v[0], 32);
  v[2] += v[3];
  v[3] = std::rotl(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = std::rotl(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = std::rotl(v[1], 17) ^ v[2];
  v[2] = std::rotl(v[2], 32);
}

void keyed_hash::compress(lanes& v, std::uint64_t word) {
  v[3] ^= word;
  round(v);
  v[0] ^= word;
}

void keyed_hash::add_byte(char byte) {
  tail_ |= std::uint64_t{static_cast<unsigned char>(byte)} << (8 * (size_ % word_size));
  if (++size_ % word_size != 0) return;
  compress(lanes_, tail_);
  tail_ = 0;
}

void keyed_hash::add(std::string_view piece) {
  while (!piece.empty() && size_ % word_size != 0) {
    add_byte(piece.front());
    piece.remove_prefix(1);
  }
  auto v = lanes_;
  for (; piece.size() >= word_size; piece.remove_prefix(word_size)) {
    compress(v, little_endian(piece));
    size_ += word_size;
  }
  lanes_ = v;
  for (auto const byte : piece) add_byte(byte);
}

std::uint64_t keyed_hash::value() const {
  auto v = lanes_;
  compress(v, tail_ | (size_ << 56U));
  v[2] ^= 0xFF;
  for (int i = 0; i < 3; ++i) round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

} // namespace paddler
