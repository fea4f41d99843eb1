// A balancer that runs out of memory gives up what it can do without, step by step (OVR-04). What it holds is what the
// test says.
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

#include <atomic>
#include <memory>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t limit = 1'000'000'000;
constexpr std::uint64_t percent = limit / 100;

// What the balancer reads: once what `next` says, then what `then` says, so that it cuts once.
struct told_memory {
  std::atomic<std::uint64_t> next{0}, then{0};

  void say(std::uint64_t used) { say_once(used, used); }

  void say_once(std::uint64_t used, std::uint64_t afterwards) {
    then = afterwards;
    next = used;
  }
};

std::shared_ptr<told_memory> listen_to_the_test(local_cluster& cluster) {
  auto told = std::make_shared<told_memory>();
  cluster.config.memory.limit = limit;
  cluster.config.memory.look_every = milliseconds(5);
  cluster.config.memory.read_used = [told] { return told->next.exchange(told->then.load()); };
  return told;
}

chat_question sized(std::string text, std::size_t bytes) {
  auto out = question(std::move(text), 400);
  out.text += std::string(bytes, ' ');
  return out;
}

// Asks until the answer is of this status.
task<http_answer> until_status(std::string address, int status) {
  for (int i = 0; i < 2000; ++i) {
    auto out = co_await post_chat(address, unstreamed(question("are you there?", 1)));
    if (out.status == status) co_return out;
  }
  throw test_failure("no answer had status " + std::to_string(status));
}

SYSTEM_TEST(memory, OVR_04_the_largest_request_goes_and_new_ones_wait_outside, local_cluster) {
  auto const told = listen_to_the_test(cluster);
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(1, 4));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(4);
  auto const inference = cluster.api().inference();
  auto small = co_await chat_stream::open(inference, sized("small", 10));
  auto large = co_await chat_stream::open(inference, sized("large", 5'000));
  EXPECT_TRUE(co_await small.read_pieces(2));
  EXPECT_TRUE(co_await large.read_pieces(2));
  told->say_once(96 * percent, 89 * percent);
  auto const cut = co_await large.read_to_end();
  EXPECT_EQ(cut.error_code, "short_of_memory") << cut.error_message;
  EXPECT_EQ(cut.end, body_end::complete);
  auto const refused = co_await until_status(inference, 503);
  expect_words(refused.body, {"short_of_memory", "--memory-limit"});
  EXPECT_FALSE(refused.header("retry-after").empty());
  told->say(10 * percent);
  EXPECT_EQ((co_await until_status(inference, 200)).header("connection"), "");
  auto const whole = co_await small.read_to_end();
  EXPECT_TRUE(whole.is_whole()) << whole.error_code;
  co_await cluster.api().until_idle(4);
  std::size_t given_up = 0;
  for (auto const& row : co_await cluster.api().list("requests"))
    if (text_of(row.as_object(), "failure") == "short_of_memory") ++given_up;
  EXPECT_EQ(given_up, 1U);
}

SYSTEM_TEST(memory, OVR_04_connections_end_with_their_answer, local_cluster) {
  auto const told = listen_to_the_test(cluster);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto idle = co_await connection::open(cluster.api().inference());
  EXPECT_TRUE(co_await idle.send_request("GET", "/v1/models"));
  EXPECT_EQ((co_await idle.read_answer()).header("connection"), "");
  told->say(86 * percent);
  EXPECT_EQ(co_await idle.read_to_end(), "") << "an idle connection is closed";
  auto const answer = co_await until_status(cluster.api().inference(), 200);
  EXPECT_EQ(answer.header("connection"), "close");
}

// What comes between two looks must not fill it.
SYSTEM_TEST(memory, OVR_04_bodies_that_are_too_much_together_are_not_read, local_cluster) {
  listen_to_the_test(cluster);
  cluster.config.memory.limit = 100'000;
  co_await cluster.start(want_agents(1, 1));
  auto waiting = co_await send_chat(cluster.api().inference(), sized("waits", 30'000));
  co_await cluster.api().until_requests("queued", 1);
  auto const refused = co_await post_chat(cluster.api().inference(), unstreamed(sized("too much", 30'000)));
  EXPECT_EQ(refused.status, 503);
  expect_words(refused.body, {"short_of_memory"});
  cluster.add_agent("a1");
  EXPECT_EQ((co_await waiting.read_answer()).status, 200);
  co_await cluster.api().until_idle(1);
  EXPECT_EQ((co_await post_chat(cluster.api().inference(), unstreamed(sized("fits now", 30'000)))).status, 200);
}

} // namespace
} // namespace paddler_test
