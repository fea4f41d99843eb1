// `paddler-load`: one load on one target, its outcome as one JSON line. bench/run runs it.
#include "bench/load_generator.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/process.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>

namespace paddler {
namespace {

constexpr int ok = 200;

duration seconds_of(double seconds) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
}

// Microseconds, of those answered with 200, from when they were due to their first event.
std::vector<double> first_events(std::vector<asked_request> const& requests) {
  std::vector<double> out;
  for (auto const& each : requests)
    if (each.status == ok && each.end == request_end::answered)
      out.push_back(std::chrono::duration<double, std::micro>(each.first - each.due).count());
  return out;
}

void print(load_outcome& out) {
  auto first = first_events(out.requests);
  auto const count = [&out](request_end end) { return std::ranges::count(out.requests, end, &asked_request::end); };
  std::cout << "{\"requests\":" << out.requests.size() << ",\"answered\":" << first.size()
            << ",\"left\":" << count(request_end::left) << ",\"broken\":" << count(request_end::broken)
            << ",\"late\":" << out.late << ",\"events\":" << out.events << ",\"seconds\":" << out.seconds
            << ",\"requests_per_second\":" << static_cast<double>(first.size()) / out.seconds
            << ",\"events_per_second\":" << static_cast<double>(out.events) / out.seconds
            << ",\"first_p50_us\":" << percentile(first, 50) << ",\"first_p99_us\":" << percentile(first, 99)
            << ",\"gap_p50_us\":" << percentile(out.gaps, 50) << ",\"gap_p99_us\":" << percentile(out.gaps, 99)
            << "}\n";
}

// A line for each request: when it was due, began to be answered (or 0) and ended, in seconds of the monotonic clock;
// its status, and how it ended.
void write_records(std::string const& path, std::vector<asked_request> const& requests) {
  constexpr std::string_view ends[] = {"answered", "left", "broken"};
  std::ofstream file(path);
  auto const seconds = [](mono_time at) { return std::chrono::duration<double>(at.time_since_epoch()).count(); };
  file << std::fixed;
  for (auto const& each : requests)
    file << seconds(each.due) << ' ' << seconds(each.first) << ' ' << seconds(each.ended) << ' ' << each.status << ' '
         << ends[static_cast<std::size_t>(each.end)] << '\n';
}

int main_of_load(int argc, char** argv) {
  load_plan plan;
  double seconds = 5, patience = 600;
  std::string records;
  CLI::App app{"Load on an inference endpoint: open loop with --rate, closed loop without."};
  app.add_option("--target", plan.target, "HOST:PORT or unix:PATH")->required();
  app.add_option("--path", plan.path, "of the request")->capture_default_str();
  app.add_option("--body", plan.body, "JSON of the request")->required();
  app.add_option("--rate", plan.rate, "requests a second; 0: closed loop")->capture_default_str();
  app.add_option("--concurrency", plan.concurrency, "requests in flight, at the most")->capture_default_str();
  app.add_option("--seconds", seconds, "how long requests are started")->capture_default_str();
  app.add_option("--patience", patience, "of a client, in seconds; then it leaves")->capture_default_str();
  app.add_option("--seed", plan.seed, "of the arrival times")->capture_default_str();
  app.add_option("--records", records, "a file for what came of each request");
  CLI11_PARSE(app, argc, argv);
  plan.length = seconds_of(seconds);
  plan.patience = seconds_of(patience);
  raise_open_file_limit();
  event_loop loop;
  auto out = loop.run_until_done(run_load(plan));
  if (!records.empty()) write_records(records, out.requests);
  print(out);
  if (!out.first_failure.empty()) std::cerr << "the first request that broke: " << out.first_failure << "\n";
  return 0;
}

} // namespace
} // namespace paddler

int main(int argc, char** argv) { return paddler::main_of_load(argc, argv); }
