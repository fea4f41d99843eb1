// One routing decision among 1,000 engines of 16 slots, with 1,048,576 blocks of prompts in the index, and what it
// costs to hash a prompt and to remember it. Conversations share one of 32 first prompts and go on where they were.
//
// Each decision is timed by itself, in processor time of its thread, so that what runs beside does not count; reading
// that clock twice is within each figure ("clock"). p50, p99 and p99.9 are counters.
#include "base/random.hpp"
#include "core/dispatch/route_search.hpp"
#include "wire/request_probe.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

constexpr std::size_t engines = 1'000;
constexpr std::size_t slots_of_engine = 16;
constexpr std::size_t indexed_blocks = std::size_t{1} << 20;
constexpr std::size_t conversations = 16'384; // 2.3 million blocks: the index is full, the oldest half is forgotten
constexpr std::size_t busy_slots = engines * slots_of_engine * 7 / 10;

std::vector<block_hash> random_blocks(random_source& random, std::size_t size) {
  std::vector<block_hash> out;
  while (out.size() < size) out.push_back(block_hash{random.next()});
  return out;
}

class fleet {
public:
  explicit fleet(routing_strategy strategy) : policy_{.strategy = strategy} {
    std::uint64_t serial = 0;
    for (std::size_t engine = 0; engine < engines; ++engine)
      for (std::size_t slot = 0; slot < slots_of_engine; ++slot)
        slots_.open({++serial}, {"model", {"agent-" + std::to_string(engine)}, {1}, 1});
    std::vector<std::vector<block_hash>> starts;
    while (starts.size() < 32) starts.push_back(random_blocks(random_, 16));
    for (std::size_t i = 0; i < conversations; ++i) {
      auto& talk = talks_.emplace_back(starts[i % starts.size()]);
      auto const more = random_blocks(random_, random_.below(250));
      talk.insert(talk.end(), more.begin(), more.end());
      index_.insert(talk, engine_ordinal{static_cast<std::uint16_t>(random_.below(engines))});
    }
    while (taken_.size() < busy_slots) {
      next_request();
      carry_out(decide());
    }
  }

  // A conversation goes on, or one in eight requests has a prompt that nobody knows.
  void next_request() {
    asked_ = random_.below(8) == 0 ? std::vector<block_hash>{} : talks_[random_.below(talks_.size())];
    auto const more = random_blocks(random_, 1 + random_.below(8));
    asked_.insert(asked_.end(), more.begin(), more.end());
  }

  [[nodiscard]] route_choice decide() const {
    return search_route(slots_, index_,
                        {.model = "model",
                         .blocks = asked_,
                         .prompt_blocks = asked_.size() + 1,
                         .session_engine = {},
                         .turn = turn_},
                        policy_, [](route_candidate& it) { it.prefill_speed = 1'000; })
        .choice;
  }

  void carry_out(route_choice const& choice) {
    taken_.push_back(*slots_.take(*choice.engine));
    turn_ = next_turn(*choice.engine);
    remember(*choice.engine);
    if (choice.reason == route_reason::prefix) ++hits_;
    ++choices_;
    if (taken_.size() <= busy_slots) return;
    slots_.give_back(std::exchange(taken_[random_.below(taken_.size())], taken_.front()));
    taken_.pop_front();
  }

  void remember(engine_ordinal engine) { index_.insert(asked_, engine); }

  [[nodiscard]] std::size_t asked_blocks() const { return asked_.size(); }

  [[nodiscard]] double bytes_of_block() const {
    return static_cast<double>(index_.bytes()) / static_cast<double>(index_.capacity());
  }

  [[nodiscard]] double hit_share() const { return static_cast<double>(hits_) / static_cast<double>(choices_); }

private:
  random_source random_{1};
  routing_policy policy_;
  slot_table slots_;
  prefix_index index_{indexed_blocks};
  std::vector<std::vector<block_hash>> talks_;
  std::deque<slot_serial> taken_;
  std::vector<block_hash> asked_;
  engine_ordinal turn_{};
  std::size_t hits_ = 0;
  std::size_t choices_ = 0;
};

class percentiles {
public:
  void add(double seconds) { samples_.push_back(seconds); }

  void report(benchmark::State& run) {
    std::ranges::sort(samples_);
    for (auto const& [name, part] : {std::pair{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}})
      run.counters[name] = 1e6 * samples_[static_cast<std::size_t>(part * static_cast<double>(samples_.size() - 1))];
  }

private:
  std::vector<double> samples_;
};

template <class Do> double seconds_of(Do what) {
  auto const now = [] {
    timespec at{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) + 1e-9 * static_cast<double>(at.tv_nsec);
  };
  auto const begin = now();
  what();
  return now() - begin;
}

template <routing_strategy Strategy> void decision(benchmark::State& run) {
  static fleet of(Strategy); // made once: the benchmark is run more than once, to find out how often
  percentiles took;
  for (auto _ : run) {
    of.next_request();
    std::optional<route_choice> choice;
    auto const seconds = seconds_of([&] { choice = of.decide(); });
    of.carry_out(*choice);
    took.add(seconds);
    run.SetIterationTime(seconds);
  }
  took.report(run);
  run.counters["bytes_of_block"] = of.bytes_of_block();
  run.counters["by_prefix"] = of.hit_share();
}

void clock(benchmark::State& run) {
  percentiles took;
  for (auto _ : run) {
    auto const seconds = seconds_of([] {});
    took.add(seconds);
    run.SetIterationTime(seconds);
  }
  took.report(run);
}

// After the decision: its prompt is remembered.
void insertion(benchmark::State& run) {
  static fleet of(routing_strategy::prefix);
  std::size_t blocks = 0;
  double all = 0;
  for (auto _ : run) {
    of.next_request();
    auto const seconds = seconds_of([&] { of.remember(engine_ordinal{7}); });
    run.SetIterationTime(seconds);
    all += seconds;
    blocks += of.asked_blocks();
  }
  run.counters["ns_of_block"] = 1e9 * all / static_cast<double>(blocks);
}

// A body of so many bytes of text, as it is read; with and without hashes.
void probe(benchmark::State& run, std::optional<hash_key> key) {
  std::string body = R"({"model":"m","stream":true,"messages":[)";
  std::string const text(1'000, 'x');
  while (body.size() < static_cast<std::size_t>(run.range(0)))
    body += R"({"role":"user","content":")" + text + R"(\n"},)";
  body.back() = ']';
  body += "}";
  for (auto _ : run) run.SetIterationTime(seconds_of([&] { benchmark::DoNotOptimize(probe_request(body, key)); }));
  run.SetBytesProcessed(run.iterations() * static_cast<std::int64_t>(body.size()));
}

BENCHMARK(clock)->UseManualTime();
BENCHMARK(decision<routing_strategy::prefix>)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(decision<routing_strategy::least_loaded>)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(insertion)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(probe, plain, std::nullopt)->Arg(4'000)->Arg(200'000)->Arg(10'000'000)->UseManualTime();
BENCHMARK_CAPTURE(probe, with_blocks, hash_key{1, 2})->Arg(4'000)->Arg(200'000)->Arg(10'000'000)->UseManualTime();

} // namespace
} // namespace paddler

BENCHMARK_MAIN();
