// Requests that wait: in order, bounded in number and time, told that they wait (REQ-07, REQ-08).
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <deque>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct waiting_client {
  chat_question question;
  chat_answer answer;
  std::size_t place = 0; // in the order of the answers' ends
};

task<> wait_for_answer(std::string address, waiting_client* client, std::size_t* ended) {
  client->answer = co_await chat(address, client->question);
  client->place = (*ended)++;
}

SYSTEM_TEST(queue, REQ_08_scale_from_zero_serves_in_order_of_arrival, local_cluster) {
  constexpr std::size_t count = 24;
  cluster.config.comment_interval = milliseconds(50);
  co_await cluster.start(want_agents(1, 1));

  std::deque<waiting_client> clients;
  std::size_t ended = 0;
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 0; i < count; ++i) {
    auto& added = clients.emplace_back();
    added.question = question("number " + std::to_string(i), 4);
    readers.spawn("reader", wait_for_answer(cluster.api().inference(), &added, &ended));
    co_await cluster.api().until_requests("queued", i + 1);
  }
  cluster.add_agent("a1");
  co_await readers.join();

  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(clients[i].answer.is_whole()) << i << ": " << clients[i].answer.error_code;
    EXPECT_EQ(clients[i].answer.text, chain_of(clients[i].question));
    EXPECT_EQ(clients[i].place, i);
  }
  EXPECT_GT(clients.front().answer.comments, 0U) << "the first one waited for the agent to start";
  co_await cluster.api().until_idle(1);
}

void expect_try_again(answer_head const& head) {
  EXPECT_EQ(head.header("x-should-retry"), "true");
  EXPECT_NE(head.header("retry-after"), "");
  EXPECT_NE(head.header("retry-after-ms"), "");
}

SYSTEM_TEST(queue, REQ_07_full_is_said_at_once, local_cluster) {
  cluster.config.policy.dispatch.max_queued = 3;
  co_await cluster.start(want_agents(1, 4));
  std::deque<connection> waiting;
  for (std::size_t i = 0; i < 3; ++i) {
    waiting.push_back(co_await send_chat(cluster.api().inference(), question("waits")));
    co_await cluster.api().until_requests("queued", i + 1);
  }
  for (auto const& asked : {question("one too many"), unstreamed(question("one too many"))}) {
    auto const refused = co_await post_chat(cluster.api().inference(), asked);
    EXPECT_TRUE(refused.status == 503 || refused.status == 429) << refused.status;
    EXPECT_NE(refused.body.find("queue is full"), std::string::npos) << refused.body;
    expect_try_again(refused);
  }
  // A place becomes free when one leaves, and those who waited are all served.
  waiting.front().close();
  co_await cluster.api().until_requests("queued", 2);
  cluster.add_agent("a1");
  for (std::size_t i = 1; i < waiting.size(); ++i) {
    auto const answer = co_await waiting[i].read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.body.find("[DONE]"), std::string::npos);
  }
}

SYSTEM_TEST(queue, REQ_07_a_timeout_is_an_answer, local_cluster) {
  cluster.config.policy.dispatch.queue_timeout = milliseconds(100);
  co_await cluster.start(want_agents(1, 4));
  for (auto const& asked : {question("in vain"), unstreamed(question("in vain"))}) {
    auto const late = co_await post_chat(cluster.api().inference(), asked);
    EXPECT_EQ(late.status, 504);
    EXPECT_NE(late.body.find("queue_timeout"), std::string::npos) << late.body;
    expect_try_again(late);
  }
  co_await cluster.api().until_idle(0);
}

// Where comments have left already the head is gone, so the same is said as the last event.
SYSTEM_TEST(queue, REQ_07_a_timeout_after_comments_is_an_error_event, local_cluster) {
  cluster.config.policy.dispatch.queue_timeout = milliseconds(300);
  cluster.config.comment_interval = milliseconds(20);
  co_await cluster.start(want_agents(1, 4));
  auto const late = co_await chat(cluster.api().inference(), question("in vain"));
  EXPECT_EQ(late.status, 200);
  EXPECT_GT(late.comments, 1U);
  EXPECT_EQ(late.error_code, "queue_timeout");
  EXPECT_EQ(late.named_events, 0U) << "OpenAI's clients break at a named event";
  EXPECT_EQ(late.end, body_end::complete);
  EXPECT_FALSE(late.done);
}

SYSTEM_TEST(queue, REQ_07_shutdown_tells_those_who_wait, local_cluster) {
  cluster.config.comment_interval = milliseconds(20);
  co_await cluster.start(want_agents(1, 4));
  auto events = co_await event_stream::open(cluster.api().inference(), "/v1/chat/completions",
                                            chat_body(question("told by an event")));
  auto const comment = co_await events.next();
  require(comment && !comment->comments.empty(), "the stream has begun");
  auto plain = co_await send_chat(cluster.api().inference(), unstreamed(question("told by a status")));
  co_await cluster.api().until_requests("queued", 2);

  co_await cluster.stop_balancer();
  std::string said;
  while (auto const event = co_await events.next()) said += event->data;
  EXPECT_NE(said.find("shutting_down"), std::string::npos) << said;
  EXPECT_EQ(events.end(), body_end::complete);
  auto const answer = co_await plain.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("shutting_down"), std::string::npos) << answer.body;
}

// While all slots are busy: what waits gets comments, and then its answer.
SYSTEM_TEST(queue, NET_09_comments_keep_waiting_streams_alive, local_cluster) {
  cluster.config.comment_interval = milliseconds(20);
  cluster.simulation.token_time = milliseconds(20);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const first = question("the first", 20);
  auto running = co_await chat_stream::open(cluster.api().inference(), first);
  require(co_await running.read_pieces(1), "the only slot is busy");

  auto const second = question("the second", 5);
  auto const waited = co_await chat(cluster.api().inference(), second);
  EXPECT_TRUE(waited.is_whole());
  EXPECT_EQ(waited.text, chain_of(second));
  EXPECT_GT(waited.comments, 1U);
  auto const before = co_await running.read_to_end();
  EXPECT_EQ(before.text, chain_of(first));
}

SYSTEM_TEST(queue, REQ_07_an_unknown_model_does_not_wait, local_cluster) {
  co_await cluster.start(want_agents(1, 4));
  auto asked = question("for nobody");
  asked.model = "simm";
  auto const answer = co_await post_chat(cluster.api().inference(), asked);
  EXPECT_EQ(answer.status, 404);
  EXPECT_NE(answer.body.find("did you mean `sim`"), std::string::npos) << answer.body;
  EXPECT_EQ(answer.header("x-should-retry"), "false");
}

} // namespace
} // namespace paddler_test
