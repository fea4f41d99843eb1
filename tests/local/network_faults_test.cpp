// Networks that are slow, lossy, silent or somewhere else: between client and balancer, and between agent and balancer.
// A relay does it (harness/chaos_proxy.hpp). `make soak` repeats these.
#include "harness/chaos_cluster.hpp"
#include "harness/doors.hpp"
#include "harness/fake_agent.hpp"
#include "harness/name_service.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"
#include "wire/link_codec.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct asked_stream {
  chat_question question;
  chat_answer answer;
};

task<> fill(std::string address, asked_stream* stream) { stream->answer = co_await chat(address, stream->question); }

// Several streams at once, read to their ends.
task<std::deque<asked_stream>> ask_all(std::string address, std::size_t count, std::size_t tokens) {
  std::deque<asked_stream> out;
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 0; i < count; ++i) {
    auto& added = out.emplace_back();
    added.question = question("stream " + std::to_string(i), tokens);
    readers.spawn("reader", fill(address, &added));
  }
  co_await readers.join();
  co_return out;
}

void expect_chain(asked_stream const& stream) {
  auto const& answer = stream.answer;
  EXPECT_TRUE(answer.is_whole()) << "status " << answer.status << ", error " << answer.error_code << " "
                                 << answer.error_message << ", " << answer.pieces << " pieces";
  EXPECT_EQ(answer.text, chain_of(stream.question));
}

connection_plan both_ways(carriage how) { return {.up = how, .down = how}; }

// Links that agents dialled from now on.
std::shared_ptr<std::size_t> count_links(chaos_proxy& relay, connection_plan plan) {
  auto const out = std::make_shared<std::size_t>(0);
  relay.plan = [=](arrival const& dialled) {
    if (dialled.is_link()) ++*out;
    return plan;
  };
  return out;
}

// --- slow and lossy ---

struct bad_network {
  double loss;
  duration delay;
  duration jitter;
  std::size_t bytes_per_second = 0;
};

// What no agent may be taken for dead in.
bool is_bearable(bad_network const& it) { return it.loss <= 0.05 && it.delay <= milliseconds(200); }

// The promised limits first, and 64 kbit a second.
std::vector<bad_network> bad_networks() {
  std::vector<bad_network> out = {{.loss = 0.01, .delay = milliseconds(50), .jitter = milliseconds(20)},
                                  {.loss = 0.05, .delay = milliseconds(200), .jitter = milliseconds(100)},
                                  {.loss = 0, .delay = milliseconds(50), .jitter = {}, .bytes_per_second = 8000}};
  for (double const loss : {0.0, 0.01, 0.05, 0.2})
    for (auto const delay : {0, 50, 200, 1000})
      for (std::size_t const rate : {0U, 8000U})
        out.push_back({loss, milliseconds(delay), milliseconds(delay / 2), rate});
  return out;
}

carriage carriage_of(bad_network const& it) {
  carriage out;
  out.loss = it.loss;
  out.delay = it.delay;
  out.jitter = it.jitter;
  out.bytes_per_second = it.bytes_per_second;
  out.sent_again_after = milliseconds(200) + 2 * it.delay; // as TCP would
  return out;
}

// Honest also where the network is worse than what is promised: never another text, never an end without a word.
void expect_honest(asked_stream const& stream) {
  auto const& answer = stream.answer;
  EXPECT_TRUE(chain_of(stream.question).starts_with(answer.text)) << answer.text;
  EXPECT_TRUE(answer.is_whole() || !answer.error_code.empty());
  EXPECT_EQ(answer.end, body_end::complete);
}

task<> serve_through(chaos_cluster& cluster, bad_network network) {
  auto const plan = both_ways(carriage_of(network));
  cluster.clients.plan = [=](arrival const&) { return plan; };
  auto const links = count_links(cluster.agents, plan);
  cluster.agents.cut(mishap::reset);
  require(co_await eventually(patience, [&] { return *links > 0; }), "the agent dials again");
  co_await cluster.api().until_slots(2);
  auto const streams = co_await ask_all(cluster.inference(), 2, 20);
  for (auto const& each : streams) {
    if (is_bearable(network))
      expect_chain(each);
    else
      expect_honest(each);
  }
  if (is_bearable(network)) EXPECT_EQ(*links, 1U) << "an agent that lived was taken for dead";
}

