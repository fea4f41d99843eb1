// What the index remembers and forgets, as tables; and laws over random histories, beside a plain list of what was
// said.
#include "base/random.hpp"
#include "core/dispatch/prefix_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace paddler {
namespace {

using blocks = std::vector<block_hash>;
using hits = std::vector<prefix_hit>;

constexpr std::size_t one_bucket = 8;
constexpr std::size_t large = 1 << 16;
constexpr std::size_t most_lives = std::numeric_limits<std::uint16_t>::max();

engine_ordinal engine(std::size_t number) { return engine_ordinal{static_cast<std::uint16_t>(number)}; }

// As a hash would spread them.
blocks prompt(std::uint64_t seed, std::size_t size) {
  random_source random(seed);
  blocks out;
  while (out.size() < size) out.push_back(block_hash{random.next()});
  return out;
}

blocks joined(blocks a, blocks const& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

blocks first(blocks const& of, std::size_t count) {
  return {of.begin(), of.begin() + static_cast<std::ptrdiff_t>(count)};
}

hits hit(std::size_t number, std::size_t depth) { return {{engine(number), depth}}; }

// --- tables ---

TEST(PrefixIndex, NobodyHasAnythingAtFirst) {
  prefix_index const index(large);
  EXPECT_EQ(index.find({}), hits{});
  EXPECT_EQ(index.find(prompt(1, 10)), hits{});
  EXPECT_EQ(index.find(blocks{block_hash{0}}), hits{});
}

TEST(PrefixIndex, FindsHowFarAPromptIsKnown) {
  auto const known = prompt(1, 300);
  for (std::size_t const shared : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 9U, 63U, 64U, 65U, 299U, 300U}) {
    prefix_index index(large);
    index.insert(known, engine(7));
    auto const asked = joined(first(known, shared), prompt(2, 40));
    EXPECT_EQ(index.find(asked), shared == 0 ? hits{} : hit(7, shared)) << shared;
    EXPECT_EQ(index.find(first(known, shared)), shared == 0 ? hits{} : hit(7, shared)) << shared;
  }
}

TEST(PrefixIndex, NamesThoseWhoHaveMostFirstAndOthersWithWhatTheyHaveAtLeast) {
  prefix_index index(large);
  auto const long_prompt = prompt(1, 100);
  index.insert(long_prompt, engine(3));
  index.insert(first(long_prompt, 40), engine(1));
  index.insert(first(long_prompt, 100), engine(2));
  EXPECT_EQ(index.find(long_prompt), (hits{{engine(2), 100}, {engine(3), 100}, {engine(1), 32}}));
  EXPECT_EQ(index.find(first(long_prompt, 40)), (hits{{engine(1), 40}, {engine(2), 40}, {engine(3), 40}}));
}

TEST(PrefixIndex, ABlockKnowsTheNewestFourOfItsEngines) {
  prefix_index index(large);
  auto const asked = prompt(1, 1);
  for (std::size_t i = 1; i <= 5; ++i) index.insert(asked, engine(i));
  EXPECT_EQ(index.find(asked), (hits{{engine(2), 1}, {engine(3), 1}, {engine(4), 1}, {engine(5), 1}}));
  index.insert(asked, engine(2));
  index.insert(asked, engine(6));
  EXPECT_EQ(index.find(asked), (hits{{engine(2), 1}, {engine(4), 1}, {engine(5), 1}, {engine(6), 1}}));
  index.end(engine(5));
  index.insert(asked, engine(7));
  EXPECT_EQ(index.find(asked), (hits{{engine(2), 1}, {engine(4), 1}, {engine(6), 1}, {engine(7), 1}}))
      << "the place of one that ended is free";
}

TEST(PrefixIndex, NamesNoMoreThanEight) {
  prefix_index index(large);
  auto const asked = prompt(1, 64);
  for (std::size_t i = 0; i < 7; ++i)
    for (std::size_t j = 0; j < 4; ++j) index.insert(first(asked, std::size_t{64} >> i), engine(4 * i + j));
  auto const found = index.find(asked);
  ASSERT_EQ(found.size(), max_prefix_hits);
  EXPECT_EQ(found.front().blocks, 64U);
  EXPECT_EQ(found.back().blocks, 32U);
}

TEST(PrefixIndex, AnEngineThatEndedHasNothingAndBeginsAnew) {
  prefix_index index(large);
  auto const asked = prompt(1, 20);
  index.insert(asked, engine(1));
  index.insert(first(asked, 5), engine(2));
  index.end(engine(1));
  EXPECT_EQ(index.find(asked), hit(2, 5));
  index.insert(first(asked, 2), engine(1));
  EXPECT_EQ(index.find(asked), (hits{{engine(2), 5}, {engine(1), 2}}));
  index.end(engine(2));
  index.end(engine(9));
  EXPECT_EQ(index.find(asked), hit(1, 2));
}

// Lives are numbered with 16 bits.
TEST(PrefixIndex, AnEngineThatEndedNeverComesBackHoweverOftenItEnds) {
  prefix_index index(one_bucket);
  auto const asked = prompt(1, 2);
  index.insert(asked, engine(1));
  index.insert(first(asked, 1), engine(2));
  for (std::size_t i = 0; i < 2 * most_lives; ++i) {
    index.end(engine(1));
    ASSERT_EQ(index.find(asked), hit(2, 1)) << i;
  }
  index.insert(asked, engine(1));
  EXPECT_EQ(index.find(asked), (hits{{engine(1), 2}, {engine(2), 1}}));
}

TEST(PrefixIndex, WhatAnEngineTurnedOutNotToHaveIsTakenBack) {
  prefix_index index(large);
  auto const asked = prompt(1, 20);
  index.insert(asked, engine(1));
  index.insert(asked, engine(2));
  index.remove(std::span(asked).subspan(6), engine(1));
  index.remove(prompt(2, 5), engine(1));
  index.end(engine(2));
  EXPECT_EQ(index.find(asked), hit(1, 6));
}

TEST(PrefixIndex, ABucketGivesUpWhatNobodyHasAndThenWhatIsOldest) {
  prefix_index index(one_bucket);
  auto const all = prompt(1, 11);
  auto const only = [&](std::size_t i) { return blocks{all[i]}; };
  for (std::size_t i = 0; i < 8; ++i) index.insert(only(i), engine(i));
  index.insert(only(0), engine(0));
  index.end(engine(5));
  index.insert(only(8), engine(8)); // in the place of 5
  EXPECT_EQ(index.find(only(1)), hit(1, 1));
  index.insert(only(9), engine(9));   // in that of 1
  index.insert(only(10), engine(10)); // in that of 2
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(index.find(only(i)), i == 5 || i == 1 || i == 2 ? hits{} : hit(i, 1)) << i;
}

TEST(PrefixIndex, TheHashZeroIsAHashLikeAnyOther) {
  prefix_index index(one_bucket);
  blocks const zero{block_hash{0}};
  index.insert(prompt(1, 3), engine(1));
  index.insert(zero, engine(2));
  EXPECT_EQ(index.find(zero), hit(2, 1));
  EXPECT_EQ(index.find(prompt(1, 3)), hit(1, 3));
}

TEST(PrefixIndex, IsAsLargeAsItWasMade) {
  struct row {
    std::size_t wanted, holds;
  };

  for (auto const& [wanted, holds] : {row{0, 8}, row{8, 8}, row{15, 8}, row{16, 16}, row{1'000'000, 524'288}}) {
    prefix_index const index(wanted);
    EXPECT_EQ(index.capacity(), holds);
    EXPECT_EQ(index.bytes(), 28 * holds);
  }
}

// --- laws ---

// What was said of each engine since it last ended: without a bound, and with every holder.
struct plain_index {
  std::map<block_hash, std::vector<engine_ordinal>> holders; // the newest last

  void insert(blocks const& of, engine_ordinal engine) {
    for (auto const block : of) {
      std::erase(holders[block], engine);
      holders[block].push_back(engine);
    }
  }

  void remove(std::span<block_hash const> of, engine_ordinal engine) {
    for (auto const block : of) std::erase(holders[block], engine);
  }

  void end(engine_ordinal engine) {
    for (auto& [block, of] : holders) std::erase(of, engine);
  }

  [[nodiscard]] bool has(block_hash block, engine_ordinal engine) const {
    auto const at = holders.find(block);
    return at != holders.end() && std::ranges::find(at->second, engine) != at->second.end();
  }

  // How many blocks of it somebody has, where that is without a gap.
  [[nodiscard]] std::optional<std::size_t> depth(blocks const& of) const {
    auto const is_held = [this](block_hash block) { return holders.contains(block) && !holders.at(block).empty(); };
    auto const end = std::ranges::find_if_not(of, is_held);
    if (std::any_of(end, of.end(), is_held)) return std::nullopt;
    return static_cast<std::size_t>(end - of.begin());
  }
};

// Prompts that begin alike, as conversations do: each goes on from one that was there before.
class conversations {
public:
  explicit conversations(random_source& random) : random_(random) {}

  blocks next() {
    blocks out;
    if (!known_.empty() && random_.below(10) != 0) out = known_[random_.below(known_.size())];
    if (random_.below(4) == 0) out.resize(random_.below(out.size() + 1));
    out = joined(std::move(out), prompt(random_.next(), random_.below(12)));
    if (out.size() > 200) out.clear();
    known_.push_back(out);
    if (known_.size() > 60) known_.erase(known_.begin());
    return out;
  }

  blocks any() { return known_.empty() ? blocks{} : known_[random_.below(known_.size())]; }

private:
  random_source& random_;
  std::vector<blocks> known_;
};

struct history {
  std::uint64_t seed;
  std::size_t size;
  std::size_t engines;
};

// Goes through a random history; `look` is called with each prompt before it is inserted.
template <class Look> void go_through(history const& about, Look look) {
  random_source random(about.seed);
  conversations talk(random);
  prefix_index index(about.size);
  plain_index plain;
  for (int step = 0; step < 400; ++step) {
    auto const who = engine(random.below(about.engines));
    auto const what = random.below(20);
    if (what == 0) {
      index.end(who);
      plain.end(who);
    } else if (what == 1) {
      auto const lost = talk.any();
      auto const kept = random.below(lost.size() + 1);
      index.remove(std::span(lost).subspan(kept), who);
      plain.remove(std::span(lost).subspan(kept), who);
    } else {
      auto const asked = talk.next();
      look(index, plain, asked);
      index.insert(asked, who);
      plain.insert(asked, who);
    }
  }
}

// However small it is: who is named was given that much and has not ended, once, and the one with most goes first.
TEST(PrefixIndexLaws, WhoIsNamedHasIt) {
  std::size_t named = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    go_through({seed, std::size_t{8} << seed % 9, 1 + seed % 12},
               [&](prefix_index const& index, plain_index const& plain, blocks const& asked) {
                 auto const found = index.find(asked);
                 std::set<engine_ordinal> engines;
                 for (auto const& [engine, depth] : found) {
                   ASSERT_TRUE(depth > 0 && depth <= asked.size());
                   EXPECT_TRUE(plain.has(asked[depth - 1], engine));
                   EXPECT_TRUE(engines.insert(engine).second);
                   ++named;
                 }
                 EXPECT_TRUE(std::ranges::is_sorted(found, std::greater{}, &prefix_hit::blocks));
                 EXPECT_LE(found.size(), max_prefix_hits);
               });
  }
  EXPECT_GT(named, 10'000U);
}

// Where there is room, and for all engines: whoever has most of it is found, with exactly that.
TEST(PrefixIndexLaws, WhoHasMostIsFound) {
  std::size_t found_some = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    go_through({seed, large, max_block_holders}, [&](prefix_index const& index, plain_index const& plain,
                                                     blocks const& asked) {
      auto const depth = plain.depth(asked);
      if (!depth) return; // somebody was told to have lost the middle
      auto const found = index.find(asked);
      ASSERT_EQ(found.empty(), *depth == 0);
      if (found.empty()) return;
      ++found_some;
      std::set<engine_ordinal> most;
      for (auto const& each : found)
        if (each.blocks == *depth) most.insert(each.engine);
      auto const& holders = plain.holders.at(asked[*depth - 1]);
      EXPECT_EQ(most, std::set(holders.begin(), holders.end())) << seed << ": " << *depth << " of " << asked.size();
      EXPECT_EQ(found.front().blocks, *depth);
    });
  }
  EXPECT_GT(found_some, 5'000U);
}

// However full it is.
TEST(PrefixIndexLaws, WhatWasJustInsertedIsFound) {
  random_source random(1);
  prefix_index index(1024);
  for (int i = 0; i < 5'000; ++i) {
    auto const given = prompt(random.next(), 1 + random.below(100));
    auto const who = engine(random.below(1'000));
    index.insert(given, who);
    EXPECT_EQ(index.find(given), hit(static_cast<std::size_t>(who), given.size()));
  }
  EXPECT_EQ(index.capacity(), 1024U);
}

// What is used again stays, whatever else comes.
TEST(PrefixIndexLaws, WhatIsUsedStays) {
  random_source random(1);
  prefix_index index(1024);
  auto const used = prompt(0, 50);
  for (int i = 0; i < 2'000; ++i) {
    index.insert(used, engine(1));
    index.insert(prompt(random.next(), 60), engine(2));
    EXPECT_EQ(index.find(used), hit(1, used.size()));
  }
}

} // namespace
} // namespace paddler
