// Laws of the planner over every situation that a small world can be in: all pairs of engines of three contents in
// every status and admission, each goal, with and without room, before and after a goal was given up.
#include "core/reconcile/planner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

using std::chrono::seconds;

mono_time const now{seconds(100)};

applicable_model content(int number) {
  applicable_model out;
  out.name = "m" + std::to_string(number);
  out.slots = 1 + number;
  return out;
}

struct situation {
  reconcile_goal wanted;
  std::vector<observed_engine> engines;
  reconcile_facts facts;
  reconcile_goal last_good;

  [[nodiscard]] std::optional<planned_action> next() const {
    auto known = facts;
    if (last_good.content) known.last_good = &last_good;
    return plan(wanted, engines, known, now);
  }

  // What is to run: the goal, or where it was given up what served before.
  [[nodiscard]] std::optional<applicable_model> target() const {
    return facts.given_up && last_good.content ? last_good.content : wanted.content;
  }
};

std::string words(situation const& in) {
  std::string out =
      "wanted " + (in.wanted.content ? in.wanted.content->name : "nothing") + (in.facts.given_up ? ", given up" : "");
  for (auto const& e : in.engines)
    out += "; " + std::to_string(e.engine.value) + ": " + e.content.name + " status " +
           std::to_string(static_cast<int>(e.status)) + " admission " + std::to_string(static_cast<int>(e.admission)) +
           (e.stopping ? " stopping" : "") + " busy " + std::to_string(e.busy) +
           (e.drain_until ? " until " + std::to_string((*e.drain_until - now) / seconds(1)) : "");
  return out;
}

// Every engine that there can be: of two contents, as the table of engines makes them.
std::vector<observed_engine> every_engine() {
  std::vector<observed_engine> out;
  for (int model = 1; model <= 2; ++model)
    for (auto const status :
         {engine_status::loading, engine_status::ready, engine_status::backoff, engine_status::failed})
      for (auto const admission : {engine_admission::never, engine_admission::offered, engine_admission::withdrawn,
                                   engine_admission::draining})
        for (auto const& [busy, left] : {std::pair{0, 1}, {1, 1}, {1, 0}})
          for (bool const stopping : {false, true}) {
            bool const drains = admission == engine_admission::draining;
            if (!drains && (busy > 0 || left == 0)) continue;                          // no difference to the plan
            if (stopping && !drains && admission != engine_admission::never) continue; // unloaded after a drain only
            observed_engine e;
            e.content = content(model);
            e.memory_bytes = 4;
            e.status = status;
            e.reason = "a reason";
            e.admission = admission;
            e.busy = busy;
            if (drains) e.drain_until = now + seconds(left);
            e.stopping = stopping;
            out.push_back(e);
          }
  return out;
}

// None, one, or two of them: at most one is offered, and at most one of a content.
std::vector<std::vector<observed_engine>> every_set_of_engines() {
  std::vector<std::vector<observed_engine>> out{{}};
  auto const all = every_engine();
  for (auto first : all) {
    first.engine = {1};
    out.push_back({first});
    for (auto second : all) {
      second.engine = {2};
      bool const both_offered =
          first.admission == engine_admission::offered && second.admission == engine_admission::offered;
      if (both_offered || first.content == second.content) continue;
      out.push_back({first, second});
    }
  }
  return out;
}

void for_every_situation(std::function<void(situation const&)> const& law) {
  std::size_t count = 0;
  auto const sets = every_set_of_engines();
  // Not even for one, for one, for two, and not known.
  std::array<std::optional<std::uint64_t>, 4> const rooms{3, 7, 8, std::nullopt};
  for (auto const& engines : sets)
    for (int wanted = 0; wanted <= 3; ++wanted)
      for (std::optional<std::uint64_t> const& memory : rooms)
        for (int good = 0; good <= 2; ++good)
          for (bool const given_up : {false, true}) {
            if (given_up && (good == 0 || good == wanted)) continue; // there is something to go back to
            situation in;
            in.wanted = {wanted == 0 ? std::nullopt : std::optional(content(wanted)), 4};
            in.engines = engines;
            in.facts = {.memory_bytes = memory, .last_good = nullptr, .given_up = given_up};
            if (good > 0) in.last_good = {content(good), 4};
            law(in);
            if (testing::Test::HasFailure()) FAIL() << words(in);
            ++count;
          }
  EXPECT_GT(count, 20'000U);
}

observed_engine const& engine_of(situation const& in, engine_number number) {
  return *std::ranges::find(in.engines, number, &observed_engine::engine);
}

TEST(PlannerLaws, EveryActionHasItsDifferenceAndAnEngineThatIsThere) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next) return;
    EXPECT_FALSE(next->difference.empty());
    bool const is_there = std::ranges::find(in.engines, next->engine, &observed_engine::engine) != in.engines.end();
    EXPECT_EQ(is_there, next->action != reconcile_action::load);
    if (is_there) EXPECT_FALSE(engine_of(in, next->engine).stopping) << "it was unloaded already";
  });
}

TEST(PlannerLaws, AtMostOneEngineOfAContentAndTwoInAll) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next || next->action != reconcile_action::load) return;
    EXPECT_LT(in.engines.size(), max_engines);
    for (auto const& each : in.engines) EXPECT_NE(each.content, *in.target()) << "two loads of one model at once";
  });
}