SYSTEM_TEST(chaos, NET_03_slow_and_lossy_networks_only_take_time, chaos_cluster) {
  cluster.simulation.token_time = milliseconds(20);
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  constexpr std::size_t at_once = 3;
  auto const networks = bad_networks();
  for (std::size_t i = 0; i < at_once; ++i) {
    auto const& network = networks[(repetition() * at_once + i) % networks.size()];
    SCOPED_TRACE("loss " + std::to_string(network.loss) + ", delay " +
                 std::to_string(network.delay.count() / 1'000'000) + " ms, bytes a second " +
                 std::to_string(network.bytes_per_second));
    cluster.clients.seed = cluster.agents.seed = repetition() * at_once + i + 1;
    co_await serve_through(cluster, network);
  }
  cluster.agents.plan = cluster.clients.plan = {};
  cluster.agents.cut(mishap::reset);
  co_await cluster.api().until_slots(2);
  co_await cluster.api().until_idle(2);
  co_await cluster.api().expect_serving();
}

// --- in pieces ---

carriage in_pieces(std::size_t first, std::size_t others) {
  carriage out;
  out.first_piece = first;
  out.piece = others;
  return out;
}

task<> expect_same_answers(chaos_cluster& cluster) {
  auto const streams = co_await ask_all(cluster.inference(), 1, 6);
  expect_chain(streams.front());
  auto const asked = unstreamed(question("all at once", 6));
  auto const whole = co_await post_chat(cluster.inference(), asked);
  EXPECT_EQ(content_of(whole), chain_of(asked));
}

SYSTEM_TEST(chaos, NET_05_every_byte_by_itself, chaos_cluster) {
  co_await cluster.start();
  cluster.agents.plan = cluster.clients.plan = [](arrival const&) { return both_ways(in_pieces(1, 1)); };
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  co_await expect_same_answers(cluster);
  co_await cluster.api().apply(want_agents(1, 2)); // the link as well
  co_await cluster.api().until_slots(2);
  co_await expect_same_answers(cluster);
}

// Whatever is said first comes in two pieces, divided anywhere.
SYSTEM_TEST(chaos, NET_05_in_two_pieces, chaos_cluster) {
  constexpr std::size_t places = 25;
  constexpr std::size_t longest = 1000; // about, of what is said first
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  for (std::size_t i = 0; i < places; ++i) {
    auto const first = 1 + (i * (longest / places) + repetition()) % longest;
    SCOPED_TRACE("the first of " + std::to_string(first) + " bytes");
    auto const plan = both_ways(in_pieces(first, 0));
    cluster.clients.plan = [=](arrival const&) { return plan; };
    auto const links = count_links(cluster.agents, plan);
    cluster.agents.cut(mishap::reset);
    require(co_await eventually(patience, [&] { return *links > 0; }), "the agent dials again");
    co_await cluster.api().until_slots(1);
    co_await expect_same_answers(cluster);
    EXPECT_EQ(*links, 1U);
  }
}

// What was said while nothing got through arrives in one piece: a whole answer, token by token.
SYSTEM_TEST(chaos, NET_05_a_hundred_tokens_in_one_piece, chaos_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  asked_stream stream;
  stream.question = question("all in one piece", 100);
  cluster.agents.hold(course::up);
  task_group reader(co_await asio::this_coro::executor, "reader");
  reader.spawn("reader", fill(cluster.inference(), &stream));
  co_await cluster.api().until_requests("processing", 1);
  cluster.agents.let_go();
  co_await reader.join();
  expect_chain(stream);
  co_await cluster.api().until_idle(1);
}

