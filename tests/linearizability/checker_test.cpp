#include "base/random.hpp"
#include "linearizability/checker.hpp"
#include "linearizability/versioned_register.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <string>

namespace paddler {
namespace {

using operation = timed_operation<register_operation>;
using history = std::vector<operation>;
using model = versioned_register<false>;
using kind = register_operation::kind;

linearizability verdict_of(history const& what) { return check_linearizable<model>(what).outcome; }

operation read(std::uint64_t called, std::uint64_t returned, std::uint64_t revision, std::uint64_t value) {
  return {called, returned, {kind::read, value, {}, revision}};
}

operation write(std::uint64_t called, std::uint64_t returned, std::uint64_t revision, std::uint64_t value) {
  return {called, returned, {kind::write, value, {}, revision}};
}

operation unknown_write(std::uint64_t called, std::uint64_t value) {
  return {called, never_returned, {kind::write, value, {}, {}}};
}

operation conditional(std::uint64_t called, std::uint64_t returned, std::uint64_t wanted, std::uint64_t value) {
  return {called, returned, {kind::write, value, wanted, wanted + 1}};
}

operation refused(std::uint64_t called, std::uint64_t returned, std::uint64_t wanted) {
  return {called, returned, {kind::refused, 0, wanted, {}}};
}

struct judged {
  char const* name;
  history what;
  linearizability expected;
};

std::vector<judged> const by_hand = {
    {"nothing", {}, linearizability::holds},
    {"one after the other", {write(0, 1, 1, 7), read(2, 3, 1, 7)}, linearizability::holds},
    {"a read before the first write", {read(0, 1, 0, 0), write(2, 3, 1, 7)}, linearizability::holds},
    {"a stale read", {write(0, 1, 1, 7), read(2, 3, 0, 0)}, linearizability::broken},
    {"a read that overlaps the write sees the old", {write(0, 3, 1, 7), read(1, 2, 0, 0)}, linearizability::holds},
    {"a read that overlaps the write sees the new", {write(0, 3, 1, 7), read(1, 2, 1, 7)}, linearizability::holds},
    {"new, then old, within one write",
     {write(0, 9, 1, 7), read(1, 2, 1, 7), read(3, 4, 0, 0)},
     linearizability::broken},
    {"old, then new, within one write",
     {write(0, 9, 1, 7), read(1, 2, 0, 0), read(3, 4, 1, 7)},
     linearizability::holds},
    {"touching operations overlap", {write(0, 2, 1, 7), read(2, 3, 0, 0)}, linearizability::holds},
    {"writes in the other order than they were called in",
     {write(0, 5, 2, 7), write(1, 4, 1, 8), read(6, 7, 2, 7)},
     linearizability::holds},
    {"revisions against the order of time", {write(0, 1, 2, 7), write(2, 3, 1, 8)}, linearizability::broken},
    {"a write is lost", {write(0, 1, 1, 7), write(2, 3, 2, 8), read(4, 5, 1, 7)}, linearizability::broken},
    {"a revision without a write", {write(0, 1, 1, 7), read(2, 3, 2, 7)}, linearizability::broken},
    {"the value of nobody", {write(0, 1, 1, 7), read(2, 3, 1, 9)}, linearizability::broken},
    {"an unknown write that happened", {unknown_write(0, 7), read(5, 6, 1, 7)}, linearizability::holds},
    {"an unknown write that never happened", {unknown_write(0, 7), read(5, 6, 0, 0)}, linearizability::holds},
    {"an unknown write that happens late",
     {unknown_write(0, 7), read(5, 6, 0, 0), read(7, 8, 1, 7)},
     linearizability::holds},
    {"an unknown write that is taken back",
     {unknown_write(0, 7), read(5, 6, 1, 7), read(7, 8, 0, 0)},
     linearizability::broken},
    {"an unknown write before its call", {read(0, 1, 1, 7), unknown_write(2, 7)}, linearizability::broken},
    {"two of the same revision", {conditional(0, 5, 0, 7), conditional(1, 4, 0, 8)}, linearizability::broken},
    {"the second is refused", {conditional(0, 5, 0, 7), refused(1, 4, 0)}, linearizability::holds},
    {"refused though nothing had changed", {refused(0, 1, 0), conditional(2, 3, 0, 7)}, linearizability::broken},
};

TEST(Linearizability, LIN_10_histories_made_by_hand) {
  for (auto const& [name, what, expected] : by_hand) EXPECT_EQ(verdict_of(what), expected) << name;
}

TEST(Linearizability, LIN_10_says_what_cannot_be_explained) {
  history const what = {write(0, 1, 1, 7), write(2, 3, 2, 8), read(4, 5, 1, 7)};
  auto const verdict = check_linearizable<model>(what);
  EXPECT_EQ(verdict.longest_order, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(verdict.cannot_follow, std::optional<std::size_t>(2));
}

TEST(Linearizability, LIN_10_revisions_may_be_skipped_where_others_write_too) {
  using shared = versioned_register<true>;
  history const skips = {write(0, 1, 3, 7), read(2, 3, 5, 7), conditional(4, 5, 8, 9)};
  EXPECT_EQ(check_linearizable<shared>(skips).outcome, linearizability::holds);
  EXPECT_EQ(verdict_of(skips), linearizability::broken);
  history const goes_back = {write(0, 1, 3, 7), read(2, 3, 5, 7), read(4, 5, 4, 7)};
  EXPECT_EQ(check_linearizable<shared>(goes_back).outcome, linearizability::broken);
  history const lost_update = {write(0, 1, 3, 7), conditional(2, 9, 3, 8), conditional(2, 9, 3, 9)};
  EXPECT_EQ(check_linearizable<shared>(lost_update).outcome, linearizability::broken);
}

// --- histories of a correct register ---

struct drawn_history {
  history what;
  std::vector<std::uint64_t> happened; // when each took effect
};

constexpr std::uint64_t longest_operation = 40;

operation execute(random_source& random, model::state& now, std::uint64_t& values) {
  auto const dice = random.below(10);
  if (dice < 4) return read(0, 0, now.revision, now.value);
  if (dice < 7 || now.revision == 0) {
    now = {now.revision + 1, ++values};
    return write(0, 0, now.revision, now.value);
  }
  if (random.below(2) == 0) return refused(0, 0, random.below(now.revision));
  auto const before = now.revision;
  now = {before + 1, ++values};
  return conditional(0, 0, before, now.value);
}

// Each client's operations follow each other; each happens at an instant of its own between its call and its return.
drawn_history draw(std::uint64_t seed, std::size_t operations, std::size_t clients, double lost_answers) {
  random_source random(seed);
  drawn_history out;
  std::vector<std::uint64_t> free_from(clients);
  model::state now;
  std::uint64_t instant = 0, values = 100;
  for (std::size_t i = 0; i < operations; ++i) {
    auto& from = free_from[random.below(clients)];
    instant = std::max(instant + 1 + random.below(6), from + 1);
    auto each = execute(random, now, values);
    each.called = std::max(from, instant - std::min(instant, random.below(longest_operation)));
    each.returned = instant + 1 + random.below(longest_operation);
    from = each.returned + 1;
    if (each.what.what == kind::write && random.unit() < lost_answers) {
      each.returned = never_returned;
      each.what.revision.reset();
    }
    out.what.push_back(each);
    out.happened.push_back(instant);
  }
  return out;
}

TEST(Linearizability, LIN_10_whatever_a_correct_register_does_holds) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed)
    ASSERT_EQ(verdict_of(draw(seed, 200, 8, 0.05).what), linearizability::holds) << "seed " << seed;
}

TEST(Linearizability, LIN_10_two_thousand_operations_are_judged_in_few_steps) {
  auto const verdict = check_linearizable<model>(draw(7, 2000, 8, 0.01).what);
  EXPECT_EQ(verdict.outcome, linearizability::holds);
  EXPECT_LE(verdict.steps, 200'000U);
}

TEST(Linearizability, LIN_10_the_order_of_the_list_does_not_matter) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto drawn = draw(seed, 100, 8, 0.05).what;
    random_source random(seed);
    for (auto i = drawn.size(); i > 1; --i) std::swap(drawn[i - 1], drawn[random.below(i)]);
    ASSERT_EQ(verdict_of(drawn), linearizability::holds) << "seed " << seed;
  }
}