TEST(PlannerLaws, WhatIsLoadedBesideAnotherIsKnownToFit) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next || next->action != reconcile_action::load || in.engines.empty()) return;
    EXPECT_TRUE(in.facts.memory_bytes && *in.facts.memory_bytes >= 4 * (in.engines.size() + 1));
  });
}

// With the law that at most one engine is offered, an agent never has more slots than were asked for.
TEST(PlannerLaws, OnlyWhatIsToRunAndIsReadyIsAdmittedAndOnlyOnce) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next || next->action != reconcile_action::admit) return;
    auto const& engine = engine_of(in, next->engine);
    EXPECT_EQ(engine.content, in.target());
    EXPECT_EQ(engine.status, engine_status::ready);
    EXPECT_NE(engine.admission, engine_admission::offered);
  });
}

TEST(PlannerLaws, DrainBeforeUnload) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next || next->action != reconcile_action::unload || next->gives_up) return;
    auto const& engine = engine_of(in, next->engine);
    bool const never_served = engine.admission == engine_admission::never;
    bool const is_drained =
        engine.admission == engine_admission::draining && (engine.busy == 0 || *engine.drain_until <= now);
    EXPECT_TRUE(never_served || is_drained);
  });
}

TEST(PlannerLaws, WhatIsToRunIsNeitherDrainedNorUnloaded) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next || next->gives_up) return;
    if (next->action == reconcile_action::drain || next->action == reconcile_action::unload)
      EXPECT_NE(engine_of(in, next->engine).content, in.target());
  });
}

// What serves makes room for nothing but a model that cannot be loaded beside it, or for none.
TEST(PlannerLaws, WhatServesGoesOnUntilSomethingTakesItsPlace) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next || next->action != reconcile_action::drain) return;
    auto const& engine = engine_of(in, next->engine);
    if (engine.admission != engine_admission::offered || !in.target()) return;
    bool const fits = in.facts.memory_bytes && *in.facts.memory_bytes >= 8;
    EXPECT_FALSE(fits);
    EXPECT_TRUE(
        std::ranges::none_of(in.engines, [&](auto const& e) { return !e.stopping && e.content == *in.target(); }));
  });
}

TEST(PlannerLaws, ThePlanOfAnAppliedPlanIsEmpty) {
  std::size_t converged = 0;
  for_every_situation([&converged](situation const& in) {
    reconcile_goal const target{in.target(), 4};
    if (!is_converged(target, in.engines)) return;
    EXPECT_EQ(in.next().has_value(), false);
    ++converged;
  });
  EXPECT_GT(converged, 10U);
}

// A goal that was given up is parked: nothing is done for it, only for what served before.
TEST(PlannerLaws, AParkedGoalIssuesNothing) {
  for_every_situation([](situation const& in) {
    if (!in.facts.given_up) return;
    auto const next = in.next();
    if (!next) return;
    EXPECT_FALSE(next->gives_up);
    if (next->action == reconcile_action::load) EXPECT_NE(*in.target(), in.wanted.content) << "of what served before";
    if (next->action == reconcile_action::admit) EXPECT_NE(engine_of(in, next->engine).content, in.wanted.content);
  });
}

TEST(PlannerLaws, AGoalIsGivenUpOnlyForSomethingThatServed) {
  for_every_situation([](situation const& in) {
    auto const next = in.next();
    if (!next || !next->gives_up) return;
    EXPECT_TRUE(in.last_good.content && in.last_good.content != in.wanted.content);
    EXPECT_EQ(engine_of(in, next->engine).status, engine_status::failed);
    EXPECT_EQ(next->action, reconcile_action::unload);
    for (auto const& each : in.engines) EXPECT_TRUE(each.stopping || each.admission != engine_admission::offered);
  });
}

// Where nothing is planned, all is as it should be, or something is under way that will bring the next plan.
TEST(PlannerLaws, NothingIsPlannedOnlyWhereThereIsNothingToDo) {
  for_every_situation([](situation const& in) {
    if (in.next()) return;
    reconcile_goal const target{in.target(), 4};
    bool const under_way = std::ranges::any_of(in.engines, [&](observed_engine const& e) {
      bool const comes_up = e.content == in.target() && e.status != engine_status::ready; // its supervisor tries
      bool const drains = e.admission == engine_admission::draining && e.busy > 0;
      return e.stopping || comes_up || drains;
    });
    EXPECT_TRUE(under_way || is_converged(target, in.engines));
  });
}

TEST(PlannerLaws, TheNextLookIsAtTheNextEndOfADrain) {
  for_every_situation([](situation const& in) {
    auto const next = next_plan(in.engines, now);
    std::optional<mono_time> earliest;
    for (auto const& e : in.engines)
      if (!e.stopping && e.drain_until && *e.drain_until > now)
        earliest = earliest ? std::min(*earliest, *e.drain_until) : *e.drain_until;
    EXPECT_EQ(next, earliest);
  });
}

// The order in which engines are listed may choose what is cleared first, and nothing else.
TEST(PlannerLaws, TheOrderOfEnginesIsWorthNothing) {
  for_every_situation([](situation const& in) {
    auto turned = in;
    std::ranges::reverse(turned.engines);
    auto const one = in.next();
    auto const other = turned.next();
    ASSERT_EQ(one.has_value(), other.has_value());
    if (!one || (one->action == other->action && one->engine == other->engine)) return;
    auto const clears = [](planned_action const& each) {
      return each.action == reconcile_action::drain || each.action == reconcile_action::unload;
    };
    EXPECT_TRUE(clears(*one) && clears(*other));
  });
}

} // namespace
} // namespace paddler
