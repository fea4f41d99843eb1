// Where requests go, as tables; and laws over random candidates, and over a whole fleet that fills.
#include "base/random.hpp"
#include "core/dispatch/routing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

namespace paddler {
namespace {

using enum routing_strategy;
using std::chrono::milliseconds;
using std::chrono::seconds;
using candidates = std::vector<route_candidate>;

constexpr std::array strategies{prefix, session, least_loaded, round_robin};
constexpr std::array filters{route_filter::drained,        route_filter::breaker_open,   route_filter::stale_link,
                             route_filter::other_identity, route_filter::suspect_aboard, route_filter::small_context};

engine_ordinal engine(std::size_t number) { return engine_ordinal{static_cast<std::uint16_t>(number)}; }

route_candidate with(std::size_t number, std::uint16_t busy, std::uint16_t total, std::size_t cached = 0) {
  route_candidate out;
  out.engine = engine(number);
  out.busy = busy;
  out.total = total;
  out.cached_blocks = cached;
  return out;
}

route_choice ask(candidates const& of, routing_strategy strategy, std::size_t prompt_blocks = 16,
                 std::size_t turn = 0) {
  return choose_route({.candidates = of, .prompt_blocks = prompt_blocks, .turn = engine(turn)}, {.strategy = strategy});
}

// --- tables ---

struct row {
  std::string_view name;
  routing_strategy strategy;
  candidates of;
  std::optional<std::size_t> chosen;
  route_reason reason;
};

void check(std::vector<row> const& rows) {
  for (auto const& [name, strategy, of, chosen, reason] : rows) {
    auto const choice = ask(of, strategy);
    EXPECT_EQ(choice.engine, chosen ? std::optional(engine(*chosen)) : std::nullopt) << name;
    EXPECT_EQ(choice.reason, reason) << name;
    EXPECT_EQ(choice.scores.size(), of.size()) << name;
  }
}

TEST(Routing, ByPrefix) {
  check({
      {"nobody", prefix, {}, std::nullopt, route_reason::nowhere},
      {"all full", prefix, {with(1, 4, 4, 9), with(2, 0, 0)}, std::nullopt, route_reason::nowhere},
      {"the deepest", prefix, {with(1, 0, 4, 3), with(2, 0, 4, 9), with(3, 0, 4)}, 2, route_reason::prefix},
      {"although busier", prefix, {with(1, 0, 4), with(2, 1, 4, 9)}, 2, route_reason::prefix},
      {"the less busy of two", prefix, {with(1, 2, 8, 9), with(2, 1, 8, 9)}, 2, route_reason::prefix},
      {"saturated", prefix, {with(1, 0, 4), with(2, 2, 4, 9)}, 1, route_reason::load},
      {"one slot never saturates", prefix, {with(1, 0, 2), with(2, 1, 2, 9)}, 2, route_reason::prefix},
      {"saturated, another has less", prefix, {with(1, 0, 8, 1), with(2, 3, 8, 9)}, 1, route_reason::prefix},
      {"full, nothing cached elsewhere",
       prefix,
       {with(1, 3, 4), with(2, 4, 4, 9), with(3, 2, 4)},
       3,
       route_reason::load},
      {"a miss", prefix, {with(1, 2, 4), with(2, 1, 4), with(3, 2, 4)}, 2, route_reason::load},
  });
}

TEST(Routing, BySession) {
  auto const bound = [](std::size_t number, std::uint16_t busy, std::uint16_t total) {
    auto out = with(number, busy, total);
    out.has_session = true;
    return out;
  };
  check({
      {"where it was", session, {with(1, 0, 4), bound(2, 1, 4)}, 2, route_reason::session},
      {"whatever is cached", session, {with(1, 0, 4, 16), bound(2, 1, 4)}, 2, route_reason::session},
      {"saturated", session, {with(1, 0, 4), bound(2, 2, 4)}, 1, route_reason::load},
      {"full", session, {with(1, 1, 4), with(3, 0, 4), bound(2, 4, 4)}, 3, route_reason::load},
      {"a new one", session, {with(1, 1, 4), with(2, 0, 4)}, 2, route_reason::load},
      {"only its session asks for it", prefix, {with(1, 0, 4), bound(2, 1, 4)}, 1, route_reason::load},
  });
}

TEST(Routing, ByLoadOrInTurn) {
  check({
      {"the smallest share", least_loaded, {with(1, 2, 8, 16), with(2, 1, 2), with(3, 1, 8)}, 3, route_reason::load},
      {"the first in turn", least_loaded, {with(9, 0, 2), with(4, 0, 8)}, 4, route_reason::load},
      {"whatever its load", round_robin, {with(9, 0, 2), with(4, 7, 8)}, 4, route_reason::turn},
  });
}

TEST(Routing, WhoLostItIsAskedLast) {
  auto lost = with(1, 0, 4, 16);
  lost.lost_it = true;
  for (auto const strategy : strategies) {
    EXPECT_EQ(ask({lost, with(2, 3, 4)}, strategy).engine, engine(2));
    EXPECT_TRUE(ask({lost, with(2, 3, 4)}, strategy).scores[0].avoided);
    EXPECT_EQ(ask({lost, with(2, 4, 4)}, strategy).engine, engine(1));
    EXPECT_EQ(ask({lost}, strategy).engine, engine(1));
  }
}

TEST(Routing, SaysWhatEachWasWorth) {
  auto const choice =
      choose_route({.candidates = candidates{with(1, 1, 4, 6), with(2, 3, 4), with(3, 4, 4)}, .prompt_blocks = 10},
                   {.full_load = seconds(2)});
  EXPECT_EQ(choice.engine, engine(1));
  EXPECT_EQ(choice.scores, (std::vector<route_score>{
                               {.engine = engine(1),
                                .cached_blocks = 6,
                                .prefill = milliseconds(256),
                                .load = milliseconds(500),
                                .token = milliseconds(50)},
                               {.engine = engine(2),
                                .saturated = true,
                                .prefill = milliseconds(640),
                                .load = milliseconds(1500),
                                .token = milliseconds(50)},
                               {.engine = engine(3), .filter = route_filter::no_idle_slot},
                           }));
  EXPECT_EQ(choice.scores[0].total(), milliseconds(806));
}

TEST(Routing, SpeedsCountAsMeasured) {
  auto slow = with(1, 0, 4, 8);
  slow.prefill_speed = 100;
  slow.decode_speed = 5;
  auto fast = with(2, 0, 4);
  fast.prefill_speed = 2'000;
  fast.decode_speed = 40;
  auto const choice = ask({slow, fast, with(3, 0, 4)}, prefix);
  EXPECT_EQ(choice.scores[0].prefill, milliseconds(5'120));
  EXPECT_EQ(choice.scores[0].token, milliseconds(200));
  EXPECT_EQ(choice.scores[1].prefill, milliseconds(512));
  EXPECT_EQ(choice.scores[1].token, milliseconds(25));
  EXPECT_EQ(choice.scores[2].total(), choice.scores[1].total()) << "what was not measured yet counts as the best";
  EXPECT_EQ(choice.engine, engine(2)) << "reading all of it there is faster than the rest of it here";
  EXPECT_EQ(choice.reason, route_reason::load);
}

TEST(Routing, OfEqualLoadTheOneThatIsLeastAheadIsNext) {
  auto const ahead = [](std::size_t number, std::uint16_t busy, duration by) {
    auto out = with(number, busy, 4);
    out.ahead = by;
    return out;
  };
  auto const choice = ask({ahead(1, 0, seconds(8)), ahead(2, 0, seconds(2)), ahead(3, 0, seconds(4))}, least_loaded);
  EXPECT_EQ(choice.engine, engine(2));
  EXPECT_EQ(choice.scores[0].pace, milliseconds(100)) << "a tenth of the full load, whoever is ahead most";
  EXPECT_EQ(choice.scores[1].pace, milliseconds(25));
  EXPECT_EQ(choice.scores[2].pace, milliseconds(50));
  EXPECT_EQ(ask({ahead(1, 0, seconds(8)), ahead(2, 1, {})}, prefix).engine, engine(1)) << "load outweighs it";
  EXPECT_EQ(ask({ahead(1, 0, seconds(8)), ahead(2, 0, {})}, round_robin, 16, 1).engine, engine(1));
}

TEST(Routing, TheLastOfThoseThatFailTooOftenIsKept) {
  auto kept = with(2, 1, 4);
  kept.kept = true;
  auto open = with(1, 0, 4);
  open.filter = route_filter::breaker_open;
  for (auto const strategy : strategies) {
    EXPECT_EQ(ask({open, kept}, strategy).engine, engine(2));
    EXPECT_EQ(ask({open, kept}, strategy).reason, route_reason::kept);
  }
}

TEST(Routing, WhatIsCachedBeyondThePromptCountsNothing) {
  EXPECT_EQ(ask({with(1, 0, 4, 100)}, prefix, 10).scores[0].cached_blocks, 10U);
  EXPECT_EQ(ask({with(1, 0, 4, 100)}, prefix, 0).reason, route_reason::load);
}

TEST(Routing, TurnsGoRound) {
  EXPECT_EQ(next_turn(engine(3)), engine(4));
  EXPECT_EQ(next_turn(engine(65'535)), engine(0));
  EXPECT_EQ(ask({with(3, 0, 4), with(65'535, 0, 4)}, least_loaded, 1, 4).engine, engine(65'535));
  EXPECT_EQ(ask({with(3, 0, 4), with(65'535, 0, 4)}, least_loaded, 1, 0).engine, engine(3));
}

// --- laws ---

candidates any_candidates(random_source& random) {
  candidates out;
  std::set<engine_ordinal> used;
  auto const one_in = [&](std::uint64_t n) { return random.below(n) == 0; };
  auto const speed = [&](std::uint64_t most) {
    return static_cast<std::uint32_t>(one_in(2) ? 0 : 1 + random.below(most));
  };
  for (auto left = random.below(20); left > 0; --left) {
    auto it = with(random.below(one_in(2) ? 30 : 65'536), 0, static_cast<std::uint16_t>(random.below(17)));
    if (!used.insert(it.engine).second) continue;
    it.busy = static_cast<std::uint16_t>(random.below(it.total + 1U));
    if (one_in(4)) it.filter = filters.at(random.below(filters.size()));
    it.lost_it = one_in(8);
    it.has_session = one_in(10);
    it.cached_blocks = one_in(3) ? random.below(40) : 0;
    it.prefill_speed = speed(5'000);
    it.decode_speed = speed(100);
    it.ahead = one_in(2) ? duration{} : milliseconds(random.below(10'000));
    out.push_back(it);
  }
  return out;
}

struct asked {
  candidates of;
  std::size_t prompt_blocks = 0;
  engine_ordinal turn{};
  routing_policy policy;

  [[nodiscard]] route_choice answer() const {
    return choose_route({.candidates = of, .prompt_blocks = prompt_blocks, .turn = turn}, policy);
  }
};

template <class Law> void for_any(Law law) {
  random_source random(1);
  for (int i = 0; i < 20'000; ++i) {
    asked one{.of = any_candidates(random),
              .prompt_blocks = random.below(60),
              .turn = engine(random.below(40)),
              .policy = {.strategy = strategies.at(random.below(strategies.size())),
                         .saturation_percent = static_cast<std::uint32_t>(random.below(101)),
                         .full_load = milliseconds(random.below(3'000)),
                         .pace_percent = static_cast<std::uint32_t>(random.below(101))}};
    law(one, one.answer(), random);
  }
}

bool can_take(route_candidate const& it) { return it.filter == route_filter::none && it.busy < it.total; }

std::uint16_t waits(asked const& one, engine_ordinal engine) {
  return static_cast<std::uint16_t>(static_cast<unsigned>(engine) - static_cast<unsigned>(one.turn));
}

route_candidate const& chosen_of(asked const& one, route_choice const& choice) {
  return *std::ranges::find(one.of, *choice.engine, &route_candidate::engine);
}

TEST(RoutingLaws, SomebodyWhoCanTakeItIsChosenIfThereIsOne) {
  for_any([](asked const& one, route_choice const& choice, random_source&) {
    ASSERT_EQ(choice.engine.has_value(), std::ranges::any_of(one.of, can_take));
    ASSERT_EQ(choice.engine.has_value(), choice.reason != route_reason::nowhere);
    if (!choice.engine) return;
    auto const& chosen = chosen_of(one, choice);
    EXPECT_TRUE(can_take(chosen));
    EXPECT_EQ(chosen.lost_it,
              std::ranges::none_of(one.of, [](route_candidate const& it) { return can_take(it) && !it.lost_it; }));
  });
}

TEST(RoutingLaws, TheLeastScoreWinsAndOfEqualsTheNextInTurn) {
  for_any([](asked const& one, route_choice const& choice, random_source&) {
    ASSERT_EQ(choice.scores.size(), one.of.size());
    if (!choice.engine) return;
    auto const best = std::ranges::find(choice.scores, *choice.engine, &route_score::engine);
    for (auto const& score : choice.scores) {
      if (!score.is_eligible()) continue;
      EXPECT_GE(score.total(), best->total());
      if (score.total() == best->total()) EXPECT_GE(waits(one, score.engine), waits(one, best->engine));
    }
  });
}

TEST(RoutingLaws, TheSameForTheSameInAnyOrder) {
  for_any([](asked const& one, route_choice const& choice, random_source& random) {
    EXPECT_EQ(one.answer(), choice);
    auto other = one;
    for (auto i = other.of.size(); i > 1; --i) std::swap(other.of[i - 1], other.of[random.below(i)]);
    EXPECT_EQ(other.answer().engine, choice.engine);
    EXPECT_EQ(other.answer().reason, choice.reason);
  });
}

// In words of its own: the shares as fractions.
TEST(RoutingLaws, WhoIsSaturatedHasNothingCached) {
  std::size_t saturated = 0;
  for_any([&](asked const& one, route_choice const& choice, random_source&) {
    auto const share = [](route_candidate const& it) { return static_cast<double>(it.busy) / it.total; };
    double least = 1;
    for (std::size_t i = 0; i < one.of.size(); ++i)
      if (choice.scores[i].is_eligible()) least = std::min(least, share(one.of[i]));
    for (std::size_t i = 0; i < one.of.size(); ++i) {
      auto const& score = choice.scores[i];
      if (!score.is_eligible()) continue;
      auto const& it = one.of[i];
      auto const more = share(it) - least;
      bool const is_near =
          std::abs(more * 100 - one.policy.saturation_percent) < 1e-6 || std::abs(more * it.total - 2) < 1e-6;
      if (!is_near) EXPECT_EQ(score.saturated, more * 100 > one.policy.saturation_percent && more * it.total > 2);
      if (score.saturated) EXPECT_EQ(score.cached_blocks, 0U);
      saturated += score.saturated ? 1 : 0;
    }
  });
  EXPECT_GT(saturated, 1'000U);
}

// Or one that is a little busier, and further behind with its turns: never by more than pace outweighs, which is less
// than what saturates.
TEST(RoutingLaws, WhereNothingIsCachedLeastBusyIsChosen) {
  std::size_t misses = 0;
  for_any([&](asked const& one, route_choice const& choice, random_source&) {
    if (choice.reason != route_reason::load || one.policy.full_load == duration{}) return;
    if (std::ranges::any_of(choice.scores, [](route_score const& score) { return score.cached_blocks > 0; })) return;
    auto const& chosen = chosen_of(one, choice);
    auto const share = [](route_candidate const& it) { return static_cast<double>(it.busy) / it.total; };
    auto const most = std::min(one.policy.pace_percent, one.policy.saturation_percent) / 100.0;
    for (std::size_t i = 0; i < one.of.size(); ++i) {
      if (!choice.scores[i].is_eligible()) continue;
      bool const is_behind = one.of[i].ahead > chosen.ahead;
      EXPECT_GE(share(one.of[i]) + (is_behind ? most : 0) + 1e-6, share(chosen));
    }
    misses += one.policy.strategy == prefix ? 1 : 0;
  });
  EXPECT_GT(misses, 1'000U);
}

TEST(RoutingLaws, MoreCachedNeverLosesIt) {
  for_any([](asked one, route_choice const& choice, random_source& random) {
    if (choice.reason != route_reason::prefix) return;
    for (auto& it : one.of)
      if (it.engine == *choice.engine) it.cached_blocks += random.below(30);
    EXPECT_EQ(one.answer().engine, choice.engine);
  });
}

TEST(RoutingLaws, ASessionStaysUnlessItsEngineIsSaturatedOrCannotTakeIt) {
  for_any([](asked const& one, route_choice const& choice, random_source&) {
    if (one.policy.strategy != session || one.policy.full_load == duration{}) return;
    bool stays = false;
    for (std::size_t i = 0; i < one.of.size(); ++i)
      stays = stays || (choice.scores[i].is_eligible() && !choice.scores[i].saturated && one.of[i].has_session);
    EXPECT_EQ(choice.reason == route_reason::session, stays);
    if (stays) EXPECT_TRUE(chosen_of(one, choice).has_session);
  });
}

// --- over a fleet ---

// Its engines' slots fill one by one, all with requests of one beginning.
TEST(RoutingLaws, OneBeginningFillsNoEngineWhileOthersAreFree) {
  constexpr std::uint16_t slots = 16;
  candidates fleet;
  for (std::size_t i = 0; i < 20; ++i) fleet.push_back(with(i, 0, slots));
  fleet[7].cached_blocks = 16;
  std::set<engine_ordinal> who_had_it{engine(7)};
  engine_ordinal turn{};
  for (std::size_t i = 0; i < fleet.size() * slots; ++i) {
    auto const choice = choose_route({.candidates = fleet, .prompt_blocks = 16, .turn = turn}, {});
    ASSERT_TRUE(choice.engine);
    auto& it = fleet[static_cast<std::size_t>(*choice.engine)];
    auto const least = std::ranges::min(fleet, {}, &route_candidate::busy).busy;
    EXPECT_LE(it.busy, least + slots / 4);
    if (least == 0) EXPECT_LE(who_had_it.size(), 1 + i / (slots / 4)) << "no more engines than it takes read it";
    ++it.busy;
    it.cached_blocks = 16;
    who_had_it.insert(it.engine);
    turn = next_turn(it.engine);
  }
  EXPECT_FALSE(ask(fleet, prefix).engine);
}

TEST(RoutingLaws, EachHasItsTurn) {
  random_source random(1);
  candidates fleet;
  for (std::size_t i = 0; i < 17; ++i) fleet.push_back(with(1 + random.below(20) + 30 * i, 0, 4));
  engine_ordinal turn{};
  for (auto const strategy : {round_robin, least_loaded, prefix, session}) {
    std::set<engine_ordinal> had;
    for (std::size_t i = 0; i < fleet.size(); ++i) {
      auto const choice = ask(fleet, strategy, 16, static_cast<std::size_t>(turn));
      had.insert(*choice.engine);
      turn = next_turn(*choice.engine);
    }
    EXPECT_EQ(had.size(), fleet.size());
  }
}

} // namespace
} // namespace paddler
