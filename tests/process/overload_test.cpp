// Clients that hold what they got and give nothing, and processes that get no processor: others are served all the
// while, memory stays bounded, nothing ends that need not (OVR-01, OVR-02, OVR-16).
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"
#include "harness/temporary_directory.hpp"

#include <cstdlib>
#include <deque>
#include <sstream>

namespace paddler_test {
namespace {

using std::chrono::seconds;

constexpr std::size_t kib = 1024;
constexpr std::size_t allocator_step = 1024 * kib; // what it takes for a new size of things, however few they are

task<> expect_others_served(cluster_api api) {
  for (int i = 0; i < 20; ++i) co_await api.expect_serving("a quick question " + std::to_string(i));
}

std::size_t growth(std::int64_t pid, std::size_t before) {
  auto const now = resident_bytes(pid);
  return now > before ? now - before : 0;
}

// Hundredths of a second that it has run (proc(5)).
std::uint64_t run_time(std::int64_t pid) {
  auto const text = read_whole_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::uint64_t own = 0;
  std::uint64_t kernel = 0;
  fields >> own >> kernel;
  return own + kernel;
}

// Until it makes nothing any more, for a fifth of a second: all between it and those who read nothing is full.
task<> until_clogged(std::int64_t engine) {
  constexpr int looks_without_news = 40;
  std::uint64_t seen = 0;
  int same = 0;
  auto const is_so = [&] {
    auto const now = run_time(engine);
    same = now == std::exchange(seen, now) ? same + 1 : 0;
    return same >= looks_without_news;
  };
  bool const clogged = co_await eventually(patience, is_so);
  require(clogged, "the engine waits for those who do not read");
}

SYSTEM_TEST(overload, OVR_01_readers_that_do_not_read, process_cluster) {
  constexpr std::size_t count = 20;
  constexpr std::size_t client_limit = 256 * kib; // with what is kept of each answer, to go on with it elsewhere
  constexpr int unread = 4096;
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, count + 2));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(count + 2);
  co_await expect_others_served(cluster.api());
  auto const pid = cluster.balancer().pid();
  auto const before = resident_bytes(pid);
  std::deque<connection> readers;
  for (std::size_t i = 0; i < count; ++i)
    readers.push_back(
        co_await send_chat(cluster.api().inference(), endless_question("reader " + std::to_string(i)), unread));
  co_await cluster.api().until_requests("streaming", count);
  auto const row = co_await cluster.api().agent("a1");
  co_await until_clogged(row->engine_pid);
  co_await expect_others_served(cluster.api());
  EXPECT_LE(growth(pid, before), count * client_limit + allocator_step);
  testing::Test::RecordProperty("bytes_per_client", std::to_string(growth(pid, before) / count));
  co_await cluster.api().until_requests("streaming", count); // their engine waits for them
  for (auto& each : readers) each.reset();
  co_await cluster.api().until_idle(count + 2);
}

// It takes an event of some 250 bytes every `looks` looks (harness/system_test.hpp) of 5 ms, and is behind at once.
struct slow_reader {
  chat_question asked;
  chat_stream stream;
  std::size_t looks = 0;
};

constexpr std::size_t looks_at_10_kb_a_second = 5;
constexpr std::size_t looks_at_100_bytes_a_second = 500;

// At least two. Of `make soak` more: PADDLER_SLOW_READERS=1000.
std::size_t wanted_readers() {
  auto const* const told = std::getenv("PADDLER_SLOW_READERS");
  return told == nullptr ? 4 : std::strtoull(told, nullptr, 10);
}

task<> read_slowly(std::deque<slow_reader>* readers, bool const* enough) {
  for (std::size_t look = 0; !*enough; ++look) {
    co_await pause_between_looks();
    for (std::size_t i = 0; i < readers->size(); ++i) {
      auto& [asked, stream, looks] = (*readers)[i];
      if ((look + i) % looks != 0) continue; // each at a look of its own
      bool const goes_on = co_await stream.read_pieces(stream.so_far().pieces + 1);
      EXPECT_TRUE(goes_on) << stream.so_far().error_code << ": " << stream.so_far().error_message;
    }
  }
}

