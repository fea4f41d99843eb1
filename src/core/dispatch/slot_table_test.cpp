#include "base/random.hpp"
#include "core/dispatch/slot_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace paddler {
namespace {

using ordinals = std::vector<engine_ordinal>;

engine_ordinal nth(std::size_t number) { return engine_ordinal{static_cast<std::uint16_t>(number)}; }

engine_key key(std::string model, std::size_t agent, std::uint64_t number = 1) {
  return {std::move(model), {"agent-" + std::to_string(agent)}, {1}, number};
}

// --- tables ---

TEST(SlotTable, ASlotIsIdleThenBusyThenIdleAgain) {
  slot_table table;
  EXPECT_EQ(table.open({1}, key("m", 0)), nth(0));
  EXPECT_EQ(table.open({2}, key("m", 0)), nth(0));
  EXPECT_EQ(table.load_of(nth(0)), (engine_load{0, 2}));
  EXPECT_EQ(table.take(nth(0)), slot_serial{1});
  EXPECT_EQ(table.load_of(nth(0)), (engine_load{1, 2}));
  table.give_back({1});
  EXPECT_EQ(table.take(nth(0)), slot_serial{2}) << "that was idle longest";
  EXPECT_EQ(table.take(nth(0)), slot_serial{1});
  EXPECT_FALSE(table.take(nth(0)));
  EXPECT_EQ(table.count(), (slot_table::totals{.slots = 2, .busy = 2, .engines = 1, .models = 0}));
}

TEST(SlotTable, WhatIsSaidTwiceOrOfNoSlotChangesNothing) {
  slot_table table;
  table.open({1}, key("m", 0));
  EXPECT_EQ(table.open({1}, key("m", 5)), nth(0));
  table.give_back({1});
  table.give_back({9});
  EXPECT_FALSE(table.close({9}));
  EXPECT_FALSE(table.take(nth(9)));
  table.withhold(nth(9), route_filter::breaker_open);
  EXPECT_EQ(table.load_of(nth(9)), engine_load{});
  EXPECT_EQ(table.key_of(nth(9)), nullptr);
  EXPECT_EQ(table.least_busy("other", 3, nth(0)), ordinals{});
  EXPECT_FALSE(table.in_turn("other", nth(0)));
  EXPECT_EQ(table.count(), (slot_table::totals{.slots = 1, .busy = 0, .engines = 1, .models = 1}));
}

TEST(SlotTable, AnEngineGoesWithItsLastSlotAndItsOrdinalIsGivenAgain) {
  slot_table table;
  table.open({1}, key("m", 0));
  table.open({2}, key("m", 1));
  table.open({3}, key("m", 1));
  table.take(nth(0));
  EXPECT_EQ(table.close({1}), nth(0));
  EXPECT_FALSE(table.close({2}));
  EXPECT_FALSE(table.find(key("m", 0)));
  EXPECT_EQ(table.open({4}, key("m", 1, 2)), nth(0)) << "another engine of the same agent";
  EXPECT_EQ(*table.key_of(nth(0)), key("m", 1, 2));
  EXPECT_EQ(table.find(key("m", 1)), nth(1));
  EXPECT_EQ(table.close({3}), nth(1));
  EXPECT_EQ(table.close({4}), nth(0));
  EXPECT_EQ(table.count(), slot_table::totals{});
}

TEST(SlotTable, TheLeastBusyFirstAndEqualsInTurn) {
  slot_table table;
  std::uint64_t serial = 0;
  for (std::size_t agent = 0; agent < 5; ++agent)
    for (std::size_t slot = 0; slot < (agent == 4 ? 8 : 4); ++slot) table.open({++serial}, key("m", agent));
  table.open({++serial}, key("other", 6));
  table.take(nth(1));
  table.take(nth(4));
  table.take(nth(4)); // a quarter of its eight, as of the other's four
  EXPECT_EQ(table.least_busy("m", 9, nth(0)), (ordinals{nth(0), nth(2), nth(3), nth(1), nth(4)}));
  EXPECT_EQ(table.least_busy("m", 9, nth(3)), (ordinals{nth(3), nth(0), nth(2), nth(4), nth(1)}));
  EXPECT_EQ(table.least_busy("m", 2, nth(4)), (ordinals{nth(0), nth(2)}));
  EXPECT_EQ(table.least_busy("m", 0, nth(4)), ordinals{});
  EXPECT_EQ(table.in_turn("m", nth(3)), nth(3));
  EXPECT_EQ(table.in_turn("m", nth(5)), nth(0));
}

TEST(SlotTable, WhoIsWithheldOrFullIsNotOffered) {
  slot_table table;
  for (std::uint64_t i = 0; i < 3; ++i) table.open({i + 1}, key("m", i));
  table.withhold(nth(0), route_filter::breaker_open);
  table.take(nth(1));
  EXPECT_EQ(table.least_busy("m", 9, nth(0)), ordinals{nth(2)});
  EXPECT_EQ(table.in_turn("m", nth(0)), nth(2));
  EXPECT_EQ(table.take(nth(0)), slot_serial{1}) << "whoever asks for it gets it";
  table.give_back({1});
  table.withhold(nth(0), route_filter::none);
  EXPECT_EQ(table.least_busy("m", 9, nth(0)), (ordinals{nth(0), nth(2)}));
  table.withhold(nth(2), route_filter::breaker_open);
  table.withhold(nth(0), route_filter::breaker_open);
  EXPECT_EQ(table.least_busy("m", 9, nth(0)), ordinals{});
}

TEST(SlotTable, HasRoomForSoManyEnginesAndSlots) {
  slot_table table;
  std::uint64_t serial = 0;
  for (std::size_t i = 0; i < max_routed_engines; ++i) ASSERT_TRUE(table.open({++serial}, key("m", i)));
  EXPECT_FALSE(table.open({++serial}, key("m", max_routed_engines)));
  EXPECT_EQ(table.close({1}), nth(0));
  EXPECT_EQ(table.open({++serial}, key("m", max_routed_engines)), nth(0));
  for (std::size_t i = 1; i < max_slots_of_engine; ++i) ASSERT_TRUE(table.open({++serial}, key("m", 7)));
  EXPECT_FALSE(table.open({++serial}, key("m", 7)));
  EXPECT_EQ(table.count().slots, max_routed_engines + max_slots_of_engine - 1);
}

// --- laws: as a plain list of slots, in which everything is searched for ---

struct plain_slot {
  slot_serial serial;
  engine_key engine;
  bool busy = false;
  std::uint64_t moved = 0;
};

struct plain_table {
  std::vector<plain_slot> slots;
  std::map<engine_key, route_filter> withheld;

