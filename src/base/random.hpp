// Seeded random numbers: same seed, same numbers, on every machine.
#pragma once
#include <cstdint>

namespace paddler {

// SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"). Not for secrets.
class random_source {
public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound); // uniform in [0, bound); bound > 0
  double unit();                            // uniform in [0, 1)

private:
  std::uint64_t state_;
};

} // namespace paddler
