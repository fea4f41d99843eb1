// One run: a server, a fleet, and what was measured of the two.
#pragma once
#include "runtime/task.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace paddler {

struct bench_plan {
  std::string paddler; // the program; empty: the bare server
  std::string bare;    // this program
  std::size_t agents = 20;
  int slots = 16;
  bool slot_connections = false;
  std::size_t changes = 20;  // of each kind
  bool documents = false;    // also changes of a document that names every agent
  double seconds = 3;        // of rest, and of each rate of facts
  std::vector<double> rates; // facts a second
  bool restart = false;
  std::uint64_t seed = 1;
};

// The outcome as one line of JSON. Throws std::runtime_error where anything was not as it must be: a change that is not
// acknowledged by all whom it concerns, a fact that is lost, an agent that is there twice or not at all.
task<std::string> run_bench(bench_plan plan);

} // namespace paddler
