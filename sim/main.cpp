// paddler_sim [--seeds N] [--from SEED] [--seconds S] [--world NAME] [--twice] [--print] [--keep-going] [--probes]
// paddler_sim --figures: how fast a cluster converges (sim/figures.hpp), and 1 where that misses a bar
//
// Runs seeds one after the other and says what was seen. Ends with 1 at the first violation, whose seed and command
// line it prints. With --keep-going it goes on, and says every thousand seeds how far it is. Worlds: swarm (everything,
// the default), operators, restarts, pairs (LIN-01, -02, -09), conflicts (LIN-08), relays (REC-09), poison
// (OVR-09, OVR-10, REQ-12).
#include "base/text.hpp"
#include "runtime/clock.hpp"
#include "sim/figures.hpp"
#include "sim/probes.hpp"
#include "sim/run.hpp"

#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

namespace {

using namespace paddler_sim;

constexpr std::uint64_t seeds_a_word = 1000;

struct options {
  std::uint64_t seeds = 1, from = 1;
  std::uint64_t seconds = 0; // 0: what the world says
  std::string_view world = "swarm";
  bool twice = false, print = false, keep_going = false, probes = false, figures = false;
  std::uint64_t canary = 0; // of broken_promise
};

std::uint64_t number_of(std::string_view text) { return parse_number<std::uint64_t>(text).value_or(0); }

options read_options(std::span<char*> arguments) {
  options out;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::string_view const word = arguments[i];
    auto const value = [&] { return i + 1 < arguments.size() ? number_of(arguments[++i]) : 0; };
    if (word == "--seeds") out.seeds = value();
    if (word == "--from") out.from = value();
    if (word == "--seconds") out.seconds = value();
    if (word == "--world" && i + 1 < arguments.size()) out.world = arguments[++i];
    if (word == "--twice") out.twice = true;
    if (word == "--print") out.print = true;
    if (word == "--keep-going") out.keep_going = true;
    if (word == "--canary") out.canary = value();
    if (word == "--probes") out.probes = true;
    if (word == "--figures") out.figures = true;
  }
  return out;
}

scenario draw(options const& told, std::uint64_t seed) {
  auto out = told.world == "operators"   ? draw_operators(seed, false, false)
             : told.world == "restarts"  ? draw_operators(seed, true, false)
             : told.world == "pairs"     ? draw_operators(seed, false, true)
             : told.world == "conflicts" ? draw_conflicts(seed)
             : told.world == "relays"    ? draw_relays(seed)
             : told.world == "poison"    ? draw_poison(seed)
                                         : draw_scenario(seed);
  if (told.seconds > 0) out.length = std::chrono::seconds(told.seconds);
  return out;
}

int print_figures() {
  bool all = true;
  for (auto const& each : {measure_changes(100), measure_heals(100), measure_restarts(5)}) {
    auto const milliseconds = [](duration time) { return static_cast<long long>(time / std::chrono::milliseconds(1)); };
    std::printf("%s, %zu times: median %lld ms, p99 %lld ms, most %lld ms%s\n", std::string(each.name).c_str(),
                each.samples.size(), milliseconds(each.at(0.5)), milliseconds(each.at(0.99)), milliseconds(each.at(1)),
                each.holds() ? "" : ": MISSES ITS BAR");
    all = all && each.holds();
  }
  return all ? 0 : 1;
}

int failed(run_report const& report, options const& told, std::string const& words) {
  std::printf("FAILED: %s\n  %s\n  again: paddler_sim --world %s --from %llu --print\n", words.c_str(),
              describe(report.what).c_str(), std::string(told.world).c_str(),
              static_cast<unsigned long long>(report.what.seed));
  return 1;
}

// What all seeds came to.
struct totals {
  std::map<std::string, std::uint64_t, std::less<>> seen;
  std::uint64_t seeds = 0, events = 0, asked = 0, answered = 0, writes = 0, failures = 0, judged = 0, pairs = 0;
  duration simulated{};
  mono_time const began = mono_now();

  void add(run_report const& report) {
    ++seeds;
    for (auto const& [name, count] : report.seen) seen[name] += count;
    events += report.events;
    asked += report.asked;
    answered += report.answered;
    writes += report.writes_acknowledged;
    judged += report.operations_judged;
    pairs += report.pairs_raced;
    simulated += report.simulated;
  }

  void print() const {
    auto const took = std::chrono::duration<double>(mono_now() - began).count();
    auto const lived = std::chrono::duration<double>(simulated).count();
    for (auto const& [name, count] : seen)
      std::printf("%10llu  %s\n", static_cast<unsigned long long>(count), name.c_str());
    std::printf("%llu seeds, %.0f s simulated in %.1f s: %.0f x real time; %llu events, %llu requests (%llu whole), "
                "%llu writes, %llu operations judged, %llu pairs raced, %llu failures\n",
                static_cast<unsigned long long>(seeds), lived, took, lived / took,
                static_cast<unsigned long long>(events), static_cast<unsigned long long>(asked),
                static_cast<unsigned long long>(answered), static_cast<unsigned long long>(writes),
                static_cast<unsigned long long>(judged), static_cast<unsigned long long>(pairs),
                static_cast<unsigned long long>(failures));
  }
};

bool all_probes_hit(totals const& all, std::string_view world) {
  std::size_t missed = 0;
  std::span<std::string_view const> const wanted = world == "relays" ? std::span<std::string_view const>(relay_probes)
                                                   : world == "poison"
                                                       ? std::span<std::string_view const>(poison_probes)
                                                       : probes;
  for (auto const probe : wanted) {
    if (all.seen.contains(probe)) continue;
    std::printf("never hit: %s\n", std::string(probe).c_str());
    ++missed;
  }
  std::printf("%zu of %zu probes hit\n", wanted.size() - missed, wanted.size());
  return missed == 0;
}

} // namespace

int main(int argc, char** argv) {
  auto const told = read_options({argv, static_cast<std::size_t>(argc)});
  if (told.figures) return print_figures();
  totals all;
  for (auto seed = told.from; seed < told.from + told.seeds; ++seed) {
    auto what = draw(told, seed);
    what.broken = static_cast<broken_promise>(told.canary);
    auto const report = run_scenario(what, told.print);
    if (report.violation) {
      failed(report, told, *report.violation);
      ++all.failures;
      if (!told.keep_going) return 1;
    }
    if (told.twice && run_scenario(what, false).trace != report.trace)
      return failed(report, told, "SIM-05: the same seed went another way the second time");
    all.add(report);
    if (!told.keep_going || all.seeds % seeds_a_word != 0) continue;
    std::printf("up to seed %llu: %llu failures\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(all.failures));
    std::fflush(stdout);
  }
  all.print();
  bool const met = all_probes_hit(all, told.world);
  return all.failures == 0 && (met || !told.probes) ? 0 : 1;
}
