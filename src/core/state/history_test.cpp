#include "core/state/history.hpp"
#include "core/state/random_documents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

source_id const api{source_kind::api, ""};
source_id const file{source_kind::file, "/etc/c.yaml"};

wall_time at(std::uint64_t second) { return wall_time{seconds(second)}; }

desired_document slots(int count) {
  agent_spec agent;
  agent.id.value = "a";
  agent.slots = count;
  agent.desired_model = model_reference{.source = model_source::local, .path = "/m.gguf"};
  return {{agent}, {}};
}

// Changes number 1 to `count`, one each second.
std::vector<log_record> changes(std::uint64_t count) {
  std::vector<log_record> out;
  for (std::uint64_t i = 1; i <= count; ++i)
    out.push_back({{i}, at(i), api, slots(static_cast<int>(i)), {"anonymous", "127.0.0.1:1"}});
  return out;
}

int slots_at(state_history const& history, std::uint64_t number) {
  return *fold(history.up_to({number}).value()).agents().at({"a"}).slots;
}

TEST(History, GivesStateAsOfAnyRevision) {
  state_history history;
  history.begin({}, changes(5));
  EXPECT_EQ(history.newest(), revision{5});
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(slots_at(history, i), static_cast<int>(i));
  EXPECT_THAT(fold(history.up_to({0}).value()).agents(), IsEmpty());
  EXPECT_EQ(history.up_to({6}).error().code, error_code::not_found);
}

TEST(History, GivesTheRevisionAsOfATime) {
  state_history history;
  history.begin({}, changes(3));
  EXPECT_EQ(history.as_of(at(2)), revision{2});
  EXPECT_EQ(history.as_of(at(99)), revision{3});
  EXPECT_EQ(history.as_of(at(0)), revision{0}) << "before the first";
}

TEST(History, IsNotMisledByAClockThatWentBack) {
  auto log = changes(3);
  log[1].at = at(50);
  state_history history;
  history.begin({}, log);
  EXPECT_EQ(history.as_of(at(3)), revision{3}) << "it was made by then, whatever the one before says";
  EXPECT_EQ(history.as_of(at(2)), revision{1});
}

history_policy small_policy() {
  history_policy out;
  out.max_records = 10;
  out.slack = 5;
  out.always_kept = 4;
  out.max_folded_at_once = 8;
  return out;
}

// Folds as a balancer does.
void compact(state_history& history, revision last) {
  auto const slice = history.up_to(last).value();
  history.compacted(std::make_shared<state_snapshot const>(fold_snapshot(slice, slice.records.back()->at)));
}

TEST(History, FoldsWhatIsTooMuchOnceItIsEnough) {
  state_history history(small_policy());
  history.begin({}, changes(14));
  EXPECT_EQ(history.surplus(at(14)), std::nullopt) << "four too many";
  history.add(changes(15).back());
  ASSERT_EQ(history.surplus(at(15)), revision{5});
  auto const before = fold(history.all()).snapshot({});
  compact(history, {5});
  EXPECT_EQ(history.oldest(), revision{5});
  EXPECT_EQ(fold(history.all()).snapshot({}), before) << "nothing of the present depends on how the past is kept";
  EXPECT_EQ(slots_at(history, 5), 5);
  EXPECT_EQ(history.surplus(at(15)), std::nullopt);
}

TEST(History, FoldsInStepsAndSaysWhatIsGone) {
  state_history history(small_policy());
  history.begin({}, changes(40));
  ASSERT_EQ(history.surplus(at(40)), revision{8}) << "a step at a time";
  compact(history, {8});
  ASSERT_EQ(history.surplus(at(40)), revision{16});
  compact(history, {16});
  auto const gone = history.up_to({15});
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, error_code::gone);
  EXPECT_THAT(gone.error().hint, ::testing::HasSubstr("revision 16"));
  EXPECT_EQ(history.as_of(at(16)), revision{16});
  EXPECT_EQ(history.as_of(at(15)).error().code, error_code::gone);
}

TEST(History, FoldsMoreAtOnceTheMoreAgentsStandInTheSnapshot) {
  state_snapshot base;
  for (int i = 0; i < 100; ++i) base.agents.push_back({{"b" + std::to_string(i)}, {1}});
  state_history history(small_policy());
  history.begin(base, changes(34));
  EXPECT_EQ(history.surplus(at(34)), std::nullopt) << "24 too many";
  history.add(changes(35).back());
  EXPECT_EQ(history.surplus(at(35)), revision{25}) << "in one step, though it is more than one takes of few agents";
}

TEST(History, FoldsWhatIsOldButNotTheNewest) {
  state_history history(small_policy());
  history.begin({}, changes(10));
  auto const later = at(10) + hours(24 * 31);
  EXPECT_EQ(history.surplus(later), revision{6});
  compact(history, {6});
  EXPECT_EQ(history.surplus(later), std::nullopt) << "four stay, whatever the clock says";
}

TEST(History, WhatIsAsOldAsItMayBeStays) {
  auto policy = small_policy();
  policy.max_age = hours(1);
  state_history history(policy);
  history.begin({}, changes(14));
  auto const limit = at(5) + hours(1);
  EXPECT_EQ(history.surplus(limit), std::nullopt) << "four are too old, which is not enough";
  EXPECT_EQ(history.surplus(limit + std::chrono::nanoseconds(1)), revision{5}) << "the fifth is, too";
}

