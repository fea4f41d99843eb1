// Processes that are killed or stand still, for real.
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/scenarios.hpp"
#include "harness/system_test.hpp"
#include "runtime/clock.hpp"
#include "runtime/task_group.hpp"

#include <csignal>
#include <string>
#include <utility>
#include <vector>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto heartbeat = seconds(1); // link_policy's default

bool is_gone(agent_row const& row) { return !row.connected; }

bool is_ready(agent_row const& row) { return row.connected && row.status == "ready"; }

task<std::int64_t> engine_of(cluster_api api, std::string agent) {
  auto const row = co_await api.agent(std::move(agent));
  require(row && row->engine_pid > 1, "the agent runs an engine");
  co_return row->engine_pid;
}

SYSTEM_TEST(crashes, the_agent_outlives_its_engine, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 4));
  cluster.start_agent("a1", "token-time=5ms");
  co_await cluster.api().until_slots(4);
  auto const agent = cluster.named("a1").pid();
  co_await simulated_engine_dies_under_four_streams(cluster.api());
  co_await cluster.api().expect_serving();
  EXPECT_FALSE(cluster.named("a1").has_ended());
  EXPECT_EQ(cluster.named("a1").pid(), agent);
}

// One change of desired state that leaves a1 alone.
std::string with_another_agent(int slots) {
  return desired_yaml({{.id = "a1", .slots = 4}, {.id = "elsewhere", .slots = slots}});
}

SYSTEM_TEST(crashes, DUR_06_kill_9_of_the_balancer_twenty_times, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(with_another_agent(1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(4);
  auto const engine = co_await engine_of(cluster.api(), "a1");
  // Each slot may keep one connection to its engine.
  auto const agent_files = open_files(cluster.named("a1").pid()) + 4;

  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    auto const accepted = co_await cluster.api().put_desired(with_another_agent(2 + round));
    require(accepted.status == 200, "the change is accepted: " + accepted.body);
    auto const before = co_await cluster.api().desired();
    EXPECT_EQ(before.etag, accepted.header("etag"));
    co_await cluster.balancer().kill();
    co_await cluster.start_balancer();
    auto const after = co_await cluster.api().desired();
    EXPECT_EQ(after, before) << "what was answered with 200 is there, and nothing else";
    co_await cluster.api().until_slots(4);
    auto const same_engine = co_await engine_of(cluster.api(), "a1");
    EXPECT_EQ(same_engine, engine) << "nothing was loaded again";
    co_await cluster.api().expect_serving("after kill " + std::to_string(round));
  }
  bool const no_leak =
      co_await eventually(patience, [&] { return open_files(cluster.named("a1").pid()) <= agent_files; });
  EXPECT_TRUE(no_leak) << open_files(cluster.named("a1").pid()) << " open files, at most it may be " << agent_files;
}

// Clients that were connected get an end, never a whole-looking answer (REQ-02).
SYSTEM_TEST(crashes, REQ_02_kill_9_of_the_balancer_under_streams, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 2));
  cluster.start_agent("a1", "token-time=5ms");
  co_await cluster.api().until_slots(2);
  auto stream = co_await chat_stream::open(cluster.api().inference(), endless_question("cut off"));
  require(co_await stream.read_pieces(2), "it streams");
  co_await cluster.balancer().kill();
  auto const answer = co_await stream.read_to_end();
  EXPECT_EQ(answer.end, body_end::truncated);
  EXPECT_FALSE(answer.is_whole());
  co_await cluster.start_balancer();
  co_await cluster.api().until_idle(2); // the agent let go of what nobody waits for
  co_await cluster.api().expect_serving();
}

SYSTEM_TEST(crashes, NET_06_an_agent_that_stands_still_is_dead_after_three_heartbeats, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1", "token-time=5ms");
  co_await cluster.api().until_slots(1);
  auto const engine = co_await engine_of(cluster.api(), "a1");
  auto const asked = question("until it stands still", 150);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(2), "it streams");

  auto const stopped_at = mono_now();
  cluster.named("a1").signal(SIGSTOP);
  // Half a heartbeat for those who look.
  co_await cluster.api().until_agent("a1", "is not connected", is_gone, heartbeat * 3 + milliseconds(500) * slowness);
  EXPECT_GE(mono_now() - stopped_at, heartbeat) << "it was not taken for dead by anything but silence";
  co_await cluster.api().until_requests("resuming", 1);

  cluster.named("a1").signal(SIGCONT);
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked)) << "what it said while it was given up is not said again";
  co_await cluster.api().until_agent("a1", "is back", is_ready);
  co_await cluster.api().until_idle(1);
  auto const same_engine = co_await engine_of(cluster.api(), "a1");
  EXPECT_EQ(same_engine, engine);
  co_await cluster.api().expect_serving();
}

