// Requests that are sent again with the same Idempotency-Key (REQ-10): one runs, all get its answer.
#include "harness/fake_agent.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <deque>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;

http_headers key(std::string text) { return {{"Idempotency-Key", std::move(text)}}; }

task<http_answer> ask_with(std::string address, std::string text, chat_question asked) {
  auto headers = key(std::move(text));
  headers.emplace_back("Content-Type", "application/json");
  co_return co_await ask(address, "POST", "/v1/chat/completions", headers, chat_body(asked));
}

task<> keep_answer(std::string address, std::string text, chat_question asked, std::deque<http_answer>* answers) {
  auto answer = co_await ask_with(std::move(address), std::move(text), std::move(asked));
  answers->push_back(std::move(answer));
}

// So many streams that are open at once. Each head came with a comment: all of them wait.
task<std::deque<chat_stream>> open_streams(std::string address, chat_question asked, std::string text, int count) {
  std::deque<chat_stream> out;
  for (int i = 0; i < count; ++i) out.push_back(co_await chat_stream::open(address, asked, key(text)));
  co_return out;
}

std::string const last_events = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n";

// Everything but the chunk that says that no other one follows.
task<> answer_without_end(connection* slot) {
  co_await slot->read_some();
  co_await slot->send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
                      chunk_of(last_events));
}

// The number of requests that ran or run.
task<std::size_t> requests_of(cluster_api api) { co_return (co_await api.list("requests")).size(); }

SYSTEM_TEST(idempotency, REQ_10_ten_streams_at_once_are_one_request, local_cluster) {
  cluster.config.comment_interval = milliseconds(20);
  co_await cluster.start(want_agents(1, 4));
  auto const asked = question("ten of this");
  auto clients = co_await open_streams(cluster.api().inference(), asked, "ten", 10);
  EXPECT_EQ(co_await requests_of(cluster.api()), 1U);
  cluster.add_agent("a1");
  for (auto& client : clients) {
    auto const answer = co_await client.read_to_end();
    EXPECT_TRUE(answer.is_whole()) << answer.error_code << answer.error_message;
    EXPECT_EQ(answer.text, chain_of(asked));
  }
  auto const later = co_await chat(cluster.api().inference(), asked, key("ten"));
  EXPECT_EQ(later.text, chain_of(asked)) << "what comes later gets the same";
  EXPECT_EQ(co_await requests_of(cluster.api()), 1U);
  auto const other_key = co_await chat(cluster.api().inference(), asked, key("eleven"));
  EXPECT_EQ(other_key.text, chain_of(asked));
  EXPECT_EQ(co_await requests_of(cluster.api()), 2U);
}

SYSTEM_TEST(idempotency, REQ_10_a_hundred_repeats_are_ten_requests, local_cluster) {
  cluster.simulation.token_time = milliseconds(1);
  co_await cluster.start(want_agents(1, 4));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(4);
  std::deque<http_answer> answers;
  task_group clients(co_await asio::this_coro::executor, "clients");
  for (int i = 0; i < 100; ++i) {
    auto const number = std::to_string(i % 10);
    clients.spawn("client", keep_answer(cluster.api().inference(), "key " + number,
                                        unstreamed(question("question " + number)), &answers));
  }
  co_await clients.join();
  std::map<std::string, std::size_t> bodies;
  std::size_t replayed = 0;
  for (auto const& answer : answers) {
    EXPECT_EQ(answer.status, 200);
    ++bodies[answer.body];
    replayed += answer.header("idempotent-replayed") == "true" ? 1 : 0;
  }
  EXPECT_EQ(bodies.size(), 10U) << "even their ids and times are the same";
  for (auto const& [body, count] : bodies) EXPECT_EQ(count, 10U) << body;
  EXPECT_EQ(replayed, 90U);
  EXPECT_EQ(co_await requests_of(cluster.api()), 10U);
}

SYSTEM_TEST(idempotency, REQ_10_a_key_that_came_with_another_body_is_refused, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto running = co_await send_chat(cluster.api().inference(), question("unrelated"));
  task_group clients(co_await asio::this_coro::executor, "clients");
  std::deque<http_answer> answers;
  clients.spawn("first", keep_answer(cluster.api().inference(), "k", unstreamed(question("one")), &answers));
  co_await cluster.api().until_requests("queued", 2);
  for (bool const runs : {true, false}) {
    auto const refused = co_await ask_with(cluster.api().inference(), "k", unstreamed(question("two")));
    EXPECT_EQ(refused.status, 422) << (runs ? "while it runs" : "afterwards");
    EXPECT_NE(refused.body.find("idempotency_key_reused"), std::string::npos) << refused.body;
    EXPECT_EQ(refused.header("x-should-retry"), "false");
    if (!runs) continue;
    cluster.add_agent("a1");
    co_await clients.join();
  }
  EXPECT_EQ(co_await requests_of(cluster.api()), 2U);
  auto const too_long = co_await ask_with(cluster.api().inference(), std::string(256, 'k'), question("three"));
  EXPECT_EQ(too_long.status, 400);
}

