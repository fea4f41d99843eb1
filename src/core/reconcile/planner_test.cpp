#include "core/reconcile/planner.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace paddler {
namespace {

using std::chrono::seconds;

mono_time const now{seconds(100)};

applicable_model content(std::string name) {
  applicable_model out;
  out.name = std::move(name);
  out.slots = 2;
  return out;
}

observed_engine engine(std::uint64_t number, std::string name, engine_status status, engine_admission admission) {
  observed_engine out;
  out.engine = {number};
  out.content = content(std::move(name));
  out.memory_bytes = 4;
  out.status = status;
  out.admission = admission;
  return out;
}

observed_engine serving(std::uint64_t number, std::string name) {
  return engine(number, std::move(name), engine_status::ready, engine_admission::offered);
}

observed_engine loading(std::uint64_t number, std::string name) {
  return engine(number, std::move(name), engine_status::loading, engine_admission::never);
}

observed_engine ready(std::uint64_t number, std::string name) {
  return engine(number, std::move(name), engine_status::ready, engine_admission::never);
}

observed_engine stopping(observed_engine out) {
  out.stopping = true;
  return out;
}

observed_engine draining(observed_engine out, int busy, mono_time until) {
  out.admission = engine_admission::draining;
  out.busy = busy;
  out.drain_until = until;
  return out;
}

observed_engine with(observed_engine out, engine_admission admission) {
  out.admission = admission;
  return out;
}

observed_engine with(observed_engine out, engine_status status) {
  out.status = status;
  return out;
}

// The action as "load", "admit 2" and so on, or "nothing".
std::string next(std::string wanted, std::vector<observed_engine> const& engines,
                 std::optional<std::uint64_t> memory = 8, reconcile_facts facts = {}) {
  static constexpr std::string_view names[] = {"load", "admit", "drain", "unload", "restart"};
  facts.memory_bytes = memory;
  reconcile_goal goal;
  goal.memory_bytes = 4;
  if (!wanted.empty()) goal.content = content(std::move(wanted));
  auto const out = plan(goal, engines, facts, now);
  if (!out) return "nothing";
  EXPECT_FALSE(out->difference.empty());
  std::string text(names[static_cast<std::size_t>(out->action)]);
  if (out->engine.value != 0) text += " " + std::to_string(out->engine.value);
  return text + (out->gives_up ? " and give up" : "");
}

TEST(Planner, DoesNothingWhereNothingDiffers) {
  EXPECT_EQ(next("", {}), "nothing");
  EXPECT_EQ(next("a", {serving(1, "a")}), "nothing");
  EXPECT_EQ(next("a", {with(serving(1, "a"), engine_status::backoff)}), "nothing") << "its supervisor restarts it";
}

TEST(Planner, StartsAndEnds) {
  EXPECT_EQ(next("a", {}), "load");
  EXPECT_EQ(next("a", {}, 1), "load") << "alone it may try";
  EXPECT_EQ(next("a", {loading(1, "a")}), "nothing");
  EXPECT_EQ(next("a", {ready(1, "a")}), "admit 1");
  EXPECT_EQ(next("", {serving(1, "a")}), "drain 1");
  EXPECT_EQ(next("", {loading(1, "a")}), "unload 1");
  EXPECT_EQ(next("", {stopping(serving(1, "a"))}), "nothing");
}

TEST(Planner, SwapsBesideWhereBothFit) {
  EXPECT_EQ(next("b", {serving(1, "a")}), "load");
  EXPECT_EQ(next("b", {serving(1, "a"), loading(2, "b")}), "nothing");
  EXPECT_EQ(next("b", {serving(1, "a"), ready(2, "b")}), "admit 2");
  auto const withdrawn = with(serving(1, "a"), engine_admission::withdrawn);
  EXPECT_EQ(next("b", {withdrawn, serving(2, "b")}), "drain 1");
  EXPECT_EQ(next("b", {draining(withdrawn, 1, now + seconds(1)), serving(2, "b")}), "nothing");
  EXPECT_EQ(next("b", {draining(withdrawn, 1, now), serving(2, "b")}), "unload 1");
  EXPECT_EQ(next("b", {draining(withdrawn, 0, now + seconds(1)), serving(2, "b")}), "unload 1");
}

TEST(Planner, DrainsFirstWhereBothDoNotFitOrNobodyKnows) {
  EXPECT_EQ(next("b", {serving(1, "a")}, 7), "drain 1");
  EXPECT_EQ(next("b", {serving(1, "a")}, std::nullopt), "drain 1");
  auto unknown = serving(1, "a");
  unknown.memory_bytes.reset();
  EXPECT_EQ(next("b", {unknown}), "drain 1");
  EXPECT_EQ(next("b", {draining(serving(1, "a"), 0, now)}, 7), "unload 1");
  EXPECT_EQ(next("b", {stopping(serving(1, "a"))}, 7), "nothing") << "its memory is not free yet";
}

TEST(Planner, ANewerWishTakesTheLoadingEngineAwayAndLeavesTheServingOne) {
  EXPECT_EQ(next("c", {serving(1, "a"), loading(2, "b")}), "unload 2");
  EXPECT_EQ(next("c", {serving(1, "a"), stopping(loading(2, "b"))}), "nothing");
  EXPECT_EQ(next("a", {serving(1, "a"), loading(2, "b")}), "unload 2");
}

TEST(Planner, WhatIsDrainedAndWantedAgainIsAdmittedAgain) {
  EXPECT_EQ(next("a", {draining(serving(1, "a"), 1, now + seconds(1)), serving(2, "b")}), "admit 1");
  EXPECT_EQ(next("a", {stopping(serving(1, "a")), serving(2, "b")}), "nothing") << "two engines of one model at once";
}

TEST(Planner, KeepsWhatServesWhereTheNewOneFails) {
  EXPECT_EQ(next("b", {serving(1, "a"), with(loading(2, "b"), engine_status::failed)}), "nothing");
  reconcile_facts facts;
  reconcile_goal const before{content("a"), 4};
  facts.last_good = &before;
  EXPECT_EQ(next("b", {with(loading(2, "b"), engine_status::failed)}, 7, facts), "unload 2 and give up");
  facts.given_up = true;
  EXPECT_EQ(next("b", {stopping(loading(2, "b"))}, 7, facts), "nothing");
  EXPECT_EQ(next("b", {}, 7, facts), "load");
  EXPECT_EQ(next("b", {ready(3, "a")}, 7, facts), "admit 3");
  EXPECT_EQ(next("b", {serving(3, "a")}, 7, facts), "nothing");
  EXPECT_EQ(next("b", {with(loading(2, "b"), engine_status::failed)}, 7), "nothing") << "nothing good is known";
}

TEST(Planner, TriesAGoalAgainOnlyBesideWhatServesInItsPlace) {
  reconcile_goal const before{content("a"), 4};
  reconcile_facts facts;
  facts.last_good = &before;
  facts.given_up = true;
  EXPECT_EQ(next("b", {serving(3, "a")}, 8, facts), "nothing") << "not yet";
  facts.retry_due = true;
  EXPECT_EQ(next("b", {serving(3, "a")}, 8, facts), "load");
  EXPECT_EQ(next("b", {serving(3, "a")}, 7, facts), "nothing") << "it would interrupt service";
  EXPECT_EQ(next("b", {serving(3, "a")}, std::nullopt, facts), "nothing") << "it might";
  EXPECT_EQ(next("b", {loading(3, "a")}, 8, facts), "nothing") << "what served before comes first";
  EXPECT_EQ(next("b", {stopping(serving(3, "a"))}, 8, facts), "nothing");
  EXPECT_EQ(next("", {serving(3, "a")}, 8, facts), "nothing");
}

TEST(Planner, NeverMakesAThirdEngineHoweverMuchMemoryThereIs) {
  constexpr std::uint64_t plenty = 1000;
  EXPECT_EQ(next("c", {serving(1, "a")}, plenty), "load");
  EXPECT_EQ(next("c", {serving(1, "a"), stopping(loading(2, "b"))}, plenty), "nothing");
  reconcile_goal const before{content("a"), 4};
  reconcile_facts const facts{.memory_bytes = {}, .last_good = &before, .given_up = true, .retry_due = true};
  EXPECT_EQ(next("b", {serving(3, "a")}, plenty, facts), "load");
  EXPECT_EQ(next("b", {serving(3, "a"), stopping(loading(2, "b"))}, plenty, facts), "nothing");
}

TEST(Planner, WaitsForAnEndOnlyWhereRoomOrNameIsTaken) {
  auto const ending = stopping(loading(1, "a"));
  EXPECT_EQ(next("b", {ending}, 8), "load");
  EXPECT_EQ(next("b", {ending}, 7), "nothing") << "its memory is not free yet";
  EXPECT_EQ(next("a", {ending}, 8), "nothing") << "two engines of one model at once";
}

// The simulated engine needs none: whoever has it beside a real one is to have all of it for that.
TEST(Planner, MemoryIsUsedToTheLastByte) {
  auto light = serving(1, "a");
  light.memory_bytes = 0;
  EXPECT_EQ(next("b", {light}, 4), "load");
  EXPECT_EQ(next("b", {light}, 3), "drain 1");
  EXPECT_EQ(next("b", {serving(1, "a")}, 8), "load");
}

TEST(Planner, IsConvergedWhereOneEngineServesWhatIsWantedAndNothingElseIsThere) {
  auto const converged = [](std::string wanted, std::vector<observed_engine> const& engines) {
    reconcile_goal goal;
    if (!wanted.empty()) goal.content = content(std::move(wanted));
    return is_converged(goal, engines);
  };
  EXPECT_TRUE(converged("", {}));
  EXPECT_TRUE(converged("a", {serving(1, "a")}));
  EXPECT_FALSE(converged("", {serving(1, "a")}));
  EXPECT_FALSE(converged("a", {}));
  EXPECT_FALSE(converged("a", {serving(1, "b")}));
  EXPECT_FALSE(converged("a", {ready(1, "a")})) << "its slots are not offered";
  EXPECT_FALSE(converged("a", {with(serving(1, "a"), engine_status::backoff)}));
  EXPECT_FALSE(converged("a", {stopping(serving(1, "a"))}));
  EXPECT_FALSE(converged("a", {serving(1, "a"), stopping(loading(2, "b"))}));
}

TEST(Planner, SaysWhenToLookAgain) {
  std::vector<observed_engine> const engines = {draining(serving(1, "a"), 1, now + seconds(3)), serving(2, "b")};
  EXPECT_EQ(next_plan(engines, now), now + seconds(3));
  EXPECT_EQ(next_plan(engines, now + seconds(3)), std::nullopt);
  EXPECT_EQ(next_plan({}, now), std::nullopt);
  auto const sooner = draining(serving(3, "c"), 1, now + seconds(2));
  EXPECT_EQ(next_plan(std::vector{engines[0], sooner}, now), now + seconds(2));
  EXPECT_EQ(next_plan(std::vector{sooner, engines[0]}, now), now + seconds(2));
  EXPECT_EQ(next_plan(std::vector{stopping(sooner)}, now), std::nullopt);
}

} // namespace
} // namespace paddler
