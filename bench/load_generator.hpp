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
  duration patience = std::chrono::minutes(10); // of a client, who says so beforehand and leaves then
  std::uint64_t seed = 1;                       // of the arrival times (Poisson)
};

enum class request_end {
  answered, // whole, whatever its status is
  left,     // its client's patience was at an end
  broken,   // no connection, or an answer that was cut off
};

struct asked_request {
  mono_time due{};   // when it should have started: waiting counts
  mono_time first{}; // its first event, or whole answer; zero: none came
  mono_time ended{};
  request_end end = request_end::broken;
  int status = 0; // 0: none came
};

struct load_outcome {
  std::vector<asked_request> requests; // in the order of their ends
  std::vector<double> gaps;            // between two events of one stream, in microseconds
  std::uint64_t late = 0;              // could not start on time: every connection was in use
  std::uint64_t events = 0;
  double seconds = 0;
  std::string first_failure; // why the first one broke
};

task<load_outcome> run_load(load_plan plan);

// The p-th percentile (0..100) by the nearest-rank method; 0 of nothing. Sorts its input.
double percentile(std::vector<double>& values, double p);

} // namespace paddler