  [[nodiscard]] engine_load load_of(engine_key const& engine) const {
    engine_load out;
    for (auto const& each : slots) {
      if (each.engine != engine) continue;
      ++out.total;
      if (each.busy) ++out.busy;
    }
    return out;
  }

  plain_slot* oldest_idle(engine_key const& engine) {
    plain_slot* out = nullptr;
    for (auto& each : slots)
      if (each.engine == engine && !each.busy && (out == nullptr || each.moved < out->moved)) out = &each;
    return out;
  }

  // The numbers come from the table: which they are is its own business.
  [[nodiscard]] ordinals least_busy(slot_table const& table, std::string const& model, engine_ordinal turn) const {
    std::vector<std::tuple<double, std::uint16_t, engine_ordinal>> found;
    for (auto const& [engine, why] : withheld) {
      auto const load = load_of(engine);
      if (engine.model != model || why != route_filter::none || load.busy == load.total) continue;
      auto const ordinal = *table.find(engine);
      auto const waits = static_cast<std::uint16_t>(static_cast<unsigned>(ordinal) - static_cast<unsigned>(turn));
      found.emplace_back(static_cast<double>(load.busy) / load.total, waits, ordinal);
    }
    std::ranges::sort(found);
    ordinals out;
    for (auto const& each : found) out.push_back(std::get<engine_ordinal>(each));
    return out;
  }
};

class history {
public:
  explicit history(std::uint64_t seed) : random_(seed) {}

  void step(std::uint64_t number) {
    auto const engine = key(random_.below(3) == 0 ? "a" : "b", random_.below(6), random_.below(2));
    auto const ordinal = table_.find(engine);
    switch (random_.below(6)) {
    case 0: open({number}, engine); break;
    case 1:
    case 2:
      if (ordinal) take(engine, *ordinal, number);
      break;
    case 3: give_back(number); break;
    case 4: close(); break;
    default:
      if (!ordinal) break;
      constexpr std::array reasons{route_filter::none, route_filter::none, route_filter::breaker_open,
                                   route_filter::drained};
      plain_.withheld[engine] = reasons.at(random_.below(reasons.size()));
      table_.withhold(*ordinal, plain_.withheld[engine]);
    }
    compare();
  }

