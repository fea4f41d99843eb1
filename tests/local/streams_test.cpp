// Streams arrive whole: no token lost, doubled, moved or taken from another stream (P7).
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <deque>

namespace paddler_test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct asked_stream {
  chat_question question;
  chat_answer answer;
};

task<> fill(std::string address, asked_stream* stream) { stream->answer = co_await chat(address, stream->question); }

chat_question numbered_question(std::size_t number) {
  chat_question out;
  out.text = "Tell me about number " + std::to_string(number) + ".";
  if (number % 2 == 0) out.max_tokens = 20 + number % 21;
  out.answer_tokens.reset();
  out.stream = number % 10 != 9; // among the streams, some that want their answer at once
  return out;
}

void expect_chain(asked_stream const& stream) {
  auto const& answer = stream.answer;
  EXPECT_TRUE(answer.is_whole()) << "status " << answer.status << ", error " << answer.error_code << " "
                                 << answer.error_message << ", " << answer.pieces << " pieces";
  EXPECT_EQ(answer.text, chain_of(stream.question));
}

SYSTEM_TEST(streams, P7_two_hundred_at_once_are_each_their_own_hash_chain, local_cluster) {
  constexpr std::size_t count = 200;
  cluster.simulation.token_time = microseconds(500);
  cluster.simulation.answer_tokens = 0;
  co_await cluster.start(want_agents(2, 4));
  cluster.add_agent("a1");
  cluster.add_agent("a2");
  co_await cluster.api().until_slots(8);

  std::deque<asked_stream> streams;
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 0; i < count; ++i) {
    auto& added = streams.emplace_back();
    added.question = numbered_question(i);
    added.question.stream = true;
    readers.spawn("reader", fill(cluster.api().inference(), &added));
  }
  co_await readers.join();
  for (auto const& each : streams) expect_chain(each);
  co_await cluster.api().until_idle(8);
}

SYSTEM_TEST(streams, P7_whole_answers_and_streams_side_by_side, local_cluster) {
  cluster.simulation.answer_tokens = 0;
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  for (std::size_t i = 0; i < 20; ++i) {
    auto const asked = numbered_question(i);
    if (asked.stream) {
      asked_stream stream;
      stream.question = asked;
      stream.answer = co_await chat(cluster.api().inference(), asked);
      expect_chain(stream);
      continue;
    }
    auto const answer = co_await post_chat(cluster.api().inference(), asked);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(content_of(answer), chain_of(asked));
  }
}

// Two models, two agents: nobody is served by another model than the one that was asked for.
SYSTEM_TEST(streams, P7_each_model_answers_for_itself, local_cluster) {
  auto const desired =
      desired_yaml({{.id = "a1", .slots = 2, .model = "red"}, {.id = "a2", .slots = 2, .model = "blue"}},
                   {{.id = "red"}, {.id = "blue"}});
  co_await cluster.start(desired);
  cluster.add_agent("a1");
  cluster.add_agent("a2");
  co_await cluster.api().until_slots(4);

  std::deque<asked_stream> streams;
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 0; i < 24; ++i) {
    auto& added = streams.emplace_back();
    added.question.model = i % 2 == 0 ? "red" : "blue";
    added.question.text = "the same words";
    added.question.max_tokens = 12;
    readers.spawn("reader", fill(cluster.api().inference(), &added));
  }
  co_await readers.join();
  for (auto const& each : streams) expect_chain(each);
}

// A reader that takes its time slows nobody down but itself, and still gets everything.
SYSTEM_TEST(streams, OVR_01_a_slow_reader_slows_only_itself, local_cluster) {
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);

  auto const asked = endless_question("a long story"); // megabytes, far more than is buffered for a client
  auto slow = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await slow.read_pieces(1), "the long stream began");
  for (int i = 0; i < 20; ++i) co_await cluster.api().expect_serving("quick question " + std::to_string(i));
  co_await cluster.api().until_requests("streaming", 1); // its engine waits for it
  asked_stream whole;
  whole.question = asked;
  whole.answer = co_await slow.read_to_end();
  expect_chain(whole);
}

// One that reads nothing any more gives its slot to others.
SYSTEM_TEST(streams, OVR_01_a_reader_that_stops_is_given_up, local_cluster) {
  cluster.config.client_silence = milliseconds(300) * slowness;
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);

  auto stopped = co_await chat_stream::open(cluster.api().inference(), endless_question("a long story"));
  require(co_await stopped.read_pieces(1), "the long stream began");
  co_await cluster.api().until("requests", "one failed as a slow client", [](boost::json::array const& rows) {
    return rows.size() == 1 && text_of(rows[0].as_object(), "failure") == "slow_client";
  });
  co_await cluster.api().until_idle(1);
  co_await cluster.api().expect_serving();
  auto const rest = co_await stopped.read_to_end();
  EXPECT_EQ(rest.end, body_end::truncated) << "it can tell that this was not all";
}

} // namespace
} // namespace paddler_test
