// `paddler-load`: one load on one target, its outcome as one JSON line. bench/relay and bench/inference run it.
#include "bench/load_generator.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/files.hpp"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

namespace paddler {
namespace {

// User and system time of a process so far, in seconds.
double processor_seconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  auto const end = text.rfind(')'); // the name before it may hold anything
  if (end == std::string::npos) return 0;
  std::istringstream fields(text.substr(end + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double processor_seconds(std::vector<int> const& pids) {
  double sum = 0;
  for (int pid : pids) sum += processor_seconds(pid);
  return sum;
}

void print(load_outcome& out, double processor) {
  auto const tokens_a_second = static_cast<double>(out.events) / out.seconds;
  std::cout << "{\"requests\":" << out.requests << ",\"failures\":" << out.failures << ",\"late\":" << out.late
            << ",\"events\":" << out.events << ",\"seconds\":" << out.seconds
            << ",\"requests_per_second\":" << static_cast<double>(out.requests) / out.seconds
            << ",\"events_per_second\":" << tokens_a_second << ",\"first_p50_us\":" << percentile(out.first_event, 50)
            << ",\"first_p99_us\":" << percentile(out.first_event, 99) << ",\"gap_p50_us\":" << percentile(out.gaps, 50)
            << ",\"gap_p99_us\":" << percentile(out.gaps, 99) << ",\"processor_seconds\":" << processor << "}\n";
}

int main_of_load(int argc, char** argv) {
  load_plan plan;
  double seconds = 5;
  std::vector<int> pids;
  CLI::App app{"Load on an inference endpoint: open loop with --rate, closed loop without."};
  app.add_option("--target", plan.target, "HOST:PORT or unix:PATH")->required();
  app.add_option("--path", plan.path, "of the request")->capture_default_str();
  app.add_option("--body", plan.body, "JSON of the request")->required();
  app.add_option("--rate", plan.rate, "requests a second; 0: closed loop")->capture_default_str();
  app.add_option("--concurrency", plan.concurrency, "requests in flight, at the most")->capture_default_str();
  app.add_option("--seconds", seconds, "how long requests are started")->capture_default_str();
  app.add_option("--pid", pids, "processes whose CPU time is counted");
  CLI11_PARSE(app, argc, argv);
  plan.length = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  double const before = processor_seconds(pids);
  event_loop loop;
  auto out = loop.run_until_done(run_load(plan));
  print(out, processor_seconds(pids) - before);
  if (out.failures > 0) std::cerr << out.failures << " requests failed; the first: " << out.first_failure << "\n";
  return out.failures > 0 ? 1 : 0;
}

} // namespace
} // namespace paddler

int main(int argc, char** argv) { return paddler::main_of_load(argc, argv); }