// The first process wakes up after another took its place: its old connections end, and the new ones stay.
SYSTEM_TEST(crashes, NET_06_an_old_process_that_wakes_up_removes_nothing, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const old_engine = co_await engine_of(cluster.api(), "a1");
  cluster.named("a1").signal(SIGSTOP);
  co_await cluster.api().until_agent("a1", "is not connected", is_gone);

  cluster.start("a1-again",
                {"agent", "--balancer", cluster.api().management(), "--name", "a1", "--simulate=answer-tokens=20000"});
  co_await cluster.api().until_agent("a1", "is there again", is_ready);
  co_await cluster.api().until_slots(1);
  auto const new_engine = co_await engine_of(cluster.api(), "a1");
  EXPECT_NE(new_engine, old_engine);

  cluster.named("a1").signal(SIGCONT);
  bool const told = co_await eventually(
      patience, [&] { return cluster.named("a1").output().find("is connected already") != std::string::npos; });
  EXPECT_TRUE(told) << "the old process is told why it is not let in";
  auto const now = co_await cluster.api().agent("a1");
  require(now && now->connected, "the new process is still connected");
  EXPECT_EQ(now->engine_pid, new_engine);
  co_await cluster.api().expect_serving();

  co_await cluster.named("a1-again").kill();
  auto const is_old_one = [old_engine](agent_row const& row) { return is_ready(row) && row.engine_pid == old_engine; };
  co_await cluster.api().until_agent("a1", "is the old process again", is_old_one);
  co_await cluster.api().until_idle(1);
  co_await cluster.api().expect_serving();
}

// kill -9 of the whole agent: its engine dies with it, and a new agent starts over.
SYSTEM_TEST(crashes, REQ_01_kill_9_of_the_agent, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(2, 1));
  cluster.start_agent("a1", "token-time=5ms");
  co_await cluster.api().until_slots(1);
  auto const engine = co_await engine_of(cluster.api(), "a1");
  auto const asked = question("lost", 150);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(2), "it streams");
  cluster.start_agent("a2", "token-time=5ms");
  co_await cluster.api().until_slots(2);

  co_await cluster.named("a1").kill();
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked));
  bool const engine_gone = co_await eventually(patience, [engine] { return !is_running(engine); });
  EXPECT_TRUE(engine_gone) << "an engine without its agent";
  co_await cluster.api().expect_serving(); // by a2
  cluster.start_agent("a1");
  co_await cluster.api().until_idle(2);
}

task<> read_whole(std::string address, chat_question asked, chat_answer* out) {
  *out = co_await chat(std::move(address), std::move(asked));
}

// Every agent dies; what streams and what waits is served by the first that comes back.
SYSTEM_TEST(crashes, REQ_01_RES_11_all_agents_die_and_one_comes_back, process_cluster) {
  constexpr std::size_t streaming = 4;
  constexpr std::size_t waiting = 2;
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(2, streaming / 2));
  for (char const* id : {"a1", "a2"}) cluster.start_agent(id, "token-time=5ms");
  co_await cluster.api().until_slots(streaming);
  std::vector<chat_question> asked;
  for (std::size_t i = 0; i < streaming + waiting; ++i) asked.push_back(question("stream " + std::to_string(i), 300));
  std::vector<chat_answer> answers(asked.size());
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 0; i < asked.size(); ++i)
    readers.spawn("reader", read_whole(cluster.api().inference(), asked[i], &answers[i]));
  co_await cluster.api().until_requests("streaming", streaming);
  co_await cluster.api().until_requests("queued", waiting);

  for (char const* id : {"a1", "a2"}) co_await cluster.named(id).kill();
  co_await cluster.api().until_requests("resuming", streaming);
  cluster.start_agent("a2", "token-time=5ms");
  co_await readers.join();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    EXPECT_TRUE(answers[i].is_whole()) << answers[i].error_code << ": " << answers[i].error_message;
    EXPECT_EQ(answers[i].text, chain_of(asked[i]));
  }
  co_await cluster.api().until_idle(streaming / 2);
}

} // namespace
} // namespace paddler_test
