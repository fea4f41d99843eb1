#include "core/engine/engine_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace paddler {
namespace {

using namespace std::chrono_literals;

engine_spec spec(std::string alias = "m") {
  engine_spec out;
  out.model_path = "/m.gguf";
  out.alias = std::move(alias);
  return out;
}

// Feeds a machine and keeps what the last event brought.
struct driver {
  engine_machine machine;
  mono_time now{1h};
  engine_effects effects;
  child_serial child = 0;

  explicit driver(engine_policy policy = {}) : machine(policy) {}

  driver& operator()(engine_event const& event) {
    effects = machine.apply(event, now, 0.5);
    if (auto const* spawned = find<spawn_engine>()) child = spawned->child;
    return *this;
  }

  // Time passes in steps to each armed timer; probes go unanswered unless the test answers them.
  driver& pass(duration time) {
    now += time;
    return (*this)(engine_timer_fired{});
  }

  template <class T> T const* find() const {
    for (auto const& effect : effects)
      if (auto const* wanted = std::get_if<T>(&effect)) return wanted;
    return nullptr;
  }

  template <class T> bool has() const { return find<T>() != nullptr; }

  engine_status status() const { return machine.condition().status; }

  driver& start() {
    (*this)(engine_wanted{spec(), 0s});
    return *this;
  }

  driver& make_ready() {
    pass(100ms);
    return (*this)(probe_served{child, 0});
  }

