#include "base/keyed_hash.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace paddler {
namespace {

constexpr hash_key counted{0x0706050403020100ULL, 0x0F0E0D0C0B0A0908ULL};

std::string counted_bytes(std::size_t size) {
  std::string out(size, '\0');
  std::iota(out.begin(), out.end(), '\0');
  return out;
}

std::uint64_t hash_of(std::string_view text, hash_key key) {
  keyed_hash hash(key);
  hash.add(text);
  return hash.value();
}

// As CPython 3.11 hashes bytes where PYTHONHASHSEED is 0.
TEST(KeyedHash, IsSipHash13) {
  EXPECT_EQ(hash_of("a", {}), 0x407448D2B89B1813ULL);
  EXPECT_EQ(hash_of("abcdefg", {}), 0x6DB12AAE9070F506ULL);
  EXPECT_EQ(hash_of("abcdefgh", {}), 0x3F7B849C0B8E35EAULL);
  EXPECT_EQ(hash_of("abcdefghi", {}), 0xF89B34A3D11EB6E5ULL);
  EXPECT_EQ(hash_of(counted_bytes(64), {}), 0x75E05FD5BBC870C6ULL);
  EXPECT_EQ(hash_of(std::string(300, 'x'), {}), 0x2F58903130DC04E4ULL) << "longer than its length's byte can say";
}

TEST(KeyedHash, DependsOnBothHalvesOfItsKey) {
  EXPECT_EQ(hash_of("", counted), 0xABAC0158050FC4DCULL);
  EXPECT_EQ(hash_of(counted_bytes(63), counted), 0x9D199062B7BBB3A8ULL);
  EXPECT_NE(hash_of("a", {1, 0}), hash_of("a", {}));
  EXPECT_NE(hash_of("a", {0, 1}), hash_of("a", {}));
}

TEST(KeyedHash, PiecesMayBeCutAnywhereAndItMayBeAskedOnTheWay) {
  auto const text = counted_bytes(40);
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      keyed_hash hash(counted);
      hash.add(std::string_view(text).substr(0, first));
      EXPECT_EQ(hash.value(), hash_of(text.substr(0, first), counted));
      hash.add(std::string_view(text).substr(first, second - first));
      hash.add(std::string_view(text).substr(second));
      EXPECT_EQ(hash.value(), hash_of(text, counted)) << first << " " << second;
    }
  }
}

} // namespace
} // namespace paddler
