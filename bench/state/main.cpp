// `paddler-state-bench`: bench/run state runs it; one line of JSON a run.
#include "bench/state/bare_server.hpp"
#include "bench/state/state_bench.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/log.hpp"
#include "runtime/process.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

namespace paddler {
namespace {

int serve(std::string const& address) {
  raise_open_file_limit();
  event_loop loop;
  loop.run_until_done(run_bare_server(&loop, address));
  return 0;
}

int measure(bench_plan plan) {
  plan.bare = blocking_program_path();
  log_configure({.level = log_level::error});
  raise_open_file_limit();
  try {
    event_loop loop;
    std::cout << loop.run_until_done(run_bench(std::move(plan))) << std::endl;
    return 0;
  } catch (std::exception const& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}

int main_of_bench(int argc, char** argv) {
  bench_plan plan;
  std::string address;
  CLI::App app{"Simulated agents on a real balancer, or on a bare server for comparison."};
  app.require_subcommand(1);
  auto* const run = app.add_subcommand("run", "measure");
  run->add_option("--paddler", plan.paddler, "the program whose balancer is measured; without it, the bare server");
  run->add_option("--agents", plan.agents)->capture_default_str()->check(CLI::Range(1, 10'000));
  run->add_option("--slots", plan.slots, "of each agent")->capture_default_str()->check(CLI::Range(1, 1'000));
  run->add_flag("--slot-connections", plan.slot_connections, "open them, too");
  run->add_option("--changes", plan.changes, "of each kind")->capture_default_str()->check(CLI::Range(1, 100'000));
  run->add_flag("--documents", plan.documents, "also changes of a document that names every agent");
  run->add_option("--seconds", plan.seconds, "of rest, and of each rate of facts")->capture_default_str();
  run->add_option("--rate", plan.rates, "facts a second; may be given several times");
  run->add_flag("--restart", plan.restart, "kill the balancer and start it again, at the end");
  run->add_option("--seed", plan.seed)->capture_default_str();
  auto* const bare = app.add_subcommand("bare", "the server without anything behind it");
  bare->add_option("address", address, "HOST:PORT to listen on")->required();
  CLI11_PARSE(app, argc, argv);
  return *bare ? serve(address) : measure(std::move(plan));
}

} // namespace
} // namespace paddler

int main(int argc, char** argv) { return paddler::main_of_bench(argc, argv); }