// More messages in one piece than a link keeps unread: each is understood, the newest holds.
SYSTEM_TEST(chaos, NET_05_a_hundred_messages_of_a_link_in_one_piece, chaos_cluster) {
  constexpr std::uint64_t messages = 100;
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 1));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "it is welcome");
  std::string bytes;
  for (std::uint64_t i = 1; i <= messages; ++i) {
    link_report said;
    said.report.sequence = i;
    said.report.engine.status = engine_status::loading;
    said.report.engine.reason = "part " + std::to_string(i) + " of " + std::to_string(messages);
    bytes += websocket_frame(encode_agent_message(said));
  }
  co_await link.send_bytes(std::move(bytes));
  auto const is_last = [](agent_row const& row) { return row.connected && row.reason == "part 100 of 100"; };
  co_await cluster.api().until_agent("a1", "has said its last", is_last);
  link.line().close();
}

// --- silent ---

// An agent with which no packet is exchanged any more, in one direction or both, while its connections stay open: its
// heartbeats tell, its streams go on elsewhere, and what arrives after all harms nobody (RES-03).
task<> agent_falls_silent(chaos_cluster& cluster, course which) {
  auto const links = count_links(cluster.agents, {});
  task_group reader(co_await asio::this_coro::executor, "reader");
  asked_stream late;
  late.question = question("asked when nobody answers", 40);
  auto const asked = question("begun before", 150);
  auto stream = co_await chat_stream::open(cluster.inference(), asked);
  bool const streams = co_await stream.read_pieces(2);
  require(streams, "it streams");
  cluster.local_cluster::add_agent("a2"); // past the relay
  co_await cluster.api().until_slots(2);
  cluster.agents.hold(which);
  reader.spawn("reader", fill(cluster.inference(), &late));
  auto const is_gone = [](agent_row const& row) { return !row.connected; };
  // Three heartbeats, and two for those who look.
  co_await cluster.api().until_agent("a1", "is gone", is_gone, milliseconds(300 + 200) * slowness);
  auto const answer = co_await stream.read_to_end();
  expect_chain({asked, answer});
  co_await reader.join();
  expect_chain(late);
  cluster.agents.let_go();
  co_await cluster.api().until_slots(2);
  co_await cluster.api().until_idle(2);
  co_await cluster.api().expect_serving();
  EXPECT_GE(*links, 1U);
  co_await cluster.stop_agent("a2", duration::zero());
  co_await cluster.api().until_idle(1);
}