// Whoever reads on, however slowly, gets all of it, and holds up nobody.
SYSTEM_TEST(overload, OVR_01_readers_that_read_slowly, process_cluster) {
  constexpr std::size_t client_limit = 256 * kib;
  constexpr std::size_t events = 80; // for the quick ones: two seconds
  constexpr std::size_t agent_slots = 250;
  auto const count = wanted_readers();
  auto const agents = (count + agent_slots - 1) / agent_slots;
  auto const slots = static_cast<int>((count + agents - 1) / agents) + 2;
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(static_cast<int>(agents), slots));
  for (std::size_t i = 1; i <= agents; ++i) cluster.start_agent("a" + std::to_string(i));
  co_await cluster.api().until_slots(slots * static_cast<int>(agents));
  co_await expect_others_served(cluster.api());
  auto const pid = cluster.balancer().pid();
  auto const before = resident_bytes(pid);

  std::deque<slow_reader> readers;
  for (std::size_t i = 0; i < count; ++i) {
    auto const asked = endless_question("reader " + std::to_string(i));
    auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
    auto const looks = i % 2 == 0 ? looks_at_10_kb_a_second : looks_at_100_bytes_a_second;
    readers.push_back({asked, std::move(stream), looks});
  }
  bool enough = false;
  task_group reading(co_await asio::this_coro::executor, "slow readers");
  reading.spawn("all", read_slowly(&readers, &enough));
  co_await expect_others_served(cluster.api());
  bool const read = co_await eventually(patience, [&] { return readers.front().stream.so_far().pieces >= events; });
  EXPECT_TRUE(read) << readers.front().stream.so_far().pieces;
  co_await expect_others_served(cluster.api());
  EXPECT_LE(growth(pid, before), count * client_limit + allocator_step);
  testing::Test::RecordProperty("bytes_per_client", std::to_string(growth(pid, before) / count));
  co_await cluster.api().until_requests("streaming", count); // none was given up
  enough = true;
  co_await reading.join();

  for (auto* each : {&readers[0], &readers[1]}) {
    auto const answer = co_await each->stream.read_to_end();
    EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  }
  for (auto& [asked, stream, looks] : readers) {
    asked.max_tokens = stream.so_far().pieces;
    EXPECT_EQ(stream.so_far().text, chain_of(asked));
    stream.line().reset();
  }
  co_await cluster.api().until_idle(agents * static_cast<std::size_t>(slots));
}

SYSTEM_TEST(overload, OVR_02_slow_heads_and_bodies, process_cluster) {
  constexpr std::size_t count = 50;
  constexpr std::size_t client_limit = 64 * kib;
  constexpr int too_late = 408;
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 2));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(2);
  co_await expect_others_served(cluster.api());
  co_await cluster.api().until_idle(2);
  auto const pid = cluster.balancer().pid();
  auto const files = open_files(pid);
  auto const before = resident_bytes(pid);
  std::deque<connection> heads;
  std::deque<connection> bodies;
  std::string const line = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n";
  for (std::size_t i = 0; i < count; ++i) {
    heads.push_back(co_await connection::open(cluster.api().inference()));
    co_await heads.back().send(line + "X-Slowly: ");
    bodies.push_back(co_await connection::open(cluster.api().inference()));
    co_await bodies.back().send(line + "Content-Length: 1000\r\n\r\n{\"model\":");
  }
  require(co_await eventually(patience, [&] { return open_files(pid) >= 2 * count; }), "most are let in");
  co_await expect_others_served(cluster.api());
  EXPECT_LE(growth(pid, before) / (2 * count), client_limit);
  for (auto& each : heads) {
    auto const answer = co_await each.read_answer();
    EXPECT_EQ(answer.status, too_late);
  }
  for (auto& each : bodies) each.close();
  EXPECT_TRUE(co_await eventually(patience, [&] { return open_files(pid) <= files; })) << open_files(pid);
  co_await cluster.api().until_idle(2);
}

// Shorter than three heartbeats by one.
SYSTEM_TEST(overload, OVR_16_two_seconds_without_a_processor_end_nothing, process_cluster) {
  constexpr std::size_t streams = 2;
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, streams));
  cluster.start_agent("a1", "token-time=2ms");
  co_await cluster.api().until_slots(streams);
  auto const row = co_await cluster.api().agent("a1");
  for (auto const pid : {cluster.balancer().pid(), cluster.named("a1").pid(), row->engine_pid}) {
    std::deque<std::pair<chat_question, chat_stream>> open;
    for (std::size_t i = 0; i < streams; ++i) {
      auto const asked = question("process " + std::to_string(pid) + ", stream " + std::to_string(i), 300);
      open.emplace_back(asked, co_await chat_stream::open(cluster.api().inference(), asked));
      require(co_await open.back().second.read_pieces(1), "it streams");
    }
    co_await stand_still(pid, seconds(2));
    for (auto& [asked, stream] : open) {
      auto const answer = co_await stream.read_to_end();
      EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
      EXPECT_EQ(answer.text, chain_of(asked));
    }
  }
  EXPECT_EQ(cluster.balancer().logged("link.closed", "msg"), "") << "an agent that lived was taken for dead";
  EXPECT_EQ(cluster.balancer().logged("request.failed", "msg"), "");
  auto const after = co_await cluster.api().agent("a1");
  EXPECT_EQ(after->engine_pid, row->engine_pid);
  auto const rows = co_await cluster.api().list("requests");
  for (auto const& each : rows)
    EXPECT_EQ(each.as_object().at("attempts").to_number<int>(), 1) << "a stream went on elsewhere";
}

} // namespace
} // namespace paddler_test
