#include "store/crash_history.hpp"
#include "store/sqlite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace paddler {
namespace {

constexpr wall_time noon{std::chrono::seconds{1'700'000'000}};

agent_row agent(std::string const& id) {
  return {.id = {id},
          .status = "ready",
          .last_seen = noon,
          .configuration = R"({"version":3})",
          .capabilities = R"({"cpu_cores":8})",
          .connected = true,
          .reason = {}};
}

slot_row slot(std::string const& owner, int number) {
  return {.id = owner + "/" + std::to_string(number),
          .agent = {owner},
          .status = "idle",
          .model = "chat",
          .context_length = 2048,
          .last_request = {}};
}

request_row request(std::uint64_t number, std::string status) {
  request_row row;
  row.id = {"req_" + std::to_string(number)};
  row.slot = "a1/0";
  row.status = std::move(status);
  row.created_at = noon;
  row.parameters = R"({"model":"chat"})";
  row.agent = {"a1"};
  row.attempts = 1;
  return row;
}

table_changes cluster() {
  table_changes out;
  out.is_first = true;
  out.agents = {agent("a1"), agent("a2")};
  out.models = {
      {.id = "chat", .source_type = "local", .source_location = "/m.gguf", .metadata = "{}", .loaded_at = noon}};
  out.slots = {slot("a1", 0), slot("a1", 1), slot("a2", 0)};
  out.requests = {request(1, "completed"), request(2, "streaming")};
  out.conflicts = {{"agents/a1.slots", "api", "4", {1}, "file /etc/p.yaml", "2", {2}}};
  return out;
}

class SqliteTables : public testing::Test {
protected:
  void SetUp() override { ASSERT_TRUE(store_->blocking_open()); }

  void write(table_changes const& changes) {
    auto const written = store_->blocking_write_tables(changes);
    ASSERT_TRUE(written) << describe(written.error());
  }

  // As somebody with a shell of SQLite sees it while the balancer runs.
  [[nodiscard]] std::string ask(std::string const& sql) const {
    auto db = sqlite_database::blocking_open(path_);
    auto const answer = db->ask_text(sql);
    return answer ? *answer : describe(answer.error());
  }

  std::uint64_t appended_ = 0;
  temporary_folder folder_;
  std::string path_ = folder_.file("state.db");
  std::unique_ptr<state_store> store_ = make_sqlite_store(path_, {.requests_kept = 5});
};

TEST_F(SqliteTables, HaveTheColumnsOfTheSchema) {
  EXPECT_THAT(ask("SELECT group_concat(name, ' ') FROM pragma_table_info('agents')"),
              testing::StartsWith("id status last_seen configuration capabilities"));
  EXPECT_THAT(ask("SELECT group_concat(name, ' ') FROM pragma_table_info('models')"),
              testing::StartsWith("id source_type source_location metadata loaded_at"));
  EXPECT_THAT(ask("SELECT group_concat(name, ' ') FROM pragma_table_info('slots')"),
              testing::StartsWith("id agent_id status model_id context_length last_request"));
  EXPECT_EQ(
      ask("SELECT group_concat(name, ' ') FROM pragma_table_info('requests')"),
      "id slot_id status created_at completed_at parameters agent_id failure attempts queue_milliseconds priority "
      "resumes not_resumed first_byte_at timeline");
}

TEST_F(SqliteTables, AreThereForQueries) {
  write(cluster());
  EXPECT_EQ(ask("SELECT agents.configuration ->> '$.version' || ' ' || models.source_location || ' ' || slots.id FROM "
                "requests JOIN slots ON slots.id = slot_id JOIN agents ON agents.id = slots.agent_id JOIN models ON "
                "models.id = model_id WHERE requests.id = 'req_1'"),
            "3 /m.gguf a1/0");
  EXPECT_EQ(ask("SELECT last_seen FROM agents WHERE id = 'a1'"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(ask("SELECT path || ': ' || value || ' not ' || lost_value FROM conflicts"), "agents/a1.slots: 4 not 2");
}

TEST_F(SqliteTables, RowsChangeAndGo) {
  write(cluster());
  table_changes next;
  next.requests = {request(2, "completed")};
  next.agents_gone = {{"a2"}};
  next.models_gone = {"chat"};
  next.conflicts.emplace();
  write(next);
  EXPECT_EQ(ask("SELECT group_concat(id || ' ' || status, ', ') FROM requests"), "req_1 completed, req_2 completed");
  EXPECT_EQ(ask("SELECT group_concat(id, ' ') FROM slots WHERE model_id IS NULL"), "a1/0 a1/1");
  EXPECT_EQ(ask("SELECT count(*) FROM conflicts"), "0");
  EXPECT_EQ(ask("SELECT group_concat(id, ' ') FROM agents"), "a1");
}

TEST_F(SqliteTables, ARequestsWayIsThereForQueries) {
  auto row = request(1, "failed");
  row.failure = "agent_lost";
  row.priority = "bulk";
  row.resumes = 2;
  row.not_resumed = "grammar";
  row.first_byte_at = noon;
  row.timeline = R"({"steps":[{"state":"queued"},{"state":"failed"}],"attempts":[]})";
  table_changes changes;
  changes.requests = {row, request(2, "queued")};
  write(changes);
  EXPECT_EQ(ask("SELECT priority || ' ' || resumes || ' ' || not_resumed || ' ' || first_byte_at || ' ' || (timeline "
                "->> '$.steps[1].state') FROM requests WHERE id = 'req_1'"),
            "bulk 2 grammar 2023-11-14T22:13:20Z failed");
  EXPECT_EQ(ask("SELECT not_resumed IS NULL AND first_byte_at IS NULL FROM requests WHERE id = 'req_2'"), "1");
}

// Clients choose ids, and choose them again.
TEST_F(SqliteTables, REQ_18_requests_of_one_id_are_rows_of_their_own) {
  table_changes changes;
  auto first = request(1, "completed");
  auto later = request(1, "queued");
  later.created_at += std::chrono::hours(1);
  changes.requests = {first};
  write(changes);
  changes.requests = {later};
  write(changes);
  EXPECT_EQ(ask("SELECT group_concat(status) FROM requests WHERE id = 'req_1' ORDER BY created_at"),
            "completed,queued");
  store_->blocking_close();
  ASSERT_TRUE(store_->blocking_open()) << "another process, which knows nothing of them";
  auto latest = later;
  latest.created_at += std::chrono::hours(1);
  changes.requests = {latest};
  changes.is_first = true;
  write(changes);
  EXPECT_EQ(ask("SELECT group_concat(status || coalesce(' ' || failure, '')) FROM requests WHERE id = 'req_1' ORDER BY "
                "created_at"),
            "completed,failed balancer_stopped,queued");
}

// Where everything is said again what is under way was settled as ended a moment before.
TEST_F(SqliteTables, ARequestThatIsAliveTakesItsEndBack) {
  write(cluster());
  write(cluster());
  EXPECT_EQ(ask("SELECT group_concat(id || ' ' || status || coalesce(' ' || failure, ''), ', ') FROM requests"),
            "req_1 completed, req_2 streaming");
}

TEST_F(SqliteTables, WhatRefersToNothingBreaksNothing) {
  table_changes changes;
  changes.slots = {slot("nobody", 0)};
  changes.requests = {request(1, "failed")};
  write(changes);
  EXPECT_EQ(ask("SELECT count(*) FROM slots"), "0");
  EXPECT_EQ(ask("SELECT slot_id IS NULL AND agent_id = 'a1' FROM requests"), "1");
}

TEST_F(SqliteTables, TheNewestRequestsAreKept) {
  table_changes changes;
  for (std::uint64_t i = 1; i <= 12; ++i) changes.requests.push_back(request(i, "completed"));
  write(changes);
  EXPECT_EQ(ask("SELECT group_concat(id, ' ') FROM (SELECT id FROM requests ORDER BY rowid)"),
            "req_8 req_9 req_10 req_11 req_12");
}

TEST_F(SqliteTables, ANewProcessKnowsNothingYet) {
  write(cluster());
  store_->blocking_close();
  ASSERT_TRUE(store_->blocking_open());
  table_changes first;
  first.is_first = true;
  write(first);
  EXPECT_EQ(ask("SELECT group_concat(DISTINCT status) || ' ' || sum(connected) FROM agents"), "unknown 0");
  EXPECT_EQ(ask("SELECT group_concat(DISTINCT status) FROM slots"), "closed");
  EXPECT_EQ(ask("SELECT group_concat(status || ' ' || coalesce(failure, ''), ', ') FROM requests"),
            "completed , failed balancer_stopped");
}

// What somebody did to the tables, and how many requests of before are left.
struct damage_case {
  char const* what;
  char const* sql;
  char const* requests_left;
};

damage_case const damages[] = {
    {"one dropped", "DROP TABLE slots", "req_1 failed, req_2 failed"},
    {"all dropped", "DROP TABLE requests; DROP TABLE slots; DROP TABLE agents; DROP TABLE models; DROP TABLE conflicts",
     ""},
    {"a column dropped", "ALTER TABLE models DROP COLUMN metadata", "req_1 failed, req_2 failed"},
    {"a column renamed", "ALTER TABLE requests RENAME COLUMN status TO state", ""},
    {"a column more", "ALTER TABLE agents ADD COLUMN mine TEXT", "req_1 failed, req_2 failed"},
    {"a view in its place", "DROP TABLE conflicts; CREATE VIEW conflicts AS SELECT id AS path FROM agents",
     "req_1 failed, req_2 failed"},
};

// The rows of a batch, and nothing else but requests.
void expect_made_anew(std::function<std::string(std::string const&)> const& ask, std::string const& requests) {
  EXPECT_EQ(ask("SELECT group_concat(id, ' ') FROM agents"), "a1 a2");
  EXPECT_EQ(ask("SELECT group_concat(id || model_id, ' ') FROM slots"), "a1/0chat a1/1chat a2/0chat");
  EXPECT_EQ(ask("SELECT group_concat(id || ' ' || status, ', ') FROM requests"), requests);
  EXPECT_EQ(ask("SELECT count(*) FROM conflicts"), "1");
}

TEST_F(SqliteTables, ThatSomebodyChangedAreMadeAnew) {
  for (auto const& damage : damages) {
    SCOPED_TRACE(damage.what);
    auto first = cluster();
    for (auto& request : first.requests) request.status = "failed";
    write(first);
    ASSERT_TRUE(sqlite_database::blocking_open(path_)->execute(damage.sql));
    auto again = cluster();
    again.is_first = false;
    again.requests.clear();
    auto const written = store_->blocking_write_tables(again);
    ASSERT_TRUE(written) << describe(written.error());
    EXPECT_TRUE(written->made_anew);
    expect_made_anew([this](std::string const& sql) { return ask(sql); }, damage.requests_left);
    auto const next = store_->blocking_write_tables(again);
    ASSERT_TRUE(next);
    EXPECT_FALSE(next->made_anew);
    ASSERT_TRUE(store_->blocking_append(sample_records(1, ++appended_))) << "the log does not suffer";
  }
}

TEST_F(SqliteTables, ThatSomebodyChangedWhileNoBalancerRanAreMadeAnew) {
  for (auto const& damage : damages) {
    SCOPED_TRACE(damage.what);
    store_->blocking_close();
    ASSERT_TRUE(sqlite_database::blocking_open(path_)->execute(damage.sql));
    auto const opened = store_->blocking_open();
    ASSERT_TRUE(opened) << describe(opened.error());
    write(cluster());
    EXPECT_EQ(ask("SELECT count(*) FROM slots"), "3");
  }
}

TEST_F(SqliteTables, AnIndexOfSomebodyStays) {
  write(cluster());
  ASSERT_TRUE(sqlite_database::blocking_open(path_)->execute("CREATE INDEX mine ON requests (created_at)"));
  auto const written = store_->blocking_write_tables(cluster());
  ASSERT_TRUE(written) << describe(written.error());
  EXPECT_FALSE(written->made_anew);
  EXPECT_EQ(ask("SELECT count(*) FROM sqlite_schema WHERE name = 'mine'"), "1");
}

// Rows that do not fit cost rows, never the log.
TEST_F(SqliteTables, WhatDoesNotFitBreaksNothing) {
  write(cluster());
  ASSERT_TRUE(sqlite_database::blocking_open(path_)->execute(
      "CREATE TRIGGER no BEFORE INSERT ON requests BEGIN SELECT raise(ABORT, 'no'); END"));
  table_changes changes;
  changes.agents = {agent("a3")};
  changes.requests = {request(9, "queued")};
  EXPECT_EQ(store_->blocking_write_tables(changes).error().code, error_code::internal);
  EXPECT_EQ(ask("SELECT group_concat(id, ' ') FROM agents"), "a1 a2") << "all of it or nothing";
  ASSERT_TRUE(store_->blocking_append(sample_records(1)));
  ASSERT_TRUE(sqlite_database::blocking_open(path_)->execute("DROP TRIGGER no"));
  write(changes);
}

TEST_F(SqliteTables, SomebodyWhoHoldsTheDatabaseIsNotWaitedFor) {
  auto somebody = sqlite_database::blocking_open(path_);
  ASSERT_TRUE(somebody->execute("BEGIN IMMEDIATE"));
  EXPECT_EQ(store_->blocking_write_tables(cluster()).error().code, error_code::unavailable);
  ASSERT_TRUE(somebody->execute("ROLLBACK; BEGIN; SELECT count(*) FROM agents"));
  write(cluster()); // a reader is in nobody's way
  ASSERT_TRUE(store_->blocking_append(sample_records(1)));
  EXPECT_EQ(somebody->ask_text("SELECT count(*) FROM agents").value(), "0") << "and sees what was there before";
}

// Tables come often and without a sync; no record may suffer from it, and no table may be half written.
TEST(SqliteTablesCrash, DUR_01_a_power_cut_between_tables_loses_no_record) {
  auto const disk = std::make_shared<crash_disk>(5);
  auto const store = make_crash_store(disk);
  ASSERT_TRUE(store->blocking_open());
  std::uint64_t acknowledged = 0;
  std::uint64_t cuts = 0;
  disk->during_operation = [&] {
    for (auto const damage : all_damages) {
      auto const left = disk->after_power_cut(damage, ++cuts);
      auto const found = make_crash_store(left)->blocking_open();
      ASSERT_TRUE(found) << to_string(damage) << ": " << describe(found.error());
      EXPECT_EQ(judge_samples(*found), "");
      EXPECT_GE(last_revision(*found), acknowledged) << to_string(damage);
      auto db = sqlite_database::blocking_open(crash_state_path, left->sqlite_layer());
      EXPECT_EQ(db->ask_integer("SELECT count(*) % 2 FROM requests").value(), 0) << to_string(damage);
    }
  };
  for (std::uint64_t i = 0; i < 6; ++i) {
    table_changes changes = cluster();
    changes.requests = {request(2 * i, "completed"), request(2 * i + 1, "completed")};
    ASSERT_TRUE(store->blocking_write_tables(changes));
    ASSERT_TRUE(store->blocking_append(sample_records(1, acknowledged + 1)));
    ++acknowledged;
    ASSERT_TRUE(store->blocking_write_tables(changes));
  }
  disk->during_operation = nullptr;
  EXPECT_GT(cuts, 200U);
}

} // namespace
} // namespace paddler
