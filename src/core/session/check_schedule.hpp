// When an agent looks at itself though nothing has happened: its engines' health, the files that their models came
// from, and the machine. Each at its own period, and one after the other, so that they never come all at once:
//
//   health   30        120        210       (seconds after the start, with the defaults)
//   model       60         150        240
//   machine        90         180        270
#pragma once
#include "base/time.hpp"

#include <array>
#include <vector>

namespace paddler {

enum class agent_check {
  health,  // each engine is asked whether it serves
  model,   // is the file under the path still the one that was loaded?
  machine, // memory and GPUs, measured again
};

inline constexpr std::size_t agent_check_count = 3;

struct check_policy {
  duration health_every = std::chrono::seconds(90);
  duration model_every = std::chrono::seconds(90);
  duration machine_every = std::chrono::seconds(90);
  duration apart = std::chrono::seconds(30); // from the start to the first one, and between the first of each kind
};

// Pure; the shell calls take_due() when next() has come.
class check_schedule {
public:
  check_schedule(check_policy const& policy, mono_time begin);

  // What is due, in order of time. What was missed is not made up for: each comes once, and its next turn keeps to the
  // period's beat.
  std::vector<agent_check> take_due(mono_time now);

  [[nodiscard]] mono_time next() const;

private:
  struct turn {
    agent_check what = agent_check::health;
    duration period{};
    mono_time at;
  };

  std::array<turn, agent_check_count> turns_;
};

} // namespace paddler
