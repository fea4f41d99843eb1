#include "balancer/core_service.hpp"
#include "runtime/event_loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>

namespace paddler {
namespace {

// A store whose writes the test lets through one by one.
class held_store : public state_store {
public:
  result<stored_state> blocking_open() override { return stored_state{{1}, {}}; }

  result<void> blocking_append(std::span<log_record const> records) override {
    if (!started.try_wait()) started.count_down();
    released.wait();
    if (broken) return fail(error_code::storage, "the disk is gone");
    if (full) return fail(error_code::full, "the disk is full", "free some space");
    stored.insert(stored.end(), records.begin(), records.end());
    return {};
  }

  // Keeps every record all the same.
  result<void> blocking_compact(revision last, snapshot_fold const&) override {
    compactions.push_back(last);
    compacted.count_down();
    return {};
  }

  void blocking_close() override {}

  [[nodiscard]] bool keeps_tables() const override { return tables; }

  // Nothing, as often as it is told, then what it is given; as if the tables were made anew with the first rows of
  // agents, whenever these come.
  result<tables_written> blocking_write_tables(table_changes const& changes) override {
    if (table_errors > 0) {
      --table_errors;
      return fail(error_code::unavailable, "somebody holds the database");
    }
    if (changes.agents.empty()) return tables_written{};
    batches.push_back(changes);
    if (batches.size() <= 2) twice.count_down();
    return tables_written{.made_anew = batches.size() == 1};
  }

  bool tables = false;
  int table_errors = 0;
  std::latch twice{2};
  std::vector<table_changes> batches; // with rows of agents; read after the writer has been joined

  std::latch started{1}, released{1}, compacted{1};
  std::vector<revision> compactions; // read after the writer has been joined
  bool broken = false;
  std::atomic<bool> full = false;
  std::vector<log_record> stored; // read after the writer has been joined
};

desired_change change(std::string id) {
  agent_spec agent;
  agent.id.value = std::move(id);
  desired_change out;
  out.document.agents.push_back(agent);
  return out;
}

struct CoreServiceTest : ::testing::Test {
  event_loop loop;
  held_store store;
  blocking_executor writer{"writer", 1, 8};
  core_service service{loop.executor(), balancer_core({}, {1}), store, writer};
  task_group background{loop.executor(), "test"};
  task_group submits{loop.executor(), "submits"};
  wakeup failed{loop.executor()};
  std::optional<error> fatal;
  std::vector<std::string> data_lane;
  std::optional<result<change_outcome>> outcome;

  void SetUp() override {
    service.handlers = {
        .send = [](link_id, balancer_message const&) {},
        .close_link = [](link_id, std::string const&) {},
        .tell_loser = [](lost_field const&) {},
        .run = [](run_request const&) {},
        .fail = [this](fail_request const& refused) { data_lane.push_back(std::to_string(refused.serial.value)); },
        .interrupt = [](interrupt_attempt const&) {},
        .drop_slots_of = [](drop_slots const&) {},
        .drop_one_slot = [](drop_slot const&) {},
        .storage_failed =
            [this](error why) {
              fatal = std::move(why);
              failed.notify_all();
            }};
    service.spawn_into(background);
  }

  task<> submit_and_note() { outcome = co_await service.submit(change("a")); }

  task<> write_is_under_way() {
    blocking_executor watcher("watcher", 1, 1);
    co_await run_blocking(watcher, [this] { store.started.wait(); });
  }