  void close_all() {
    while (!plain_.slots.empty()) close();
    EXPECT_EQ(table_.count(), slot_table::totals{});
  }

private:
  void open(slot_serial serial, engine_key const& engine) {
    auto const ordinal = table_.open(serial, engine);
    ASSERT_TRUE(ordinal);
    EXPECT_EQ(*table_.key_of(*ordinal), engine);
    plain_.slots.push_back({serial, engine, false, serial.value});
    plain_.withheld.emplace(engine, route_filter::none);
  }

  void take(engine_key const& engine, engine_ordinal ordinal, std::uint64_t number) {
    auto* const oldest = plain_.oldest_idle(engine);
    auto const taken = table_.take(ordinal);
    ASSERT_EQ(taken.has_value(), oldest != nullptr);
    if (oldest == nullptr) return;
    EXPECT_EQ(*taken, oldest->serial);
    oldest->busy = true;
    oldest->moved = number;
  }

  void give_back(std::uint64_t number) {
    if (plain_.slots.empty()) return;
    auto& any = plain_.slots[random_.below(plain_.slots.size())];
    table_.give_back(any.serial);
    if (std::exchange(any.busy, false)) any.moved = number;
  }

  void close() {
    if (plain_.slots.empty()) return;
    auto const gone = std::exchange(plain_.slots[random_.below(plain_.slots.size())], plain_.slots.back());
    plain_.slots.pop_back();
    auto const ordinal = table_.find(gone.engine);
    bool const was_last = plain_.load_of(gone.engine).total == 0;
    EXPECT_EQ(table_.close(gone.serial), was_last ? ordinal : std::nullopt);
    if (was_last) plain_.withheld.erase(gone.engine);
  }

  void compare() {
    std::size_t busy = 0;
    for (auto const& each : plain_.slots) busy += each.busy ? 1 : 0;
    EXPECT_EQ(table_.count().slots, plain_.slots.size());
    EXPECT_EQ(table_.count().busy, busy);
    EXPECT_EQ(table_.count().engines, plain_.withheld.size());
    for (auto const& [engine, why] : plain_.withheld) {
      auto const ordinal = *table_.find(engine);
      EXPECT_EQ(table_.load_of(ordinal), plain_.load_of(engine));
      EXPECT_EQ(table_.withheld_for(ordinal), why);
      EXPECT_EQ(std::ranges::count(table_.engines_at(engine.model, engine.agent), ordinal), 1);
      for (auto const each : table_.engines_at(engine.model, engine.agent)) {
        EXPECT_EQ(table_.key_of(each)->agent, engine.agent);
        EXPECT_EQ(table_.key_of(each)->model, engine.model);
      }
    }
    auto const turn = nth(random_.below(12));
    for (std::string const model : {"a", "b"}) {
      auto const of = [&](auto const& each) { return each.first.model == model; };
      auto const held = [&](auto const& each) { return of(each) && each.second != route_filter::none; };
      auto const drained = [&](auto const& each) { return of(each) && each.second == route_filter::drained; };
      EXPECT_EQ(table_.engines_of(model), static_cast<std::size_t>(std::ranges::count_if(plain_.withheld, of)));
      EXPECT_EQ(table_.withheld_of(model), static_cast<std::size_t>(std::ranges::count_if(plain_.withheld, held)));
      EXPECT_EQ(table_.drained_of(model), static_cast<std::size_t>(std::ranges::count_if(plain_.withheld, drained)));
      auto all = plain_.least_busy(table_, model, turn);
      auto const count = random_.below(all.size() + 2);
      auto const next = std::ranges::min(
          joined(all), {}, [&](std::optional<engine_ordinal> each) { return each ? waits(*each, turn) : 65'536; });
      EXPECT_EQ(table_.in_turn(model, turn), next);
      all.resize(std::min(all.size(), count));
      EXPECT_EQ(table_.least_busy(model, count, turn), all);
    }
  }

  static std::vector<std::optional<engine_ordinal>> joined(ordinals const& all) {
    std::vector<std::optional<engine_ordinal>> out{std::nullopt};
    out.insert(out.end(), all.begin(), all.end());
    return out;
  }

  static int waits(engine_ordinal each, engine_ordinal turn) {
    return static_cast<std::uint16_t>(static_cast<unsigned>(each) - static_cast<unsigned>(turn));
  }

  random_source random_;
  slot_table table_;
  plain_table plain_;
};

TEST(SlotTableLaws, P5_ItDoesWhatAPlainListOfSlotsDoes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    history h(seed);
    for (std::uint64_t number = 1; number <= 300; ++number) h.step(number);
    h.close_all();
  }
}

} // namespace
} // namespace paddler
