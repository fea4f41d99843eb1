// The life of an engine as a table: each thing that can happen in each phase.
#include "core/engine/engine_machine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string_view>

namespace paddler {
namespace {

using namespace std::chrono_literals;

engine_spec spec(std::string alias = "m") {
  engine_spec out;
  out.model_path = "/m.gguf";
  out.alias = std::move(alias);
  return out;
}

// A machine in one of its phases, and what the newest event brought.
class driver {
public:
  explicit driver(std::string_view phase) {
    if (phase == "stopped") return;
    (*this)(engine_wanted{spec(), 0s});
    if (phase == "starting") return;
    if (phase == "parked") {
      (*this)(spawn_refused{child, {error_code::not_found, "no file", "", {}}});
      return;
    }
    if (phase == "backing off") {
      (*this)(child_exited{child, "it died", ""});
      return;
    }
    pass(100ms);
    (*this)(probe_served{child, 0});
    if (phase == "ready") return;
    if (phase == "replaced") {
      (*this)(engine_wanted{spec("other"), 10s});
      return;
    }
    (*this)(engine_unwanted{10s});
    if (phase == "draining") return;
    pass(0s);
    (*this)(probe_served{child, 0});
  }

  std::string operator()(engine_event const& event) {
    effects = machine.apply(event, now, 0.5);
    std::string out;
    for (auto const& effect : effects) {
      if (auto const* spawned = std::get_if<spawn_engine>(&effect)) child = spawned->child;
      if (auto const* armed = std::get_if<arm_engine_timer>(&effect)) timer = armed->at;
      if (std::holds_alternative<spawn_engine>(effect)) out += "spawn ";
      if (std::holds_alternative<terminate_engine>(effect)) out += "terminate ";
      if (std::holds_alternative<kill_engine>(effect)) out += "kill ";
      if (std::holds_alternative<probe_engine>(effect)) out += "probe ";
    }
    return out + status();
  }

  std::string pass(duration time) {
    now += time;
    return (*this)(engine_timer_fired{});
  }

  std::string status() const {
    static constexpr std::string_view names[] = {"none", "loading", "ready", "draining", "backoff", "failed"};
    return std::string(names[static_cast<std::size_t>(machine.condition().status)]);
  }

  engine_machine machine;
  mono_time now{1h};
  mono_time timer{1h};
  engine_effects effects;
  child_serial child = 0;
};

struct row {
  std::string_view what;
  std::function<std::string(driver&)> happen;
  std::array<std::string_view, 8> then;
};

constexpr std::array<std::string_view, 8> phases{"stopped",  "starting",    "ready",       "draining",
                                                 "replaced", "terminating", "backing off", "parked"};

std::vector<row> table() {
  return {
      {"the same is wanted",
       [](driver& d) { return d(engine_wanted{spec(), 10s}); },
       {"spawn loading", "loading", "ready", "ready", "ready", "draining", "backoff", "failed"}},
      {"another one is wanted",
       [](driver& d) { return d(engine_wanted{spec("third"), 10s}); },
       {"spawn loading", "terminate draining", "draining", "draining", "draining", "draining", "spawn loading",
        "spawn loading"}},
      {"none is wanted",
       [](driver& d) { return d(engine_unwanted{10s}); },
       {"none", "terminate draining", "draining", "draining", "draining", "draining", "none", "none"}},
      {"its child ends",
       [](driver& d) { return d(child_exited{d.child, "it died", ""}); },
       {"none", "backoff", "backoff", "none", "spawn loading", "none", "backoff", "failed"}},
      {"an earlier child ends",
       [](driver& d) { return d(child_exited{d.child + 1, "late", ""}); },
       {"none", "loading", "ready", "draining", "draining", "draining", "backoff", "failed"}},
      {"an earlier child could not be started",
       [](driver& d) { return d(spawn_refused{d.child + 1, {error_code::not_found, "late", "", {}}}); },
       {"none", "loading", "ready", "draining", "draining", "draining", "backoff", "failed"}},
      {"a probe is served, no slot is busy",
       [](driver& d) { return d(probe_served{d.child, 0}); },
       {"none", "ready", "ready", "terminate draining", "terminate draining", "draining", "backoff", "failed"}},
      {"a probe is served, a slot is busy",
       [](driver& d) { return d(probe_served{d.child, 1}); },
       {"none", "ready", "ready", "draining", "draining", "draining", "backoff", "failed"}},
      {"a probe of an earlier child is served",
       [](driver& d) { return d(probe_served{d.child + 1, 0}); },
       {"none", "loading", "ready", "draining", "draining", "draining", "backoff", "failed"}},
      {"a probe is missed",
       [](driver& d) { return d(probe_missed{d.child, "no answer", 1s}); },
       {"none", "loading", "ready", "draining", "draining", "draining", "backoff", "failed"}},
      {"its timer fires when it was set to",
       [](driver& d) {
         d.now = d.timer;
         return d(engine_timer_fired{});
       },
       {"none", "probe loading", "probe ready", "probe draining", "probe draining", "kill draining", "spawn loading",
        "spawn loading"}},
      {"its timer fires too early",
       [](driver& d) {
         d.now = std::min(d.now, d.timer - 1ns);
         return d(engine_timer_fired{});
       },
       {"none", "loading", "ready", "draining", "draining", "draining", "backoff", "failed"}},
  };
}

TEST(EngineStates, EachThingThatHappensInEachPhase) {
  for (auto const& [what, happen, then] : table())
    for (std::size_t i = 0; i < phases.size(); ++i) {
      SCOPED_TRACE(std::string(phases[i]) + ", and " + std::string(what));
      driver d(phases[i]);
      EXPECT_EQ(happen(d), then[i]);
    }
}

// However long a drain was to last: whoever asks again may shorten it, and never lengthen it.
TEST(EngineStates, ADrainIsShortenedAndNeverLengthened) {
  driver d("draining");
  auto const begun = d.now;
  d(engine_unwanted{1h});
  d(engine_unwanted{3s});
  d.pass(0s);
  d(probe_served{d.child, 1});
  while (d.machine.condition().reason != "it is being stopped" && d.now < begun + 1min) d.pass(100ms);
  EXPECT_EQ(d.now - begun, 3s);
}

// A child that was ended for what is wanted now starts at once; its end is no failure.
TEST(EngineStates, WhatIsWantedAgainWhileItEndsStartsAnew) {
  driver d("terminating");
  d(engine_wanted{spec(), 10s});
  EXPECT_EQ(d(child_exited{d.child, "signal 15", ""}), "spawn loading");
  EXPECT_EQ(d.machine.condition().restarts, 0U);
}

} // namespace
} // namespace paddler
