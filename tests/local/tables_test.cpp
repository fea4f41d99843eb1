// The tables of the state database as people see them with a shell of SQLite, while the balancer runs.
#include "harness/local_cluster.hpp"
#include "harness/scenarios.hpp"
#include "harness/system_test.hpp"
#include "store/sqlite.hpp"

#include <fstream>
#include <iterator>

namespace paddler_test {
namespace {

// The first column of the first row, or words.
std::string ask_database(local_cluster const& cluster, std::string const& sql) {
  auto db = sqlite_database::blocking_open(cluster.config.state_directory + "/state.db");
  if (!db) return describe(db.error());
  auto const answer = db->ask_text(sql);
  return answer ? *answer : describe(answer.error());
}

task<> until_database_says(local_cluster const& cluster, std::string sql, std::string wanted) {
  bool const so = co_await eventually(patience, [&] { return ask_database(cluster, sql) == wanted; });
  EXPECT_TRUE(so) << sql << " says " << ask_database(cluster, sql) << ", not " << wanted;
}

// What stands between ```sql and ``` in a page.
std::vector<std::string> queries_of(std::string const& page) {
  std::ifstream in(std::string(PADDLER_DOCS) + "/" + page);
  std::string const text{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> out;
  std::string const start = "```sql\n";
  for (auto at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
    auto const from = at + start.size();
    out.push_back(text.substr(from, text.find("```", from) - from));
  }
  return out;
}

SYSTEM_TEST(tables, say_what_the_cluster_does, local_cluster) {
  co_await cluster.start(want_agents(2, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  co_await cluster.api().expect_serving("first", "sim");
  co_await cluster.api().expect_serving("second", "sim");
  co_await until_database_says(cluster,
                               "SELECT group_concat(id || ' ' || status || ' ' || connected, ', ') FROM agents",
                               "a1 ready 1, a2 none 0");
  co_await until_database_says(cluster, "SELECT group_concat(id || ' ' || status || ' ' || model_id, ', ') FROM slots",
                               "a1/0 idle sim, a1/1 idle sim");
  co_await until_database_says(cluster,
                               "SELECT count(*) || ' ' || min(status) || ' ' || max(status) FROM requests WHERE "
                               "slot_id IS NOT NULL AND completed_at >= created_at",
                               "2 completed completed");
  co_await until_database_says(cluster,
                               "SELECT group_concat(timeline ->> '$.steps[#-1].state' || ' ' || (timeline ->> "
                               "'$.attempts[0].agent') || ' ' || priority) FROM requests",
                               "completed a1 default,completed a1 default");
  auto stream = co_await chat_stream::open(cluster.api().inference(), endless_question("on and on"));
  require(co_await stream.read_pieces(2), "it streams");
  co_await until_database_says(
      cluster,
      "SELECT group_concat(requests.status || ' on ' || slots.status) FROM requests JOIN slots "
      "ON slots.id = slot_id WHERE requests.status <> 'completed'",
      "streaming on busy");
}

SYSTEM_TEST(tables, that_somebody_dropped_are_filled_again_while_it_runs, local_cluster) {
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  {
    auto db = sqlite_database::blocking_open(cluster.config.state_directory + "/state.db");
    require(db && db->execute("DROP TABLE slots; DROP TABLE agents; DROP TABLE models"), "the tables are dropped");
  }
  co_await cluster.api().expect_serving();
  co_await until_database_says(cluster,
                               "SELECT group_concat(slots.id || ' ' || source_location || ' ' || agents.status, ', ') "
                               "FROM slots JOIN agents ON agents.id = agent_id JOIN models ON models.id = model_id",
                               "a1/0 /models/sim.gguf ready, a1/1 /models/sim.gguf ready");
  co_await cluster.api().apply(want_agents(1, 3));
  co_await cluster.api().until_slots(3);
}

SYSTEM_TEST(tables, the_queries_of_the_operators_page_work, local_cluster) {
  auto const queries = queries_of("operations.md");
  EXPECT_GE(queries.size(), 6U);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  co_await cluster.api().expect_serving();
  co_await until_database_says(cluster, "SELECT status FROM requests", "completed");
  auto db = sqlite_database::blocking_open(cluster.config.state_directory + "/state.db");
  require(db.has_value(), "the database opens beside the balancer");
  for (auto const& sql : queries) {
    auto const answer = db->ask_text(sql);
    EXPECT_TRUE(answer) << sql << describe(answer.error());
  }
}

} // namespace
} // namespace paddler_test