  driver& exit(std::string reason = "it died") { return (*this)(child_exited{child, std::move(reason), ""}); }
};

TEST(EngineMachine, StartsOnceForTheSameWish) {
  driver d;
  d.start();
  ASSERT_TRUE(d.has<spawn_engine>());
  EXPECT_EQ(d.status(), engine_status::loading);
  d(engine_wanted{spec(), 0s});
  EXPECT_TRUE(d.effects.empty());
}

TEST(EngineMachine, IsReadyOnlyAfterAServedProbe) {
  driver d;
  d.start().pass(100ms);
  ASSERT_TRUE(d.has<probe_engine>());
  EXPECT_EQ(d.find<probe_engine>()->kind, probe_kind::readiness);
  d(probe_missed{d.child, "503 Loading model", 0s});
  EXPECT_EQ(d.status(), engine_status::loading);
  d.pass(100ms);
  EXPECT_TRUE(d.has<probe_engine>());
  d(probe_served{d.child, 0});
  EXPECT_EQ(d.status(), engine_status::ready);
}

TEST(EngineMachine, IsAskedBeforeItsTime) {
  driver d;
  d.start()(engine_probe_wanted{});
  EXPECT_FALSE(d.has<probe_engine>()) << "it loads";
  d.make_ready();
  d(engine_probe_wanted{});
  ASSERT_TRUE(d.has<probe_engine>());
  EXPECT_EQ(d.find<probe_engine>()->kind, probe_kind::liveness);
  d(engine_probe_wanted{});
  EXPECT_FALSE(d.has<probe_engine>()) << "it is being asked";
  d(probe_served{d.child, 0});
  d(engine_probe_wanted{});
  EXPECT_TRUE(d.has<probe_engine>());
}

TEST(EngineMachine, ProbesOneAtATime) {
  driver d;
  d.start().pass(100ms).pass(10s);
  EXPECT_FALSE(d.has<probe_engine>());
}

TEST(EngineMachine, KillsAChildThatIsNeverReady) {
  driver d;
  d.start().pass(100ms)(probe_missed{d.child, "503 Loading model", 0s});
  d.pass(15min);
  EXPECT_TRUE(d.has<kill_engine>());
  EXPECT_EQ(d.machine.condition().reason, "the engine was not ready after 900 s: 503 Loading model");
  d.exit("SIGKILL");
  EXPECT_EQ(d.status(), engine_status::backoff);
  EXPECT_TRUE(d.machine.condition().reason.starts_with("the engine was not ready"));
}

TEST(EngineMachine, StartsAgainAfterACrashWithGrowingPauses) {
  engine_policy policy;
  policy.backoff_first = 1s;
  policy.backoff_limit = 3s;
  driver d(policy);
  d.start().make_ready();
  for (auto pause : {750ms, 1500ms, 2250ms, 2250ms}) {
    d.exit();
    EXPECT_EQ(d.status(), engine_status::backoff);
    ASSERT_TRUE(d.has<arm_engine_timer>());
    EXPECT_EQ(d.find<arm_engine_timer>()->at - d.now, pause);
    d.pass(pause - 1ns);
    EXPECT_FALSE(d.has<spawn_engine>());
    d.pass(1ns);
    EXPECT_TRUE(d.has<spawn_engine>());
    d.make_ready();
  }
  EXPECT_EQ(d.machine.condition().restarts, 4U);
}

TEST(EngineMachine, ForgetsFailuresAfterAStableTime) {
  engine_policy policy;
  policy.backoff_first = 1s;
  driver d(policy);
  d.start().make_ready().exit().pass(1s).make_ready().exit();
  EXPECT_EQ(d.find<arm_engine_timer>()->at - d.now, 1500ms);
  d.pass(2s).make_ready();
  d.now += policy.stable_after;
  d.exit();
  EXPECT_EQ(d.find<arm_engine_timer>()->at - d.now, 750ms);
}

TEST(EngineMachine, ParksAfterTheSameFailedStartThreeTimes) {
  driver d;
  d.start();
  for (int i = 1; i <= 3; ++i) {
    d.exit("bad model at 0x" + std::to_string(i));
    if (i < 3) d.pass(1min);
  }
  EXPECT_EQ(d.status(), engine_status::failed);
  EXPECT_EQ(d.machine.condition().reason, "bad model at 0x3");
  d(engine_wanted{spec(), 0s});
  EXPECT_TRUE(d.effects.empty()) << "the same wish does not wake it";
  d.pass(10min);
  EXPECT_TRUE(d.has<spawn_engine>()) << "it tries again now and then";
}

TEST(EngineMachine, DifferentFailuresParkLater) {
  driver d;
  d.start();
  for (auto reason : {"a", "b", "a", "b", "a"}) {
    d.exit(reason);
    EXPECT_EQ(d.status(), engine_status::backoff);
    d.pass(1min);
  }
  EXPECT_EQ(d.exit("b").status(), engine_status::failed);
}

TEST(EngineMachine, CrashesAfterItServedDoNotPark) {
  driver d;
  d.start();
  for (int i = 0; i < 20; ++i) {
    d.make_ready().exit("the same crash");
    EXPECT_EQ(d.status(), engine_status::backoff);
    d.pass(2min);
  }
}

TEST(EngineMachine, AnotherWishWakesAParkedMachine) {
  driver d;
  d.start()(spawn_refused{d.child, {error_code::not_found, "no such file", "give another", {}}});
  EXPECT_EQ(d.status(), engine_status::failed);
  EXPECT_EQ(d.machine.condition().hint, "give another");
  d(engine_wanted{spec("other"), 0s});
  EXPECT_TRUE(d.has<spawn_engine>());
  EXPECT_EQ(d.machine.condition().reason, "it loads the model");
}

TEST(EngineMachine, ARefusedSpawnThatMayWorkLaterIsRetriedSoon) {
  driver d;
  d.start()(spawn_refused{d.child, {error_code::unavailable, "no processes left", "", {}}});
  EXPECT_EQ(d.status(), engine_status::backoff);
}

TEST(EngineMachine, KillsAHungChildThatUsesHardlyAnyProcessorTime) {
  driver d;
  d.start().make_ready();
  mono_time const last_answer = d.now;
  d.pass(2s);
  for (duration cpu = 7s; !d.has<kill_engine>() && d.now - last_answer < 1min; cpu += 1ms) {
    d.now += 5s; // the probe's deadline
    d(probe_missed{d.child, "no answer within 5 s", cpu});
    if (!d.has<kill_engine>()) d.pass(100ms);
  }
  EXPECT_TRUE(d.has<kill_engine>());
  EXPECT_LE(d.now - last_answer, 30s);
  EXPECT_TRUE(d.machine.condition().reason.starts_with("the engine hung")) << d.machine.condition().reason;
  d.exit("SIGKILL");
  EXPECT_TRUE(d.machine.condition().reason.starts_with("the engine hung"));
  EXPECT_TRUE(d.pass(1s).has<spawn_engine>());
}

TEST(EngineMachine, LetsABusyChildBeSilentForLonger) {
  driver d;
  d.start().make_ready();
  mono_time const last_answer = d.now;
  d.pass(2s);
  for (duration cpu = 1s; !d.has<kill_engine>() && cpu < 1h; cpu += 5s) {
    d.now += 5s;
    d(probe_missed{d.child, "no answer within 5 s", cpu});
    if (!d.has<kill_engine>()) d.pass(100ms);
  }
  EXPECT_TRUE(d.has<kill_engine>());
  EXPECT_GE(d.now - last_answer, engine_policy{}.busy_hang_after);
}

TEST(EngineMachine, AnAnswerEndsTheSuspicion) {
  driver d;
  d.start().make_ready();
  for (int i = 0; i < 20; ++i) {
    d.pass(2s);
    d.now += 5s;
    d(probe_missed{d.child, "no answer", 1s});
    d.pass(100ms)(probe_served{d.child, 1});
  }
  EXPECT_EQ(d.status(), engine_status::ready);
  EXPECT_EQ(d.machine.condition().slots_busy, 1);
}

TEST(EngineMachine, DrainsBeforeItStops) {
  driver d;
  d.start().make_ready()(engine_unwanted{10s});
  EXPECT_EQ(d.status(), engine_status::draining);
  EXPECT_FALSE(d.has<terminate_engine>());
  d.pass(0s)(probe_served{d.child, 2});
  EXPECT_FALSE(d.has<terminate_engine>());
  d.pass(100ms)(probe_served{d.child, 0});
  EXPECT_TRUE(d.has<terminate_engine>());
  d.exit();
  EXPECT_EQ(d.status(), engine_status::none);
  EXPECT_EQ(d.machine.condition().reason, "");
}

TEST(EngineMachine, StopsDrainingAtTheDeadlineAndBeingPoliteAfterTheGrace) {
  driver d;
  d.start().make_ready()(engine_unwanted{10s});
  d.pass(0s).pass(10s);
  EXPECT_TRUE(d.has<terminate_engine>());
  d.pass(5s);
  EXPECT_TRUE(d.has<kill_engine>());
  d.pass(5s);
  EXPECT_FALSE(d.has<kill_engine>());
}

TEST(EngineMachine, AChangedWishReplacesTheChild) {
  driver d;
  d.start().make_ready()(engine_wanted{spec("other"), 0s});
  EXPECT_EQ(d.status(), engine_status::draining);
  d.pass(0s);
  EXPECT_TRUE(d.has<terminate_engine>());
  d.exit();
  ASSERT_TRUE(d.has<spawn_engine>());
  EXPECT_EQ(d.find<spawn_engine>()->spec.alias, "other");
  EXPECT_EQ(d.machine.condition().restarts, 0U);
}

TEST(EngineMachine, AWishTakenBackWhileDrainingKeepsTheChild) {
  driver d;
  d.start().make_ready();
  auto const child = d.child;
  d(engine_unwanted{10s})(engine_wanted{spec(), 0s});
  EXPECT_EQ(d.status(), engine_status::ready);
  EXPECT_EQ(d.child, child);
}

TEST(EngineMachine, EndsALoadingChildAtOnce) {
  driver d;
  d.start()(engine_unwanted{1h});
  EXPECT_TRUE(d.has<terminate_engine>());
  EXPECT_EQ(d.exit().status(), engine_status::none);
}

TEST(EngineMachine, StopsFromEveryWaitingState) {
  driver d;
  d.start().exit()(engine_unwanted{1h});
  EXPECT_EQ(d.status(), engine_status::none);
  EXPECT_FALSE(d.pass(1h).has<spawn_engine>());
  d.start()(spawn_refused{d.child, {error_code::invalid_input, "bad", "", {}}});
  EXPECT_EQ(d(engine_unwanted{0s}).status(), engine_status::none);
}

TEST(EngineMachine, IgnoresWhatHappenedToAnEarlierChild) {
  driver d;
  d.start();
  auto const first = d.child;
  d.exit().pass(1s).make_ready();
  ASSERT_NE(d.child, first);
  d(child_exited{first, "late", ""});
  EXPECT_TRUE(d.effects.empty());
  d(probe_missed{first, "late", 0s});
  EXPECT_EQ(d.status(), engine_status::ready);
}

TEST(EngineMachine, SpreadsRetriesByTheGivenNumber) {
  for (double random : {0.0, 0.5, 0.999}) {
    engine_machine machine;
    machine.apply(engine_wanted{spec(), 0s}, mono_time{}, random);
    machine.apply(child_exited{1, "x", ""}, mono_time{}, random);
    auto const delay = *machine.condition().retry_at - mono_time{};
    auto const expected = duration(static_cast<duration::rep>(250'000'000 * (0.5 + random / 2)));
    EXPECT_EQ(delay, expected);
  }
}

} // namespace
} // namespace paddler
