// Engines that die, hang or misbehave: the agent stays, another engine serves, and clients are told the truth.
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/scenarios.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SYSTEM_TEST(engine_faults, kill_9_under_four_streams, local_cluster) {
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(1, 4));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(4);
  co_await simulated_engine_dies_under_four_streams(cluster.api());
  co_await cluster.api().expect_serving();
}

SYSTEM_TEST(engine_faults, REQ_01_kill_9_before_the_first_token, local_cluster) {
  cluster.simulation.prefill_time = milliseconds(200) * slowness; // for each of the question's words
  co_await cluster.start(want_agents(1, 4));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(4);
  co_await engine_dies_before_the_first_token(cluster.api(), question("six words and then a number", 5));
}

std::string batch_of(std::size_t client) {
  boost::json::array texts;
  for (int i = 0; i < 20; ++i) texts.emplace_back("client " + std::to_string(client) + ", text " + std::to_string(i));
  return boost::json::serialize(boost::json::object{{"model", "sim"}, {"input", std::move(texts)}});
}

task<> embed(std::string address, std::size_t client, http_answer* out) {
  http_headers headers;
  headers.emplace_back("Content-Type", "application/json");
  *out = co_await ask(std::move(address), "POST", "/v1/embeddings", std::move(headers), batch_of(client));
}

// One engine makes all of a batch, so there is never a hole in it.
SYSTEM_TEST(engine_faults, REQ_17_batches_outlive_their_engine_whole_and_in_order, local_cluster) {
  constexpr int slots = 5;
  constexpr std::size_t clients = 2 * slots;
  cluster.simulation.prefill_time = milliseconds(5) * slowness; // for each of 80 words
  co_await cluster.start(want_agents(2, slots));
  cluster.add_agent("a1");
  cluster.add_agent("a2");
  co_await cluster.api().until_slots(2 * slots);
  auto const row = co_await cluster.api().agent("a1");

  std::vector<http_answer> answers(clients);
  task_group askers(co_await asio::this_coro::executor, "askers");
  for (std::size_t i = 0; i < clients; ++i) askers.spawn("asker", embed(cluster.api().inference(), i, &answers[i]));
  co_await cluster.api().until_requests("processing", clients);
  EXPECT_TRUE(send_signal(row->engine_pid, SIGKILL));
  co_await askers.join();

  std::size_t tried_again = 0;
  for (auto const& each : co_await cluster.api().list("requests"))
    tried_again += each.as_object().at("attempts").to_number<int>() > 1 ? 1 : 0;
  EXPECT_EQ(tried_again, clients / 2);
  for (std::size_t i = 0; i < clients; ++i) {
    http_answer undisturbed;
    co_await embed(cluster.api().inference(), i, &undisturbed);
    EXPECT_EQ(answers[i].status, 200) << answers[i].body;
    EXPECT_EQ(answers[i].body, undisturbed.body);
    expect_words(undisturbed.body, {R"("index":0,)", R"("index":19,)"});
  }
}

// A request that kills whatever engine it meets ends after two of them, with words; the agent goes on.
SYSTEM_TEST(engine_faults, REQ_12_a_request_that_kills_engines_ends, local_cluster) {
  cluster.simulation.crash_at = 2; // the readiness probe asks for one token
  cluster.simulation.prefill_time = milliseconds(1);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);

  auto const whole = co_await post_chat(cluster.api().inference(), unstreamed(question("poison", 10)));
  EXPECT_EQ(whole.status, 422);
  EXPECT_NE(whole.body.find("request_kills_engines"), std::string::npos) << whole.body;
  EXPECT_EQ(whole.header("x-should-retry"), "false") << "clients must not try it for ever";

  co_await cluster.api().until_slots(1);
  auto const again = co_await post_chat(cluster.api().inference(), unstreamed(question("poison", 10)));
  EXPECT_EQ(again.status, 422);
  EXPECT_NE(again.body.find("request_quarantined"), std::string::npos) << again.body;
  auto const streamed = co_await chat(cluster.api().inference(), question("poison", 10));
  EXPECT_EQ(streamed.error_code, "request_kills_engines");
  EXPECT_EQ(streamed.pieces, 1U) << "its first token had left";
  EXPECT_EQ(streamed.end, body_end::complete);

  co_await cluster.api().until_slots(1);
  co_await cluster.api().until_idle(1);
  auto const row = co_await cluster.api().agent("a1");
  EXPECT_EQ(row->engine_restarts, 4U) << "two for each of the two requests";
  auto const harmless = question("one token only", 1);
  auto const answer = co_await chat(cluster.api().inference(), harmless);
  EXPECT_EQ(answer.text, chain_of(harmless));
}

// An engine that is silent in the middle of an answer: the client is told, not left to wait.
SYSTEM_TEST(engine_faults, NET_06_silence_is_a_timeout, local_cluster) {
  cluster.simulation.stall_at = 3;
  cluster.config.engine_silence = milliseconds(300);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);

  auto const streamed = co_await chat(cluster.api().inference(), question("and then", 10));
  EXPECT_EQ(streamed.error_code, "engine_timeout");
  EXPECT_EQ(streamed.pieces, 2U);
  EXPECT_EQ(streamed.end, body_end::complete);

  co_await cluster.api().until_slots(1);
  auto const whole = co_await post_chat(cluster.api().inference(), unstreamed(question("and then", 10)));
  EXPECT_EQ(whole.status, 504);
  EXPECT_NE(whole.body.find("engine_timeout"), std::string::npos) << whole.body;

  co_await cluster.api().until_slots(1);
  auto const harmless = question("two tokens only", 2);
  auto const answer = co_await chat(cluster.api().inference(), harmless);
  EXPECT_EQ(answer.text, chain_of(harmless));
}

// A model that cannot be loaded: the reason is where people look, and nothing else suffers.
SYSTEM_TEST(engine_faults, REC_06_a_model_that_does_not_load_is_explained, local_cluster) {
  co_await cluster.start(want_agents(2, 2));
  cluster.add_agent("a2");
  cluster.simulation.fail_load = true;
  cluster.add_agent("a1");
  auto const explained = [](agent_row const& row) { return row.status != "ready" && !row.reason.empty(); };
  co_await cluster.api().until_agent("a1", "says why it is not ready", explained);
  co_await cluster.api().until_slots(2);
  co_await cluster.api().expect_serving();
  EXPECT_TRUE(cluster.agent_named("a1").is_connected());
}

} // namespace
} // namespace paddler_test