TEST(History, AllOfItMayBeFolded) {
  state_history history;
  history.begin({}, changes(3));
  compact(history, {3});
  EXPECT_EQ(history.oldest(), revision{3});
  EXPECT_EQ(history.newest(), revision{3});
  EXPECT_EQ(slots_at(history, 3), 3);
  EXPECT_EQ(history.surplus(at(99)), std::nullopt);
  history.add(changes(4).back());
  EXPECT_EQ(slots_at(history, 4), 4);
}

TEST(History, FoldsWhatTakesTooMuchRoomAtOnce) {
  auto policy = small_policy();
  policy.max_bytes = 6000;
  state_history history(policy);
  auto log = changes(3);
  for (auto& record : log) record.document.models.push_back({{"m"}, std::string(2000, 'x'), {}});
  history.begin({}, log);
  EXPECT_EQ(history.surplus(at(3)), revision{1});
  compact(history, {1});
  EXPECT_EQ(history.surplus(at(3)), std::nullopt);
}

TEST(History, KeepsTheNewestHoweverLargeItIs) {
  auto policy = small_policy();
  policy.max_bytes = 10;
  state_history history(policy);
  history.begin({}, changes(1));
  EXPECT_EQ(history.surplus(at(1)), std::nullopt);
}

// Law: however often and wherever the past is folded, every state that is still told is what it was.
TEST(History, LawFoldingAwayChangesNothingThatIsStillTold) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    random_documents draw(seed);
    state_history history(small_policy());
    std::vector<state_snapshot> told{desired_state().snapshot({})};
    desired_state state;
    for (int i = 0; i < 60; ++i) {
      auto const record = state.check({draw.source(), draw.next(), {}, {}}, at(static_cast<std::uint64_t>(i)));
      if (!record || !*record) continue;
      state.apply(**record);
      history.add(**record);
      told.push_back(state.snapshot({}));
      if (auto const last = history.surplus(at(0)); last && draw.random().below(2) == 0) compact(history, *last);
      auto const number = history.oldest().value + draw.random().below(history.newest().value - history.oldest().value);
      ASSERT_EQ(fold(history.up_to({number}).value()).snapshot({}), told[number])
          << "seed " << seed << " at " << number;
    }
    ASSERT_EQ(history.newest().value + 1, told.size());
  }
}

std::vector<std::uint64_t> numbers(std::vector<revision_view> const& list) {
  std::vector<std::uint64_t> out;
  for (auto const& each : list) out.push_back(each.number.value);
  return out;
}

TEST(ListRevisions, TheNewestFirstPageByPage) {
  state_history history;
  history.begin({}, changes(5));
  auto const first = list_revisions(history.all(), {.before = {}, .path = {}, .limit = 2});
  EXPECT_THAT(numbers(first), ElementsAre(5, 4));
  EXPECT_THAT(numbers(list_revisions(history.all(), {.before = revision{4}, .path = {}, .limit = 2})),
              ElementsAre(3, 2));
  ASSERT_EQ(first[0].changes.size(), 1U);
  EXPECT_EQ(first[0].changes[0], (field_change{"agents/a.slots", field_value{std::int64_t{4}}, std::int64_t{5}}));
  EXPECT_THAT(first[0].agents, ElementsAre(agent_id{"a"}));
  EXPECT_EQ(first[0].origin.from, "127.0.0.1:1");
}

TEST(ListRevisions, OfAPathAreThoseThatChangeIt) {
  auto log = changes(2);
  log.push_back({{3}, at(3), file, {{}, {{{"m"}, "t", {}}}}, {}});
  log.push_back({{4}, at(4), file, {{slots(9).agents}, {{{"m"}, "t", {}}}}, {}});
  state_history history;
  history.begin({}, log);
  auto const of = [&](std::string path) { return numbers(list_revisions(history.all(), {{}, std::move(path), 20})); };
  EXPECT_THAT(of("models/m"), ElementsAre(3));
  EXPECT_THAT(of("agents/a.slots"), ElementsAre(4, 2, 1)) << "also where another source's word counts";
  EXPECT_THAT(of("agents/b"), IsEmpty());
}

TEST(ListRevisions, TellWhatWasLost) {
  auto log = changes(1);
  log.push_back({{2}, at(2), file, slots(9), {}});
  state_history history;
  history.begin({}, log);
  auto const newest = list_revisions(history.all(), {}).front();
  ASSERT_EQ(newest.losses.size(), 1U);
  EXPECT_EQ(newest.losses[0].path, "agents/a.slots");
  EXPECT_THAT(newest.changes, IsEmpty());
  EXPECT_THAT(newest.agents, IsEmpty());
}

TEST(ListRevisions, LongListsAreCutOffAndCounted) {
  desired_document many;
  for (int i = 0; i < 300; ++i) {
    many.agents.push_back(slots(1).agents[0]);
    many.agents.back().id.value = "a" + std::to_string(i);
  }
  state_history history;
  history.begin({}, std::vector<log_record>{{{1}, at(1), api, many, {}}});
  auto const view = list_revisions(history.all(), {}).front();
  EXPECT_EQ(view.changes.size(), max_listed_fields);
  EXPECT_EQ(view.agents.size(), max_listed_agents);
  EXPECT_EQ(view.more_agents, 300 - max_listed_agents);
  EXPECT_EQ(view.more_changes + 2 * max_listed_fields, 2U * 300 * 4) << "an entry and three fields, said and in effect";
}

} // namespace
} // namespace paddler