  task<> finish() {
    submits.cancel();
    background.cancel();
    co_await submits.join();
    co_await background.join();
  }
};

task<> nothing_passes_a_write(CoreServiceTest* t) {
  t->submits.spawn("submit", t->submit_and_note());
  co_await t->write_is_under_way();
  EXPECT_FALSE(t->outcome) << "answered before it was durable";
  t->service.apply(request_arrived{{{1}, {"r"}, "unknown", "/v1/completions", 1}});
  EXPECT_EQ(t->data_lane, std::vector<std::string>{"1"}) << "a request waited for the disk";
  t->store.released.count_down();
  co_await t->submits.join();
  EXPECT_EQ(t->outcome->value().at, revision{1});
  co_await t->finish();
}

TEST_F(CoreServiceTest, AnAnswerWaitsForTheDiskAndARequestDoesNot) {
  loop.run_until_done(nothing_passes_a_write(this));
  EXPECT_EQ(store.stored.size(), 1U);
}

// Who holds the database delays the tables, never a change; what was made anew is filled again.
task<> tables_follow(CoreServiceTest* t) {
  t->submits.spawn("submit", t->submit_and_note());
  t->store.released.count_down();
  co_await t->submits.join();
  EXPECT_TRUE(t->outcome->has_value());
  blocking_executor watcher("watcher", 1, 1);
  co_await run_blocking(watcher, [t] { t->store.twice.wait(); });
  co_await t->finish();
}

struct CoreServiceTables : CoreServiceTest {
  CoreServiceTables() {
    store.tables = true;
    store.table_errors = 1;
  }
};

TEST_F(CoreServiceTables, FollowWhatIsDurableAndHoldNothingUp) {
  loop.run_until_done(tables_follow(this));
  EXPECT_TRUE(store.batches[1].is_first) << "all is said again";
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(store.batches[i].agents.size(), 1U) << i;
    EXPECT_EQ(store.batches[i].agents[0].id.value, "a") << i;
  }
}

// What is read must not be taken back by a crash.
task<> a_read_shows_what_is_durable(CoreServiceTest* t) {
  t->submits.spawn("submit", t->submit_and_note());
  co_await t->write_is_under_way();
  EXPECT_EQ(t->service.core().desired().current(), revision{}) << "decided, but not yet on disk";
  EXPECT_TRUE((co_await t->service.wait_durable()).has_value()) << "nobody waits for the disk";
  t->store.released.count_down();
  co_await t->submits.join();
  EXPECT_EQ(t->service.core().desired().current(), revision{1});
  co_await t->finish();
}

TEST_F(CoreServiceTest, AReadShowsWhatIsDurable) { loop.run_until_done(a_read_shows_what_is_durable(this)); }

task<> a_full_disk_refuses_at_once(CoreServiceTest* t) {
  t->store.released.count_down();
  t->store.full = true;
  co_await t->submit_and_note();
  EXPECT_EQ(t->outcome->error().code, error_code::full);
  EXPECT_EQ(t->outcome->error().message, "The change was not made: the disk is full");
  EXPECT_EQ(t->outcome->error().hint, "free some space");
  EXPECT_FALSE(t->service.storage_failed());
  EXPECT_TRUE((co_await t->service.wait_durable()).has_value()) << "what is durable is shown";
  EXPECT_EQ(t->service.core().desired().current(), revision{});
  t->store.full = false;
  co_await t->submit_and_note();
  EXPECT_EQ(t->outcome->value().at, revision{1}) << "and takes changes again when there is room";
  co_await t->finish();
}

TEST_F(CoreServiceTest, DUR_05_AFullDiskRefusesAtOnceAndGoesOn) {
  loop.run_until_done(a_full_disk_refuses_at_once(this));
  EXPECT_EQ(store.stored.size(), 1U);
}

struct CoreServiceHistory : CoreServiceTest {
  static balancer_policy policy() {
    balancer_policy out;
    out.history = {.max_records = 2, .always_kept = 1, .slack = 1};
    return out;
  }

  core_service folding{loop.executor(), balancer_core(policy(), {1}), store, writer};
};

task<> folds_what_is_old(CoreServiceHistory* t) {
  t->store.released.count_down();
  t->folding.handlers = t->service.handlers;
  t->folding.spawn_into(t->background);
  for (auto const* id : {"a", "b", "c"}) {
    auto change_of = change(id);
    auto const made = co_await t->folding.submit(std::move(change_of));
    EXPECT_TRUE(made.has_value());
  }
  blocking_executor watcher("watcher", 1, 1);
  co_await run_blocking(watcher, [t] { t->store.compacted.wait(); });
  while (t->folding.core().history().oldest() == revision{})
    co_await asio::post(t->loop.executor(), asio::use_awaitable);
  co_await t->finish();
}

TEST_F(CoreServiceHistory, FoldsWhatIsOldWhenNoChangeWaits) {
  loop.run_until_done(folds_what_is_old(this));
  ASSERT_EQ(store.compactions.size(), 1U);
  EXPECT_EQ(store.compactions[0], folding.core().history().oldest());
  EXPECT_EQ(folding.core().history().up_to({0}).error().code, error_code::gone);
}

constexpr std::size_t many_agents = 300;

agent_id agent_of(std::size_t i) { return {"a" + std::to_string(i)}; }

link_greeted greeting(std::size_t agent, std::size_t link) {
  link_hello hello;
  hello.agent = agent_of(agent);
  hello.process = {1};
  return {link_id{link}, std::move(hello)};
}

desired_change change_of_many() {
  desired_change out;
  for (std::size_t i = 0; i < many_agents; ++i) {
    auto& entry = out.document.agents.emplace_back();
    entry.id = agent_of(i);
    entry.desired_model.emplace();
    entry.desired_model->source = model_source::local;
    entry.desired_model->path = "/m.gguf";
    entry.slots = 1;
  }
  return out;
}

struct CoreServiceLinks : CoreServiceTest {
  std::vector<link_id> states, closed, closed_after_all; // in the order in which they left
  std::vector<std::size_t> states_by_turn;

