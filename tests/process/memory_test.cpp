// What an idle balancer and an idle client cost. For release builds: others are larger by their own means.
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"

#include <deque>

namespace paddler_test {
namespace {

constexpr std::size_t idle_limit = std::size_t{40} << 20;
constexpr std::size_t client_limit = std::size_t{64} << 10;

SYSTEM_TEST(memory, an_idle_balancer_is_below_40_mib, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 4));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(4);
  co_await cluster.api().expect_serving();
  co_await cluster.api().until_idle(4);
  auto const bytes = resident_bytes(cluster.balancer().pid());
  EXPECT_LE(bytes, idle_limit);
  testing::Test::RecordProperty("resident_kib", std::to_string(bytes / 1024));
}

// Streams that wait for an agent: each has its connection, its request and its place in the queue.
SYSTEM_TEST(memory, a_thousand_idle_sse_clients_cost_64_kib_each_at_most, process_cluster) {
  constexpr std::size_t count = 1000;
  std::vector<std::string> const flags = {"--max-queue", "2000", "--queue-timeout", "5m"};
  co_await cluster.start_balancer(flags);
  co_await cluster.api().apply(want_agents(1, 4));
  std::deque<connection> clients;
  clients.push_back(co_await send_chat(cluster.api().inference(), question("the first one")));
  co_await cluster.api().until_requests("queued", 1);
  auto const before = resident_bytes(cluster.balancer().pid());
  for (std::size_t i = 1; i < count; ++i)
    clients.push_back(co_await send_chat(cluster.api().inference(), question("one of many")));
  co_await cluster.api().until_requests("queued", count);
  auto const after = resident_bytes(cluster.balancer().pid());
  EXPECT_LE((after - before) / count, client_limit);
  testing::Test::RecordProperty("bytes_per_client", std::to_string((after - before) / count));
  clients.clear();
  co_await cluster.api().until_idle(0);
}

// Five times what it may hold, all at once, of which nothing can be served.
SYSTEM_TEST(memory, OVR_04_a_flood_of_large_bodies_stays_below_the_limit, process_cluster) {
  constexpr std::size_t count = 80;
  constexpr std::size_t body = std::size_t{8} << 20;
  constexpr std::size_t limit = std::size_t{128} << 20;
  std::vector<std::string> const flags = {"--memory-limit", "128MiB", "--queue-timeout", "5m"};
  co_await cluster.start_balancer(flags);
  co_await cluster.api().apply(want_agents(1, 4));
  std::deque<connection> clients;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto large = question("large");
    large.text += std::string(body, ' ');
    clients.push_back(co_await connection::open(cluster.api().inference()));
    auto& line = clients.back();
    auto const sent = chat_body(large);
    co_await line.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       "Expect: 100-continue\r\nContent-Length: " +
                       std::to_string(sent.size()) + "\r\n\r\n");
    auto const first = co_await line.read_some();
    if (first.starts_with("HTTP/1.1 503"))
      ++refused;
    else
      co_await line.send(sent);
    EXPECT_LE(resident_bytes(cluster.balancer().pid()), limit);
  }
  EXPECT_GE(refused, count - limit / body);
  EXPECT_LT(refused, count) << "nobody was let in";
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(4);
  co_await cluster.api().until_idle(4);
  co_await cluster.api().expect_serving();
  EXPECT_LE(resident_bytes(cluster.balancer().pid()), limit);
}

} // namespace
} // namespace paddler_test
