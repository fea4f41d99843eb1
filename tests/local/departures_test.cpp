// Clients that leave, at each state of their request and in each way: the slot is free and the queue is empty again
// within 1.5 s (REQ-03).
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iterator>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;

constexpr auto promised = milliseconds(1500) * slowness;

struct way_to_leave {
  char const* name;
  void (connection::*leave)();
};

// Half-closing counts as leaving: nobody who wants an answer does it, and a connection that is gone for good can look
// the same.
constexpr way_to_leave ways[] = {
    {"FIN", &connection::close}, {"RST", &connection::reset}, {"half-close", &connection::half_close}};

chat_question long_question(bool stream) {
  auto const out = endless_question("for ever and ever");
  return stream ? out : unstreamed(out);
}

SYSTEM_TEST(departures, REQ_03_while_streaming, local_cluster) {
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  for (auto const& way : ways) {
    SCOPED_TRACE(way.name);
    auto stream = co_await chat_stream::open(cluster.api().inference(), long_question(true));
    require(co_await stream.read_pieces(3), "it streams");
    (stream.line().*way.leave)();
    co_await cluster.api().until_idle(1, promised);
    co_await cluster.api().expect_serving(); // the engine's own slot is free as well
  }
}

SYSTEM_TEST(departures, REQ_03_while_an_answer_is_made_that_is_no_stream, local_cluster) {
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  for (auto const& way : ways) {
    SCOPED_TRACE(way.name);
    auto line = co_await send_chat(cluster.api().inference(), long_question(false));
    co_await cluster.api().until_requests("processing", 1);
    (line.*way.leave)();
    co_await cluster.api().until_idle(1, promised);
    co_await cluster.api().expect_serving();
  }
}

SYSTEM_TEST(departures, REQ_03_before_the_first_token, local_cluster) {
  cluster.simulation.prefill_time = milliseconds(300); // for each of the question's words
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  for (auto const& way : ways) {
    SCOPED_TRACE(way.name);
    auto asked = long_question(true);
    asked.text = "a question of so many words that reading them alone takes the engine very long indeed";
    auto line = co_await send_chat(cluster.api().inference(), asked);
    co_await cluster.api().until_requests("processing", 1);
    (line.*way.leave)();
    co_await cluster.api().until_idle(1, promised);
    co_await cluster.api().expect_serving("short");
  }
}

SYSTEM_TEST(departures, REQ_03_while_queued, local_cluster) {
  co_await cluster.start(want_agents(1, 4)); // and no agent comes
  for (bool const streamed : {true, false}) {
    for (auto const& way : ways) {
      SCOPED_TRACE(std::string(way.name) + (streamed ? ", stream" : ", no stream"));
      auto line = co_await send_chat(cluster.api().inference(), long_question(streamed));
      co_await cluster.api().until_requests("queued", 1);
      (line.*way.leave)();
      co_await cluster.api().until_idle(0, promised);
    }
  }
}

// Queued behind others, where comments flow already.
SYSTEM_TEST(departures, REQ_03_while_queued_with_comments, local_cluster) {
  cluster.config.comment_interval = milliseconds(20);
  co_await cluster.start(want_agents(1, 4));
  for (auto const& way : ways) {
    SCOPED_TRACE(way.name);
    auto events =
        co_await event_stream::open(cluster.api().inference(), "/v1/chat/completions", chat_body(long_question(true)));
    auto const first = co_await events.next();
    require(first && !first->comments.empty(), "a waiting stream is told so");
    (events.line().*way.leave)();
    co_await cluster.api().until_idle(0, promised);
  }
}

// The body is still being sent: nothing was accepted yet, nothing may remain.
SYSTEM_TEST(departures, REQ_03_while_the_request_is_sent, local_cluster) {
  co_await cluster.start(want_agents(1, 4));
  for (auto const& way : ways) {
    SCOPED_TRACE(way.name);
    auto line = co_await connection::open(cluster.api().inference());
    co_await line.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"model\":");
    (line.*way.leave)();
    co_await cluster.api().until_idle(0, promised);
  }
}

// Many at once, while others stay: who stays is served, whole.
SYSTEM_TEST(departures, REQ_03_others_are_not_touched, local_cluster) {
  cluster.simulation.token_time = milliseconds(2);
  co_await cluster.start(want_agents(1, 4));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(4);
  for (int round = 0; round < 5; ++round) {
    auto const kept = question("round " + std::to_string(round), 60);
    auto stays = co_await chat_stream::open(cluster.api().inference(), kept);
    auto leaves = co_await chat_stream::open(cluster.api().inference(), long_question(true));
    auto resets = co_await chat_stream::open(cluster.api().inference(), long_question(true));
    require(co_await leaves.read_pieces(2) && co_await resets.read_pieces(2), "both stream");
    leaves.line().close();
    resets.line().reset();
    auto const answer = co_await stays.read_to_end();
    EXPECT_TRUE(answer.is_whole());
    EXPECT_EQ(answer.text, chain_of(kept));
    co_await cluster.api().until_idle(4, promised);
  }
}

// The slot that becomes free is given to one who leaves at that moment: so many turns of the loop later.
SYSTEM_TEST(departures, REQ_06_leaving_races_with_being_served, local_cluster) {
  cluster.simulation.token_time = milliseconds(1);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const executor = co_await asio::this_coro::executor;
  for (int turns = 0; turns < 80; ++turns) {
    SCOPED_TRACE(turns);
    auto running = co_await chat_stream::open(cluster.api().inference(), endless_question("the first"));
    require(co_await running.read_pieces(1), "it streams");
    auto waiting = co_await send_chat(cluster.api().inference(), endless_question("the second"));
    co_await cluster.api().until_requests("queued", 1);
    running.line().close();
    for (int i = 0; i < turns; ++i) co_await asio::post(executor, asio::use_awaitable);
    waiting.reset();
    co_await cluster.api().until_idle(1, promised);
  }
}

SYSTEM_TEST(departures, REQ_06_leaving_races_with_the_end, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  constexpr std::size_t tokens = 6;
  for (std::size_t round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    auto stream = co_await chat_stream::open(cluster.api().inference(), question("short", tokens));
    require(co_await stream.read_pieces(1 + round % tokens), "it streams");
    (stream.line().*ways[round % std::size(ways)].leave)();
    co_await cluster.api().until_idle(1, promised);
  }
}

} // namespace
} // namespace paddler_test