  CoreServiceLinks() {
    for (std::size_t i = 0; i < many_agents; ++i) first_link.push_back(link_id{i + 1});
  }

  void SetUp() override {
    CoreServiceTest::SetUp();
    service.handlers.send = [this](link_id link, balancer_message const& message) {
      if (std::holds_alternative<link_apply>(message)) states.push_back(link);
    };
    service.handlers.close_link = [this](link_id link, std::string const&) {
      closed.push_back(link);
      if (std::ranges::find(states, link) != states.end()) closed_after_all.push_back(link);
    };
  }

  task<> submit_for_many() { outcome = co_await service.submit(change_of_many()); }

  std::vector<link_id> first_link; // of each agent
};

task<> a_change_of_many_leaves_in_slices(CoreServiceLinks* t) {
  for (std::size_t i = 0; i < many_agents; ++i) t->service.apply(greeting(i, i + 1));
  t->states.clear();
  t->store.released.count_down();
  t->submits.spawn("submit", t->submit_for_many());
  while (t->states.empty() && !t->outcome) co_await asio::post(t->loop.executor(), asio::use_awaitable);
  // The last agent dials again while its state waits: its old link is closed in its turn.
  t->service.apply(greeting(many_agents - 1, many_agents + 1));
  EXPECT_TRUE(t->closed.empty()) << "what waits for a link was overtaken";
  while (t->closed.empty() && t->states_by_turn.size() < 1'000) {
    t->states_by_turn.push_back(t->states.size());
    co_await asio::post(t->loop.executor(), asio::use_awaitable);
  }
  co_await t->submits.join();
  co_await t->finish();
}

TEST_F(CoreServiceLinks, AChangeOfManyLeavesInSlicesAndInOrder) {
  loop.run_until_done(a_change_of_many_leaves_in_slices(this));
  EXPECT_TRUE(outcome->has_value()) << (outcome->has_value() ? "" : describe(outcome->error()));
  auto told = states;
  ASSERT_EQ(told.size(), many_agents + 1) << "each agent once, and the last one on its new link, too";
  EXPECT_EQ(told.back(), link_id{many_agents + 1});
  told.pop_back();
  std::ranges::sort(told);
  EXPECT_EQ(told, first_link);
  EXPECT_EQ(closed, std::vector{link_id{many_agents}});
  EXPECT_EQ(closed_after_all, closed);
  ASSERT_GE(states_by_turn.size(), 3U) << "the loop had no turn meanwhile";
  for (std::size_t i = 1; i < states_by_turn.size(); ++i) EXPECT_LE(states_by_turn[i] - states_by_turn[i - 1], 128U);
}

task<> a_failed_write_acknowledges_nothing(CoreServiceTest* t) {
  t->store.broken = true;
  t->submits.spawn("submit", t->submit_and_note());
  co_await t->write_is_under_way();
  t->store.released.count_down();
  while (!t->fatal) co_await t->failed.wait();
  EXPECT_FALSE(t->outcome);
  EXPECT_TRUE(t->service.storage_failed());
  EXPECT_FALSE((co_await t->service.wait_durable()).has_value()) << "nor is it shown";
  co_await t->finish();
  EXPECT_FALSE(t->outcome->has_value()) << "a cancelled wait tells that the outcome is not known";
}

TEST_F(CoreServiceTest, AFailedWriteIsFatalAndAcknowledgesNothing) {
  loop.run_until_done(a_failed_write_acknowledges_nothing(this));
}

} // namespace
} // namespace paddler
