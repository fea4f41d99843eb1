// For tests: an agent without processes. It carries out what its engine_table decides, lets engines load, fail, crash
// and answer requests as random numbers will have it, and checks the planner's laws after each step.
#pragma once
#include "base/random.hpp"
#include "core/reconcile/engine_table.hpp"
#include "core/reconcile/log_check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace paddler {

inline constexpr std::uint64_t simulated_memory = 10;

// One of a handful of contents. Number 0 is no model; from `first_bad` on they never load.
inline constexpr int simulated_contents = 7;
inline constexpr int first_bad_content = 5;

inline std::optional<applicable_model> simulated_content(int number) {
  if (number == 0) return std::nullopt;
  applicable_model out;
  out.name = "m" + std::to_string(number);
  out.slots = number;
  out.max_context_length = 512;
  return out;
}

// Some fit beside each other, some do not, of one it is not known.
inline std::optional<std::uint64_t> simulated_need(int number) {
  static constexpr std::uint64_t needs[simulated_contents] = {0, 3, 5, 8, 0, 4, 9};
  return number == 4 ? std::nullopt : std::optional(needs[number]);
}

inline bool is_bad(applicable_model const& content) {
  return content == simulated_content(5) || content == simulated_content(6);
}

class simulated_agent {
public:
  explicit simulated_agent(std::uint64_t seed, engine_table_policy policy = default_policy())
      : random(seed), policy_(policy), table(policy) {}

  static engine_table_policy default_policy() {
    return {.drain = std::chrono::seconds(30), .memory_bytes = simulated_memory, .log_entries = 100'000};
  }

  random_source random;

  void want(int content) {
    wanted = content;
    if (simulated_content(content) != table.wanted().model) ++version;
    table.want({{version}, simulated_content(content)}, simulated_need(content), now());
    act();
  }

  // The process and its engines are gone; a new process is told again what is wanted.
  void crash() {
    table = engine_table(policy_);
    live.clear();
    table.want({{version}, simulated_content(wanted)}, simulated_need(wanted), now());
    act();
  }

  // Carries out one action; false where there is none.
  bool act_once() {
    auto const action = table.step(now());
    if (!action) return false;
    ++actions;
    if (action->action == reconcile_action::load) {
      check_load(*action);
      live[action->engine] = {action->content, {}, false};
      ++loads;
    } else {
      if (!live.contains(action->engine)) ADD_FAILURE() << "an action on an engine that is not there";
      if (action->action == reconcile_action::unload) live[action->engine].stopping = true;
    }
    check_laws();
    return true;
  }

  void act() {
    int steps = 0;
    while (act_once())
      if (++steps > 20) return void(ADD_FAILURE() << "it goes on for ever");
  }

  // Something happens to one engine, or time passes.
  void random_event() {
    clock += std::chrono::milliseconds(random.below(2000));
    if (!live.empty()) {
      auto at = live.begin();
      std::advance(at, static_cast<long>(random.below(live.size())));
      disturb(at->first, at->second);
    }
    act();
  }

  // No more failures: engines load if they can, requests end, processes end.
  void settle() {
    for (int round = 0; round < 100; ++round) {
      auto const before = actions;
      clock += std::chrono::seconds(1);
      auto const engines = live; // a copy: what ends leaves the map
      for (auto const& [number, engine] : engines) progress(number);
      act();
      if (actions == before && is_quiet()) return;
    }
    ADD_FAILURE() << "it does not settle";
  }

  void progress(engine_number number) {
    auto& engine = live.at(number);
    if (engine.stopping) return end(number);
    engine.facts.busy = 0;
    become(engine.facts, is_bad(engine.content) ? engine_status::failed : engine_status::ready, "it is no model");
    table.observe(number, engine.facts, now());
  }

  void end(engine_number number) {
    live.erase(number);
    table.gone(number, now());
  }

  [[nodiscard]] int admitted_slots() const {
    auto const* const serving = table.admitted();
    return serving ? serving->content.slots : 0;
  }

  [[nodiscard]] instant now() const {
    return {mono_time{std::chrono::seconds(100) + clock}, wall_time{std::chrono::hours(1) + clock}};
  }

  [[nodiscard]] std::vector<reconciliation> log() const { return {table.log().begin(), table.log().end()}; }

  void expect_sound_log(log_end end) const {
    for (auto const& finding : check_log(log(), end, max_engines))
      ADD_FAILURE() << "entry " << finding.entry << ": " << finding.what;
  }

  struct live_engine {
    applicable_model content;
    engine_facts facts;
    bool stopping = false;
  };

private:
  engine_table_policy policy_;

public:
  engine_table table;
  std::map<engine_number, live_engine> live;
  int wanted = 0;
  std::uint64_t version = 0;
  std::uint64_t actions = 0;
  std::uint64_t loads = 0;
  duration clock{};

private:
  void check_load(engine_action const& action) const {
    EXPECT_LT(live.size(), max_engines);
    std::uint64_t memory = 0;
    bool known = true;
    auto const add = [&](applicable_model const& content) {
      auto const need = simulated_need(content.slots);
      known = known && need;
      memory += need.value_or(0);
    };
    add(action.content);
    for (auto const& [number, engine] : live) {
      EXPECT_NE(engine.content, action.content) << "two engines of one model at once";
      add(engine.content);
    }
    EXPECT_TRUE(live.empty() || known) << "beside an engine whose need is not known";
    EXPECT_TRUE(live.empty() || memory <= simulated_memory);
  }

  void check_laws() const {
    int admitted = 0;
    for (auto const& engine : table.engines()) {
      admitted += engine.admission == engine_admission::offered;
      bool const served = engine.admission != engine_admission::never;
      EXPECT_TRUE(!engine.stopping || !served || engine.admission == engine_admission::draining)
          << "unloaded without a drain";
      bool const patient = engine.drain_until && now().mono < *engine.drain_until;
      EXPECT_TRUE(!engine.stopping || live.at(engine.engine).facts.busy == 0 || !patient || !served)
          << "unloaded with requests before its time was over";
    }
    EXPECT_LE(admitted, 1) << "more slots than asked for";
  }

  [[nodiscard]] bool is_quiet() const {
    return std::ranges::none_of(live, [](auto const& each) { return each.second.stopping; });
  }

  // As engine_machine does it: what failed starts again with one more restart.
  static void become(engine_facts& facts, engine_status status, std::string reason) {
    bool const was_down = facts.status == engine_status::backoff || facts.status == engine_status::failed;
    bool const is_up = status == engine_status::loading || status == engine_status::ready;
    facts.restarts += was_down && is_up;
    facts.status = status;
    facts.reason = is_up && !was_down ? "" : std::move(reason);
  }

  void disturb(engine_number number, live_engine& engine) {
    if (engine.stopping) {
      if (random.below(2) == 0) end(number);
      return;
    }
    auto& facts = engine.facts;
    auto const choice = random.below(10);
    if (facts.status != engine_status::ready) {
      if (is_bad(engine.content))
        become(facts, choice < 5 ? engine_status::failed : engine_status::backoff, "it died");
      else if (choice < 6)
        become(facts, engine_status::ready, "it died");
      else
        become(facts, choice < 8 ? engine_status::loading : engine_status::backoff, "it died");
    } else if (choice < 2) {
      become(facts, engine_status::backoff, "it died");
      facts.busy = 0;
    } else if (choice < 6) {
      auto const* const seen = table.find(number);
      facts.busy += seen->admission == engine_admission::offered && facts.busy < engine.content.slots;
    } else {
      facts.busy = std::max(0, facts.busy - 1);
    }
    table.observe(number, facts, now());
  }
};

} // namespace paddler
