// Load on an inference endpoint, and what it felt like: open loop (requests start on a schedule, whatever the answers
// do, so that queueing shows as latency and is not hidden) or closed loop (a fixed number in flight).
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "runtime/task.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace paddler {

struct load_plan {
  std::string target; // "127.0.0.1:8061" or "unix:/run/engine.sock"
  std::string path = "/v1/completions";
  std::string body;            // JSON
  double rate = 0;             // requests a second; 0: closed loop
  std::size_t concurrency = 1; // closed loop: in flight; open loop: the limit of connections
  duration length = std::chrono::seconds(5);
  std::uint64_t seed = 1; // of the arrival times (Poisson)
};

// What was measured. Times in microseconds, one entry for each request or each gap between two events.
struct load_outcome {
  std::vector<double> first_event; // from the scheduled start to the first event (or the whole answer)
  std::vector<double> gaps;        // between two events of one stream
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  std::uint64_t late = 0; // could not start on time: every connection was in use
  std::uint64_t events = 0;
  double seconds = 0;
  std::string first_failure;
};

task<load_outcome> run_load(load_plan plan);

// The p-th percentile (0..100) by the nearest-rank method; 0 of nothing. Sorts its input.
double percentile(std::vector<double>& values, double p);

} // namespace paddler
