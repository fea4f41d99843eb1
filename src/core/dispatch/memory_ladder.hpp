// What a balancer that runs out of memory gives up, step by step, before the system would end it (OVR-04): first
// comfort, then new work, then what runs.
//
// Pure. Owned by one thread.
#pragma once
#include <array>
#include <cstdint>

namespace paddler {

// Each with all that stands before it.
enum class memory_step {
  free,
  saving,   // connections end with their answer, and who is silent is given up sooner
  refusing, // new requests are refused before their bodies are read
  cutting,  // of those that are here the largest is given up, one at each look
};

// Percent of the limit at which the steps after `free` begin. One is left again some points below, so that it does not
// come and go with each request.
inline constexpr std::array<std::uint64_t, 3> memory_step_percents{85, 92, 95};
inline constexpr std::uint64_t memory_step_slack = 5;

class memory_ladder {
public:
  // Bytes; 0: no limit.
  explicit memory_ladder(std::uint64_t limit) : limit_(limit) {}

  // To be told often; the step from now on.
  memory_step look(std::uint64_t used);

  [[nodiscard]] memory_step step() const { return step_; }

private:
  std::uint64_t limit_;
  memory_step step_ = memory_step::free;
};

} // namespace paddler
