// SipHash-1-3 (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012): 64 bits of a text,
// of which nobody can make two with the same hash who does not know the key.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace paddler {

struct hash_key {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

// Of a text that comes in pieces. It may be asked on the way, as of what came so far.
class keyed_hash {
public:
  explicit keyed_hash(hash_key key);

  void add(std::string_view piece);

  [[nodiscard]] std::uint64_t value() const;

private:
  using lanes = std::array<std::uint64_t, 4>;

  static void round(lanes& v);
  static void compress(lanes& v, std::uint64_t word);
  void add_byte(char byte);

  lanes lanes_;
  std::uint64_t tail_ = 0; // the bytes after the last whole word
  std::uint64_t size_ = 0;
};

} // namespace paddler
