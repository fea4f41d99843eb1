#include "base/random.hpp"
#include "core/dispatch/route_search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace paddler {
namespace {

using enum routing_strategy;

engine_ordinal nth(std::size_t number) { return engine_ordinal{static_cast<std::uint16_t>(number)}; }

engine_key key(std::string model, std::size_t agent) {
  return {std::move(model), {"agent-" + std::to_string(agent)}, {1}, 1};
}

std::vector<block_hash> prompt(std::uint64_t seed, std::size_t size) {
  random_source random(seed);
  std::vector<block_hash> out;
  while (out.size() < size) out.push_back(block_hash{random.next()});
  return out;
}

void know_nothing(route_candidate&) {}

// Engines with four slots each.
struct fleet {
  slot_table slots;
  prefix_index index{1 << 12};
  std::string model = "m";
  std::uint64_t serials = 0;

  explicit fleet(std::size_t engines) {
    for (std::size_t i = 0; i < engines; ++i) add("m", i);
  }

  void add(std::string const& of, std::size_t agent) {
    for (int slot = 0; slot < 4; ++slot) slots.open({++serials}, key(of, agent));
  }

  [[nodiscard]] route_search_result search(routing_strategy strategy, std::vector<block_hash> const& blocks = {},
                                           candidate_knowledge const& know = know_nothing,
                                           std::optional<engine_ordinal> session_engine = {},
                                           std::size_t turn = 0) const {
    return search_route(slots, index,
                        {.model = model,
                         .blocks = blocks,
                         .prompt_blocks = blocks.size(),
                         .session_engine = session_engine,
                         .turn = nth(turn)},
                        {.strategy = strategy}, know);
  }
};

TEST(RouteSearch, AsksThoseWhoHaveThePromptAndAFewWhoAreLeastBusy) {
  fleet of(100);
  auto const asked = prompt(1, 32);
  of.index.insert(asked, nth(70));
  of.index.insert({asked.data(), 8}, nth(2));
  of.slots.take(nth(70));
  auto const found = of.search(prefix, asked);
  EXPECT_EQ(found.choice.engine, nth(70));
  EXPECT_EQ(found.choice.reason, route_reason::prefix);
  std::vector<engine_ordinal> engines;
  for (auto const& each : found.candidates) engines.push_back(each.engine);
  EXPECT_EQ(engines, (std::vector{nth(70), nth(2), nth(0), nth(1), nth(3)}));
  EXPECT_EQ(found.candidates[0].cached_blocks, 32U);
  EXPECT_EQ(found.candidates[0].busy, 1U);
  EXPECT_EQ(found.candidates[0].total, 4U);
  EXPECT_EQ(found.candidates[1].cached_blocks, 8U);
  EXPECT_EQ(of.search(least_loaded, asked).choice.engine, nth(0)) << "who does not ask for it does not get it";
}

TEST(RouteSearch, AsksForTheSessionsEngine) {
  fleet of(100);
  of.slots.take(nth(70));
  EXPECT_EQ(of.search(session, {}, know_nothing, nth(70)).choice.engine, nth(70));
  EXPECT_EQ(of.search(session, {}, know_nothing, nth(700)).choice.engine, nth(0)) << "it is not there any more";
  EXPECT_EQ(of.search(prefix, {}, know_nothing, nth(70)).choice.engine, nth(0));
}

TEST(RouteSearch, AnEngineOfAnotherModelIsNoCandidate) {
  fleet of(3);
  of.add("other", 7);
  auto const asked = prompt(1, 4);
  of.index.insert(asked, nth(3));
  EXPECT_EQ(of.search(prefix, asked).choice.engine, nth(0));
  EXPECT_EQ(of.search(session, {}, know_nothing, nth(3)).choice.engine, nth(0));
  of.model = "none";
  EXPECT_FALSE(of.search(prefix, asked).choice.engine);
}

TEST(RouteSearch, WhoLostItGivesWayToOthers) {
  fleet of(100);
  auto const know = [](route_candidate& it) { it.lost_it = it.engine < nth(3); };
  EXPECT_EQ(of.search(prefix, {}, know).choice.engine, nth(3));
}

TEST(RouteSearchLaws, ItGoesSomewhereIfItCanGoAnywhereAndThereWhereARouteOverAllWouldSendIt) {
  random_source random(1);
  for (int round = 0; round < 300; ++round) {
    fleet of(1 + random.below(80));
    for (std::size_t i = 0; i < 80; ++i)
      for (auto left = random.below(5); left > 0; --left) of.slots.take(nth(i));
    std::set<engine_ordinal> unfit;
    auto const unfit_of_ten = random.below(11);
    for (std::size_t i = 0; i < 80; ++i)
      if (random.below(10) < unfit_of_ten) unfit.insert(nth(i));
    auto const know = [&](route_candidate& it) {
      if (unfit.contains(it.engine)) it.filter = route_filter::other_identity;
    };
    std::vector<route_candidate> all;
    for (std::size_t i = 0; i < of.slots.count().engines; ++i) {
      auto const load = of.slots.load_of(nth(i));
      all.push_back({.engine = nth(i), .busy = load.busy, .total = load.total});
      know(all.back());
    }
    for (auto const strategy : {prefix, session, least_loaded, round_robin}) {
      auto const turn = random.below(100);
      auto const found = of.search(strategy, {}, know, {}, turn);
      EXPECT_EQ(found.choice.engine,
                choose_route({.candidates = all, .turn = nth(turn)}, {.strategy = strategy}).engine);
      EXPECT_EQ(found.choice,
                choose_route({.candidates = found.candidates, .turn = nth(turn)}, {.strategy = strategy}));
      if (unfit.empty()) EXPECT_LE(found.candidates.size(), least_busy_asked);
    }
  }
}

} // namespace
} // namespace paddler
