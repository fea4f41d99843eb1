// Processes that may open no more files: who is served already notices nothing, others wait or are told, and all goes
// on by itself when there are files again (NET-07).
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"
#include "runtime/clock.hpp"

#include <csignal>
#include <deque>

namespace paddler_test {
namespace {

// All that a process has are above it, so that nothing can be opened.
constexpr std::size_t no_files = 3;

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t out = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

task<> expect_answer(connection* line, chat_question asked) {
  auto const answer = co_await line->read_answer();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(content_of(answer), chain_of(asked));
}

SYSTEM_TEST(shortage, NET_07_a_balancer_that_can_accept_no_connection, process_cluster) {
  constexpr std::size_t clients = 60;
  constexpr std::size_t room = 10;
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 2));
  cluster.start_agent("a1", "token-time=2ms");
  co_await cluster.api().until_slots(2);
  auto in_charge = co_await connection::open(cluster.api().management()); // an operator who is there already
  auto const asked = question("begun before", 500);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(1), "it streams");

  auto const pid = cluster.balancer().pid();
  auto const before = open_files(pid);
  auto const began = mono_now();
  auto const limit = limit_open_files(pid, before + room);
  require(limit > 0, "files are limited");
  auto const wanted = unstreamed(question("one of many", 4));
  std::deque<connection> waiting;
  for (std::size_t i = 0; i < clients; ++i)
    waiting.push_back(co_await send_chat(cluster.api().inference(), wanted)); // the kernel takes what is not accepted
  auto const says_so = [&] { return !cluster.balancer().logged("net.accept_failed", "reason").empty(); };
  require(co_await eventually(patience, says_so), "it says that it can accept no more");

  co_await in_charge.send_request("PUT", "/management/v1/desired", {}, want_agents(2, 2));
  auto const changed = co_await in_charge.read_answer();
  EXPECT_EQ(changed.status, 200) << changed.body;
  auto const whole = co_await stream.read_to_end();
  EXPECT_TRUE(whole.is_whole()) << whole.error_code;
  EXPECT_EQ(whole.text, chain_of(asked));
  for (auto& each : waiting) { // each that is served makes room for another one
    co_await expect_answer(&each, wanted);
    each.close();
  }
  auto const passed = std::chrono::duration_cast<std::chrono::seconds>(mono_now() - began).count();
  EXPECT_LE(count_of(cluster.balancer().output(), "net.accept_failed"), static_cast<std::size_t>(passed) + 2)
      << "a line a second";
  limit_open_files(pid, limit);
  in_charge.close();
  co_await cluster.api().until_idle(2);
  co_await cluster.api().expect_serving();
  EXPECT_TRUE(co_await eventually(patience, [&] { return open_files(pid) <= before; })) << open_files(pid);
}

// It can dial neither its engine nor the balancer. What is asked meanwhile waits, and is served.
SYSTEM_TEST(shortage, NET_07_an_agent_that_can_dial_nobody, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const engine = co_await cluster.api().agent("a1");
  auto const pid = cluster.named("a1").pid();
  auto const limit = limit_open_files(pid, no_files);
  require(limit > 0, "files are limited");
  auto const asked = unstreamed(question("meanwhile", 4));
  auto line = co_await send_chat(cluster.api().inference(), asked);
  auto const says_so = [&] { return !cluster.named("a1").logged("slot.not_opened", "msg").empty(); };
  require(co_await eventually(patience, says_so), "it says that it can dial nobody");
  auto const row = co_await cluster.api().agent("a1");
  EXPECT_TRUE(row->connected) << "its link is open";
  limit_open_files(pid, limit);
  co_await expect_answer(&line, asked);
  co_await cluster.api().until_idle(1);
  co_await cluster.api().expect_serving();
  auto const later = co_await cluster.api().agent("a1");
  EXPECT_EQ(later->engine_pid, engine->engine_pid);
}

SYSTEM_TEST(shortage, NET_07_an_agent_that_can_start_no_engine, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().agent("a1");
  auto const pid = cluster.named("a1").pid();
  auto const limit = limit_open_files(pid, no_files);
  require(limit > 0, "files are limited");
  send_signal(before->engine_pid, SIGKILL);
  auto const explained = [](agent_row const& row) {
    return row.connected && row.status != "ready" && row.reason.find("files") != std::string::npos;
  };
  co_await cluster.api().until_agent("a1", "says what it lacks", explained);
  limit_open_files(pid, limit);
  co_await cluster.api().until_slots(1);
  co_await cluster.api().expect_serving();
}

} // namespace
} // namespace paddler_test
