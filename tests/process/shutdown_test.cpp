// Ends: within five seconds, with everybody told, and nothing left over.
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"

#include <csignal>
#include <deque>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto promised = seconds(5) * slowness;

void expect_ended_well(process_exit const& exit) {
  EXPECT_FALSE(exit.by_signal) << "signal " << exit.number;
  EXPECT_TRUE(exit.number == 0 || exit.number == 128 + SIGTERM) << exit.number;
}

SYSTEM_TEST(shutdown, sigterm_of_the_balancer_tells_open_streams, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 2));
  cluster.start_agent("a1", "token-time=5ms");
  co_await cluster.api().until_slots(2);
  std::deque<chat_stream> streams;
  for (int i = 0; i < 2; ++i)
    streams.push_back(co_await chat_stream::open(cluster.api().inference(), endless_question("endless")));
  for (auto& stream : streams) require(co_await stream.read_pieces(1), "both stream");
  auto waiting = co_await send_chat(cluster.api().inference(), unstreamed(question("waits for a slot")));
  co_await cluster.api().until_requests("queued", 1);

  cluster.balancer().signal(SIGTERM);
  auto const refused = co_await waiting.read_answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("shutting_down"), std::string::npos) << refused.body;
  auto const exit = co_await cluster.balancer().wait_end(promised);
  expect_ended_well(exit);
  for (auto& stream : streams) {
    auto const answer = co_await stream.read_to_end();
    EXPECT_EQ(answer.error_code, "shutting_down");
    EXPECT_EQ(answer.end, body_end::complete);
  }
}

SYSTEM_TEST(shutdown, sigterm_of_the_balancer_lets_short_requests_finish, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1", "token-time=10ms");
  co_await cluster.api().until_slots(1);
  auto const asked = question("nearly done", 50);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(1), "it streams");
  cluster.balancer().signal(SIGTERM);
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code;
  EXPECT_EQ(answer.text, chain_of(asked));
  auto const exit = co_await cluster.balancer().wait_end(promised);
  expect_ended_well(exit);
}

// Its streams go on elsewhere: here with the agent itself, once it is started again.
SYSTEM_TEST(shutdown, RES_11_sigterm_of_the_agent_ends_no_stream, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1", "token-time=5ms");
  co_await cluster.api().until_slots(1);
  auto const row = co_await cluster.api().agent("a1");
  auto const asked = question("endless", 300);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(1), "it streams");

  cluster.named("a1").signal(SIGTERM);
  auto const exit = co_await cluster.named("a1").wait_end(promised);
  expect_ended_well(exit);
  EXPECT_FALSE(is_running(row->engine_pid)) << "the engine outlived its agent";
  cluster.start_agent("a1", "token-time=5ms");
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked));
  co_await cluster.api().until_idle(1);
}

// Balancer, agent and engine share the five seconds.
SYSTEM_TEST(shutdown, sigterm_of_up_tells_open_streams, process_cluster) {
  std::vector<std::string> const flags = {"--simulate=token-time=5ms,answer-tokens=20000", "--slots", "1"};
  co_await cluster.start_up(flags);
  co_await cluster.api().until_slots(1);
  auto const row = co_await cluster.api().agent("local");
  require(row && row->engine_pid > 1, "it runs an engine");
  auto asked = endless_question("endless");
  asked.model = "simulated";
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(1), "it streams");
  cluster.up().signal(SIGTERM);
  auto const exit = co_await cluster.up().wait_end(promised);
  expect_ended_well(exit);
  auto const answer = co_await stream.read_to_end();
  EXPECT_EQ(answer.error_code, "shutting_down");
  EXPECT_EQ(answer.end, body_end::complete);
  EXPECT_FALSE(is_running(row->engine_pid)) << "the engine outlived its agent";
}

SYSTEM_TEST(shutdown, idle_processes_end_at_once, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto idle = co_await connection::open(cluster.api().inference()); // a connection that asks for nothing
  for (char const* name : {"a1", "balancer"}) {
    cluster.named(name).signal(SIGTERM);
    auto const exit = co_await cluster.named(name).wait_end(seconds(2) * slowness);
    expect_ended_well(exit);
  }
  auto const said = co_await idle.read_to_end();
  EXPECT_EQ(said, "");
}

// What one round opens must be closed after it: sockets, pipes, threads.
task<> one_round(process_cluster& cluster, int number) {
  auto const api = cluster.api();
  cluster.start_agent("a1", "token-time=1ms");
  co_await api.until_slots(1);
  co_await api.expect_serving("round " + std::to_string(number));
  auto leaves = co_await chat_stream::open(api.inference(), endless_question("left alone"));
  bool const streams = co_await leaves.read_pieces(1);
  require(streams, "it streams");
  auto waits = co_await send_chat(api.inference(), question("never served"));
  co_await api.until_requests("queued", 1);
  if (number % 2 == 0) {
    leaves.line().close();
    waits.reset();
  } else {
    leaves.line().reset();
    waits.close();
  }
  co_await api.until_idle(1);
  co_await cluster.named("a1").kill();
  co_await api.until_idle(0);
}

SYSTEM_TEST(shutdown, fifty_rounds_leak_no_files_and_no_threads, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  for (int i = 0; i < 3; ++i) co_await one_round(cluster, i); // what is opened once is open now
  auto const pid = cluster.balancer().pid();
  auto const files = open_files(pid);
  auto const threads = thread_count(pid);
  for (int i = 0; i < 50; ++i) co_await one_round(cluster, i);
  bool const as_before =
      co_await eventually(patience, [=] { return open_files(pid) <= files && thread_count(pid) <= threads; });
  EXPECT_TRUE(as_before) << open_files(pid) << " files, before it were " << files << "; " << thread_count(pid)
                         << " threads, before it were " << threads;
}

// The same for an agent whose clients come and go.
SYSTEM_TEST(shutdown, fifty_rounds_of_clients_leave_nothing_in_the_agent, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 2));
  cluster.start_agent("a1", "token-time=1ms");
  co_await cluster.api().until_slots(2);
  co_await cluster.api().expect_serving();
  co_await cluster.api().until_idle(2);
  auto const pid = cluster.named("a1").pid();
  auto const files = open_files(pid);
  auto const threads = thread_count(pid);
  for (int i = 0; i < 50; ++i) {
    auto stream = co_await chat_stream::open(cluster.api().inference(), endless_question("left alone"));
    require(co_await stream.read_pieces(1), "it streams");
    if (i % 2 == 0)
      stream.line().close();
    else
      stream.line().reset();
    co_await cluster.api().until_idle(2);
  }
  bool const as_before =
      co_await eventually(patience, [=] { return open_files(pid) <= files && thread_count(pid) <= threads; });
  EXPECT_TRUE(as_before) << open_files(pid) << " files, before it were " << files << "; " << thread_count(pid)
                         << " threads, before it were " << threads;
}

} // namespace
} // namespace paddler_test