SYSTEM_TEST(chaos, NET_06_RES_03_connections_that_stay_open_and_silent, chaos_cluster) {
  cluster.config.policy.link.heartbeat = milliseconds(100);
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(2, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  for (auto const which : {course::both, course::up, course::down}) {
    SCOPED_TRACE(static_cast<int>(which));
    co_await agent_falls_silent(cluster, which);
  }
}

// --- accepted and never answered ---

// Whoever is dialled takes the connection, and that is all: the next try is one of its own.
SYSTEM_TEST(chaos, NET_06_dials_that_are_accepted_and_never_answered, chaos_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto const silent = std::make_shared<std::size_t>(0);
  carriage held;
  held.what = mishap::hold;
  cluster.agents.plan = [=](arrival const& dialled) {
    bool const first = (dialled.is_link() || dialled.is_slot()) && ++*silent <= 1;
    return first || (dialled.is_slot() && *silent == 3) ? both_ways(held) : connection_plan{};
  };
  cluster.add_agent("a1", [](agent_config& told) {
    told.link.greeting_deadline = milliseconds(200) * slowness;
    told.slots.dial_limit = milliseconds(200) * slowness;
  });
  co_await cluster.api().until_slots(1);
  EXPECT_GE(*silent, 4U) << "one link and one slot connection were not answered";
  co_await cluster.api().expect_serving();
}

// --- names ---

constexpr auto balancer_name = "balancer.test";

std::string port_of(std::string const& address) { return address.substr(address.rfind(':') + 1); }

// An agent that knows its balancer by name; it serves.
task<> serves_by_name(chaos_cluster& cluster) {
  cluster.config.host_names = {balancer_name};
  co_await cluster.start(want_agents(1, 1));
  auto const place = balancer_name + (":" + port_of(cluster.agents.address()));
  cluster.add_agent("a1", [=](agent_config& told) { told.balancers = {place}; });
}

task<> expect_back(cluster_api api, std::int64_t engine) {
  co_await api.until_slots(1);
  co_await api.until_idle(1);
  co_await api.expect_serving();
  auto const row = co_await api.agent("a1");
  EXPECT_EQ(row->engine_pid, engine) << "the engine stays, whatever names mean";
}

task<std::int64_t> engine_of(cluster_api api) {
  co_await api.until_slots(1);
  auto const row = co_await api.agent("a1");
  require(row && row->engine_pid > 1, "a1 runs an engine");
  co_return row->engine_pid;
}

bool is_gone(agent_row const& row) { return !row.connected; }

SYSTEM_TEST(chaos, NET_08_a_name_that_does_not_resolve_for_a_while, chaos_cluster) {
  name_service names;
  co_await serves_by_name(cluster);
  require(co_await eventually(patience, [&] { return names.lookups() >= 2; }), "it asks again and again");
  EXPECT_TRUE(was_logged("link.unreachable", "does not resolve"));
  names.set(balancer_name, {"127.0.0.1"});
  auto const engine = co_await engine_of(cluster.api());
  names.set(balancer_name, {});
  cluster.agents.cut(mishap::reset);
  auto const before = names.lookups();
  require(co_await eventually(patience, [&] { return names.lookups() >= before + 3; }), "it asks again and again");
  co_await cluster.api().until_agent("a1", "is gone", is_gone);
  names.set(balancer_name, {"127.0.0.1"});
  co_await expect_back(cluster.api(), engine);
}

// Longer than an agent waits for it, so that the answer comes too late for who asked first.
SYSTEM_TEST(chaos, NET_08_a_name_that_resolves_slowly, chaos_cluster) {
  name_service names;
  names.set(balancer_name, {"127.0.0.1"});
  co_await serves_by_name(cluster);
  auto const engine = co_await engine_of(cluster.api());
  names.hold();
  cluster.agents.cut(mishap::reset);
  auto const late = [] { return was_logged("link.unreachable", "was not resolved in time"); };
  require(co_await eventually(patience, late), "it gives up waiting");
  names.let_go();
  co_await expect_back(cluster.api(), engine);
}

SYSTEM_TEST(chaos, NET_08_a_balancer_that_has_another_address_by_now, chaos_cluster) {
  name_service names;
  names.set(balancer_name, {"127.0.0.1"});
  co_await serves_by_name(cluster);
  auto const engine = co_await engine_of(cluster.api());
  auto const place = "127.0.0.2:" + port_of(cluster.agents.address());
  cluster.agents.refuse();
  cluster.agents.cut(mishap::reset);
  cluster.agents.start(cluster.api().management(), place);
  co_await cluster.api().until_agent("a1", "is gone", is_gone);
  names.set(balancer_name, {"127.0.0.2"});
  co_await expect_back(cluster.api(), engine);
}

// The first address is not reached, the second is of IPv6 only.
SYSTEM_TEST(chaos, NET_08_a_name_of_several_addresses, chaos_cluster) {
  name_service names;
  names.set(balancer_name, {"127.0.0.3", "::1"});
  cluster.config.host_names = {balancer_name};
  co_await cluster.start(want_agents(1, 1));
  cluster.agents.refuse();
  cluster.agents.start(cluster.api().management(), "[::1]:" + port_of(cluster.agents.address()));
  auto const place = balancer_name + (":" + port_of(cluster.agents.address()));
  cluster.add_agent("a1", [=](agent_config& told) { told.balancers = {place}; });
  auto const engine = co_await engine_of(cluster.api());
  names.set(balancer_name, {"::1"});
  cluster.agents.cut(mishap::reset);
  co_await expect_back(cluster.api(), engine);
}

} // namespace
} // namespace paddler_test