// --- and what becomes of them when something is wrong: each is certain to be illegal ---

using mutation = std::function<bool(drawn_history&, random_source&)>; // false: nothing here to change

std::optional<std::size_t> pick(random_source& random, history const& from,
                                std::function<bool(std::size_t)> const& fits) {
  auto const start = random.below(from.size());
  for (std::size_t i = 0; i < from.size(); ++i)
    if (auto const at = (start + i) % from.size(); fits(at)) return at;
  return std::nullopt;
}

bool is_answered(operation const& each, kind what) { return each.what.what == what && each.what.revision.has_value(); }

// Two reads of different revisions, one over before the other began.
bool swap_reads(drawn_history& it, random_source& random) {
  auto& list = it.what;
  auto const first = pick(random, list, [&](std::size_t i) { return is_answered(list[i], kind::read); });
  if (!first) return false;
  auto const second = pick(random, list, [&](std::size_t i) {
    return is_answered(list[i], kind::read) && list[*first].returned < list[i].called &&
           list[*first].what.revision != list[i].what.revision;
  });
  if (!second) return false;
  std::swap(list[*first].what, list[*second].what);
  return true;
}

// A write that was answered leaves no trace: the revision that it made was somebody else's.
bool lose_write(drawn_history& it, random_source& random) {
  auto& list = it.what;
  auto const lost = pick(random, list, [&](std::size_t i) { return is_answered(list[i], kind::write); });
  if (!lost) return false;
  auto const from = *list[*lost].what.revision;
  for (auto& each : list) {
    if (!each.what.revision || each.what.what == kind::refused) continue;
    if (each.what.wanted && *each.what.wanted >= from) each.what.wanted = *each.what.wanted - 1;
    if (*each.what.revision > from) each.what.revision = *each.what.revision - 1;
  }
  bool const others = std::ranges::any_of(list, [&](operation const& each) {
    return &each != &list[*lost] && each.what.what == kind::write && each.what.revision == from;
  });
  return others;
}

