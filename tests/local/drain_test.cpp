// Agents whose machines somebody wants empty (REC-16, RES-10): nothing new goes there, and what runs goes on elsewhere.
#include "harness/local_cluster.hpp"
#include "harness/scenarios.hpp"
#include "harness/system_test.hpp"

#include <deque>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;

// Agents a1 and a2 with four slots each; a1 is to be drained.
std::string drained(std::string const& more) {
  auto out = desired_yaml({{.id = "a1", .slots = 4}, {.id = "a2", .slots = 4}});
  auto const behind = out.find("id: a1") + std::string("id: a1").size();
  return out.insert(behind, "\n    drain: true" + more);
}

task<bool> is_drained(cluster_api api, std::string id, std::string_view as) {
  auto const rows = co_await api.list("agents");
  for (auto const& row : rows)
    if (text_of(row.as_object(), "id") == id) co_return text_of(row.as_object(), "drain") == as;
  co_return false;
}

SYSTEM_TEST(drain, RES_10_four_streams_move_at_the_deadline_and_none_fails, local_cluster) {
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(2, 4));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(4);
  std::deque<chat_stream> streams;
  for (std::size_t i = 0; i < 4; ++i) {
    streams.push_back(co_await chat_stream::open(cluster.api().inference(), numbered(question("moves", 400), i)));
    EXPECT_TRUE(co_await streams.back().read_pieces(2));
  }
  cluster.add_agent("a2");
  co_await cluster.api().until_slots(8);
  co_await cluster.api().apply(drained("\n    drain_seconds: 0"));
  co_await cluster.api().until_agent("a1", "is empty", [](agent_row const& row) { return row.slots_busy == 0; });
  co_await cluster.api().until_agent("a2", "has all of them", [](agent_row const& row) { return row.slots_busy == 4; });
  EXPECT_TRUE(co_await is_drained(cluster.api(), "a1", "drained"));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    auto const answer = co_await streams[i].read_to_end();
    EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
    EXPECT_EQ(answer.text, chain_of(numbered(question("moves", 400), i)));
  }
  for (auto const& row : co_await cluster.api().list("requests"))
    EXPECT_EQ(text_of(row.as_object(), "status"), "completed");
}

SYSTEM_TEST(drain, REC_16_nothing_new_goes_there_until_it_is_wanted_again, local_cluster) {
  cluster.simulation.token_time = milliseconds(2);
  co_await cluster.start(want_agents(2, 4));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(4);
  auto running = co_await chat_stream::open(cluster.api().inference(), question("stays", 100));
  EXPECT_TRUE(co_await running.read_pieces(2));
  co_await cluster.api().apply(drained(""));
  EXPECT_TRUE(co_await is_drained(cluster.api(), "a1", "draining"));
  auto waiting = co_await send_chat(cluster.api().inference(), question("waits for a2"));
  co_await cluster.api().until_requests("queued", 1);
  auto const answer = co_await running.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << "it may stay to its end";
  co_await cluster.api().until_agent("a1", "is empty", [](agent_row const& row) { return row.slots_busy == 0; });
  co_await cluster.api().until_requests("queued", 1);
  cluster.add_agent("a2");
  EXPECT_EQ((co_await waiting.read_answer()).status, 200);
  EXPECT_EQ((co_await cluster.api().agent("a1"))->engine_restarts, 0U) << "its engine stays loaded";

  co_await cluster.stop_agent("a2", milliseconds(0));
  co_await cluster.api().apply(want_agents(2, 4));
  EXPECT_TRUE(co_await is_drained(cluster.api(), "a1", ""));
  co_await cluster.api().expect_serving();
}

} // namespace
} // namespace paddler_test
