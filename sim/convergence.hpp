// Whether the cluster has become what is wanted (P6, SIM-03).
#pragma once
#include "sim/cluster.hpp"

#include <string>

namespace paddler_sim {

struct stage;

class convergence {
public:
  explicit convergence(stage& on);

  // Every agent runs exactly what is wanted of it and offers exactly its slots; what is gone for ever is not believed
  // in.
  bool holds();

  // It holds for long enough that nobody goes by what was true before the last fault, and nothing is being changed.
  bool settled();

  // Faults killed an engine again and again as it loaded: it is tried again after minutes, by design.
  bool any_parked();

  // What is missing, as of the last question.
  [[nodiscard]] std::string const& why() const { return why_; }

private:
  bool is_forgotten(cluster::machine const& machine);
  bool as_wanted(cluster::machine const& machine);

  stage& on_;
  mono_time since_;
  std::string why_;
};

} // namespace paddler_sim
