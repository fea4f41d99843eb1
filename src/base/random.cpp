#include "base/random.hpp"

namespace paddler {

std::uint64_t random_source::next() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t random_source::below(std::uint64_t bound) {
  // Draws above the largest multiple of `bound` are thrown away: no bias, and one draw in nearly every case.
  std::uint64_t const limit = bound * (~0ULL / bound);
  std::uint64_t draw = next();
  while (draw >= limit) draw = next();
  return draw % bound;
}

double random_source::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

} // namespace paddler
