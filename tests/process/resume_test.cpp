// Streams survive their agents: kill -9 of agents at any moment under 64 streams. A request that had no token yet is
// answered as if nothing had been; a stream goes on elsewhere, and is the hash chain of its question to the last byte
// (REQ-01, RES-01, RES-02). `make soak` repeats it (scripts/soak).
#include "base/random.hpp"
#include "harness/process_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace paddler_test {
namespace {

constexpr std::uint64_t kills = 20;
constexpr std::uint64_t agents = 5;
constexpr int slots = 16;
constexpr std::size_t streams = 64;

struct tally {
  bool is_over = false;
  std::uint64_t answered = 0;
  std::uint64_t lost_before_a_token = 0;
  std::uint64_t lost_later = 0;
  std::vector<std::string> losses;
  std::vector<std::string> wrong; // text that is not the chain's, or not its beginning
};

task<> ask_on_and_on(cluster_api api, std::uint64_t number, tally* of) {
  random_source random(number);
  for (int round = 0; !of->is_over; ++round) {
    auto const text = "client " + std::to_string(number) + ", question " + std::to_string(round);
    auto const asked = question(text, 10 + random.below(60));
    auto const answer = co_await chat(api.inference(), asked);
    ++of->answered;
    auto const chain = chain_of(asked);
    bool const is_part = std::string_view(chain).starts_with(answer.text);
    if (answer.is_whole() ? answer.text != chain : !is_part) of->wrong.push_back(text + ": " + answer.text);
    if (answer.is_whole()) continue;
    ++(answer.pieces == 0 ? of->lost_before_a_token : of->lost_later);
    of->losses.push_back(text + ", after " + std::to_string(answer.pieces) + " tokens: " + answer.error_message);
  }
}

SYSTEM_TEST(resume, REQ_01_RES_01_kill_9_of_agents_under_64_streams, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(agents, slots));
  for (std::uint64_t i = 1; i <= agents; ++i) cluster.start_agent("a" + std::to_string(i), "token-time=3ms");
  co_await cluster.api().until_slots(agents * slots);

  tally seen;
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 1; i <= streams; ++i) readers.spawn("reader", ask_on_and_on(cluster.api(), i, &seen));
  random_source random(kills);
  std::uint64_t met = 0; // streams that ran on an agent when it was killed
  for (std::uint64_t kill = 0; kill < kills; ++kill) {
    auto const moment = seen.answered + 1 + random.below(streams);
    require(co_await eventually(patience, [&] { return seen.answered >= moment; }), "clients are answered");
    auto const id = "a" + std::to_string(1 + random.below(agents));
    auto const row = co_await cluster.api().agent(id);
    met += static_cast<std::uint64_t>(row ? row->slots_busy : 0);
    co_await cluster.named(id).kill();
    cluster.start_agent(id, "token-time=3ms");
  }
  seen.is_over = true;
  co_await readers.join();
  EXPECT_EQ(seen.lost_before_a_token, 0U);
  EXPECT_LE(seen.lost_later * 100, met) << "of a hundred that lose their agent one may end";
  EXPECT_EQ(seen.wrong, std::vector<std::string>{});
  for (auto const& each : seen.losses) std::cout << each << '\n';
  EXPECT_GT(met, kills) << "most kills meet streams";
  std::cout << kills << " kills met " << met << " of " << seen.answered
            << " streams; lost: " << seen.lost_before_a_token << " before a token, " << seen.lost_later << " later\n";
  co_await cluster.api().until_idle(agents * slots);
}

} // namespace
} // namespace paddler_test