// The one that ran is gone with its client: of those who wait, one runs, and only one.
SYSTEM_TEST(idempotency, REQ_10_who_waits_takes_over_from_a_client_that_leaves, local_cluster) {
  cluster.config.comment_interval = milliseconds(20);
  co_await cluster.start(want_agents(1, 1));
  auto const asked = question("left behind");
  auto clients = co_await open_streams(cluster.api().inference(), asked, "left", 3);
  clients.front().line().close();
  co_await cluster.api().until_requests("failed", 1);
  co_await cluster.api().until_requests("queued", 1);
  cluster.add_agent("a1");
  for (std::size_t i = 1; i < clients.size(); ++i) {
    auto const answer = co_await clients[i].read_to_end();
    EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
    EXPECT_EQ(answer.text, chain_of(asked));
  }
  EXPECT_EQ(co_await requests_of(cluster.api()), 2U);
}

// Clients leave at the last event, and need not wait for the end of the body. Found by seed 52743 of the simulation:
// the next one with the key was answered once more.
SYSTEM_TEST(idempotency, REQ_10_who_leaves_at_the_last_event_was_answered, local_cluster) {
  cluster.config.policy.link.heartbeat = test_limit;
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 5));
  require((co_await link.listen()).has_value(), "the link is welcome");
  auto slot = co_await open_slot(cluster.api().management(), "a1", slot_headers("5", "1", "sim"));
  auto headers = key("last");
  headers.emplace_back("Content-Type", "application/json");
  task_group agent(co_await asio::this_coro::executor, "engine that does not end its bodies");
  agent.spawn("answer", answer_without_end(&slot.line));
  auto client = co_await event_stream::open(cluster.api().inference(), "/v1/chat/completions",
                                            chat_body(question("one")), headers);
  while (auto const event = co_await client.next())
    if (event->data == "[DONE]") break;
  EXPECT_EQ(client.end(), body_end::open);
  client.line().close();
  co_await cluster.api().until_requests("completed", 1);
  auto const again = co_await ask_with(cluster.api().inference(), "last", question("one"));
  EXPECT_EQ(again.header("idempotent-replayed"), "true");
  EXPECT_EQ(again.body, last_events);
  co_await agent.join();
}

// Its engine dies in the middle: the stream goes on elsewhere, and those who wait get it whole.
SYSTEM_TEST(idempotency, REQ_10_an_answer_that_survived_its_engine_is_everybodys, local_cluster) {
  cluster.config.comment_interval = milliseconds(20);
  cluster.simulation.token_time = milliseconds(2);
  co_await cluster.start(want_agents(2, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const asked = question("it goes on", 60);
  auto first = co_await chat_stream::open(cluster.api().inference(), asked, key("on"));
  EXPECT_TRUE(co_await first.read_pieces(3));
  auto others = co_await open_streams(cluster.api().inference(), asked, "on", 3);
  cluster.add_agent("a2");
  co_await cluster.stop_agent("a1", milliseconds(0));
  auto const answer = co_await first.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked));
  for (auto& other : others) EXPECT_EQ((co_await other.read_to_end()).text, chain_of(asked));
  EXPECT_EQ(co_await requests_of(cluster.api()), 1U);
}

// An answer of ours that says no is no answer.
SYSTEM_TEST(idempotency, what_was_refused_runs_when_it_is_sent_again, local_cluster) {
  cluster.config.policy.dispatch.queue_timeout = milliseconds(50);
  co_await cluster.start(want_agents(1, 1));
  auto const asked = unstreamed(question("again"));
  EXPECT_EQ((co_await ask_with(cluster.api().inference(), "again", asked)).status, 504);
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const answer = co_await ask_with(cluster.api().inference(), "again", asked);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("idempotent-replayed"), "");
  EXPECT_EQ(content_of(answer), chain_of(asked));
}

} // namespace
} // namespace paddler_test
