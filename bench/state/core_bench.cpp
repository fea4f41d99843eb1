// The core of the state system, each operation among 1,000 and among 10,000 agents. What one change costs must not grow
// with the number of agents that it does not concern: `bench/run state` prints the ratio.
#include "bench/state/fleet.hpp"
#include "core/balancer_core.hpp"
#include "core/state/applicable.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <utility>

namespace paddler {
namespace {

constexpr wall_time noon{std::chrono::seconds(1'700'000'000)};
constexpr int slots = 16;
constexpr std::size_t folded_records = 1'000;

agent_spec said_by_agent(std::size_t index) {
  agent_spec out;
  out.id = {agent_name(index)};
  out.desired_model.emplace();
  out.desired_model->source = model_source::local;
  out.desired_model->path = "/srv/models/" + model_of(index) + ".gguf";
  out.model = model_of(index);
  out.slots = slots;
  return out;
}

// What operators say: the models, and the context of one agent.
desired_change operators_change(std::size_t agents, int context) {
  desired_change out;
  for (char const* name : {"fleet", "tenth"}) {
    auto& model = out.document.models.emplace_back();
    model.id = {name};
    model.chat_template = std::string(2'000, 'x');
  }
  auto& agent = out.document.agents.emplace_back();
  agent.id = {agent_name(agents / 2)};
  agent.max_context_length = context;
  return out;
}

log_record must(desired_state const& state, desired_change const& change) {
  auto record = state.check(change, noon);
  if (!record || !*record) std::abort(); // a mistake in this file
  return **std::move(record);
}

desired_state fleet_state(std::size_t agents) {
  desired_state out;
  out.apply(must(out, operators_change(agents, 1024)));
  for (std::size_t i = 0; i < agents; ++i) {
    desired_change change;
    change.source = {source_kind::discovery, agent_name(i)};
    change.document.agents.push_back(said_by_agent(i));
    out.apply(must(out, change));
  }
  return out;
}

std::size_t agents_of(benchmark::State const& run) { return static_cast<std::size_t>(run.range(0)); }

void merge_of_one_change(benchmark::State& run) {
  layer_table table;
  source_id const api;
  auto const apply = [&table](source_id const& source, desired_document const& document) {
    auto const said = table.difference(source, document);
    table.apply(source, said, table.effect(source, said));
  };
  for (std::size_t i = 0; i < agents_of(run); ++i)
    apply({source_kind::discovery, agent_name(i)}, {{said_by_agent(i)}, {}});
  int context = 1024;
  for (auto _ : run) apply(api, operators_change(agents_of(run), ++context).document);
}

void check_and_apply_of_one_record(benchmark::State& run) {
  auto state = fleet_state(agents_of(run));
  int context = 1024;
  for (auto _ : run) state.apply(must(state, operators_change(agents_of(run), ++context)));
}

void applicable_of_one_agent(benchmark::State& run) {
  auto const state = fleet_state(agents_of(run));
  agent_id const id{agent_name(agents_of(run) / 2)};
  for (auto _ : run) {
    auto const& agent = state.agents().at(id);
    auto model = resolve_applicable(agent, served_entry(state.models(), agent));
    benchmark::DoNotOptimize(model == state.applicable(id).model);
  }
}

// These two concern all agents, or many records: their cost may grow as they do.
void snapshot_of_all(benchmark::State& run) {
  auto const state = fleet_state(agents_of(run));
  for (auto _ : run) benchmark::DoNotOptimize(state.snapshot(noon));
}

void fold_of_1000_records(benchmark::State& run) {
  auto const start = fleet_state(agents_of(run));
  auto ahead = start;
  std::vector<log_record> records;
  for (std::size_t i = 0; i < folded_records; ++i) {
    records.push_back(must(ahead, operators_change(agents_of(run), 2048 + static_cast<int>(i))));
    ahead.apply(records.back());
  }
  for (auto _ : run) {
    run.PauseTiming();
    auto state = start;
    run.ResumeTiming();
    for (auto const& record : records) state.apply(record);
    benchmark::DoNotOptimize(state.current());
  }
}

// A whole balancer's decision on one report, events and log included.
void report_of_one_agent(benchmark::State& run) {
  balancer_core core({}, epoch{1});
  instant const now{mono_time(std::chrono::seconds(1)), noon};
  for (std::size_t i = 0; i < agents_of(run); ++i) {
    link_hello hello;
    hello.agent = {agent_name(i)};
    hello.process = {i + 1};
    core.apply(link_greeted{{i + 1}, std::move(hello)}, now);
  }
  link_report said;
  for (auto _ : run) {
    ++said.report.sequence;
    said.report.engine.restarts = said.report.sequence;
    said.actions.resize(1);
    said.actions[0].number = said.report.sequence;
    benchmark::DoNotOptimize(core.apply(link_spoke{{agents_of(run) / 2}, said}, now));
  }
}

BENCHMARK(merge_of_one_change)->Arg(1'000)->Arg(10'000);
BENCHMARK(check_and_apply_of_one_record)->Arg(1'000)->Arg(10'000);
BENCHMARK(applicable_of_one_agent)->Arg(1'000)->Arg(10'000);
BENCHMARK(report_of_one_agent)->Arg(1'000)->Arg(10'000);
BENCHMARK(fold_of_1000_records)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(snapshot_of_all)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace paddler

BENCHMARK_MAIN();