// A read is answered with what was true before a write that was over when the read began.
bool stale_read(drawn_history& it, random_source& random) {
  auto& list = it.what;
  auto const old = pick(random, list, [&](std::size_t i) { return is_answered(list[i], kind::write); });
  if (!old) return false;
  auto const later = pick(random, list, [&](std::size_t i) {
    return is_answered(list[i], kind::read) && *list[i].what.revision > *list[*old].what.revision &&
           std::ranges::any_of(list, [&](operation const& between) {
             return is_answered(between, kind::write) && between.returned < list[i].called &&
                    *between.what.revision > *list[*old].what.revision;
           });
  });
  if (!later) return false;
  list[*later].what = {kind::read, list[*old].what.value, {}, list[*old].what.revision};
  return true;
}

// A write happens once more, after its answer: a later read sees its value under a revision of another.
bool double_effect(drawn_history& it, random_source& random) {
  auto& list = it.what;
  auto const twice = pick(random, list, [&](std::size_t i) { return is_answered(list[i], kind::write); });
  if (!twice) return false;
  auto const seen = pick(random, list, [&](std::size_t i) {
    return is_answered(list[i], kind::read) && *list[i].what.revision > *list[*twice].what.revision;
  });
  if (!seen) return false;
  list[*seen].what.value = list[*twice].what.value;
  return true;
}

// Two conditional writes of one revision are both told that they were first.
bool both_win(drawn_history& it, random_source& random) {
  auto& list = it.what;
  auto const won =
      pick(random, list, [&](std::size_t i) { return is_answered(list[i], kind::write) && list[i].what.wanted; });
  if (!won) return false;
  list.push_back(list[*won]);
  list.back().what.value = 1'000'000;
  return true;
}

// A write takes effect only after it was answered.
bool early_answer(drawn_history& it, random_source& random) {
  auto& list = it.what;
  auto const hasty = pick(random, list, [&](std::size_t i) {
    return is_answered(list[i], kind::write) && std::ranges::any_of(list, [&](operation const& each) {
             return is_answered(each, kind::read) && *each.what.revision < *list[i].what.revision &&
                    each.called > list[i].called + 1;
           });
  });
  if (!hasty) return false;
  auto const seen = pick(random, list, [&](std::size_t i) {
    return is_answered(list[i], kind::read) && *list[i].what.revision < *list[*hasty].what.revision &&
           list[i].called > list[*hasty].called + 1;
  });
  list[*hasty].returned = list[*seen].called - 1;
  return true;
}

struct named_mutation {
  char const* name;
  mutation apply;
};

std::vector<named_mutation> const mutations = {
    {"swapped reads", swap_reads},      {"a lost write", lose_write}, {"a stale read", stale_read},
    {"an effect twice", double_effect}, {"two winners", both_win},    {"an answer before the effect", early_answer}};

TEST(Linearizability, LIN_10_every_mutated_history_is_found_out) {
  for (auto const& [name, apply] : mutations) {
    std::size_t made = 0;
    for (std::uint64_t seed = 1; seed <= 400 && made < 200; ++seed) {
      auto drawn = draw(seed, 120, 8, 0.02);
      random_source random(seed * 31);
      if (!apply(drawn, random)) continue;
      ++made;
      ASSERT_EQ(verdict_of(drawn.what), linearizability::broken) << name << ", seed " << seed;
    }
    EXPECT_EQ(made, 200U) << name;
  }
}

TEST(Linearizability, LIN_10_gives_up_in_words_where_it_is_too_hard) {
  auto const drawn = draw(3, 500, 8, 0.0);
  EXPECT_EQ(check_linearizable<model>(drawn.what, {}, 100).outcome, linearizability::too_hard);
}

} // namespace
} // namespace paddler
