// Agents and their links: who is connected, and who is not any more.
#include "harness/doors.hpp"
#include "harness/fake_agent.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "wire/link_codec.hpp"

#include <boost/json/object.hpp>

#include <algorithm>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;

bool is_connected(agent_row const& row) { return row.connected; }

bool is_gone(agent_row const& row) { return !row.connected; }

// Its sockets are open, but it says nothing: only heartbeats can tell. (A whole process that stands still:
// process/crashes_test.cpp.)
SYSTEM_TEST(links, NET_06_silence_is_death_after_three_heartbeats, local_cluster) {
  cluster.config.policy.link.heartbeat = milliseconds(100);
  co_await cluster.start(want_agents(1, 1));
  auto silent = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 1));
  co_await cluster.api().until_agent("a1", "is connected", is_connected);
  // Two heartbeats for those who look.
  co_await cluster.api().until_agent("a1", "is not connected", is_gone, milliseconds(300 + 200) * slowness);
  auto const end = co_await silent.wait_end();
  EXPECT_NE(end.reason.find("heartbeats"), std::string::npos) << end.code << " " << end.reason;
}

SYSTEM_TEST(links, REC_10_a_second_process_with_the_name_is_refused_and_let_in_later, local_cluster) {
  cluster.config.policy.link.heartbeat = milliseconds(200) * slowness;
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto second = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 2));
  auto const refusal = co_await second.listen();
  require(refusal.has_value(), "it is told");
  expect_words(*refusal, {"refuse", "'a1' is connected already", "--name", "\"retry\":true"});
  co_await second.wait_end();
  co_await cluster.api().expect_serving(); // the first is untouched
  co_await cluster.stop_agent("a1", duration::zero());
  auto third = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 3));
  co_await cluster.api().until_agent("a1", "is connected again", is_connected);
  third.line().close();
}

// The identity of a connection is (agent, process): the end of an old one never removes a new one.
SYSTEM_TEST(links, the_end_of_an_old_link_removes_nothing, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto first = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 7));
  co_await cluster.api().until_agent("a1", "is connected", is_connected);
  auto second = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 7));
  auto const welcome = co_await second.listen();
  require(welcome.has_value(), "the second is welcome");
  auto const end = co_await first.wait_end(); // and the first one's end is over
  EXPECT_NE(end.reason.find("replaced by a newer link"), std::string::npos) << end.reason;
  auto const row = co_await cluster.api().agent("a1");
  EXPECT_TRUE(row && row->connected);
  second.line().close();
  co_await cluster.api().until_agent("a1", "is gone", is_gone);
}

struct bad_link {
  char const* what;
  std::string bytes; // sent after the WebSocket is open
  bool after_hello;  // of an agent that was welcome
  words said;        // in the close frame's reason or in a refusal
};

std::vector<bad_link> bad_links() {
  auto newer = hello_of("x1", 1);
  newer.protocol = 99;
  auto const too_large = R"({"type":"report","text":")" + std::string(5'000'000, 'x') + "\"}";
  auto const hello = encode_agent_message(hello_of("x1", 1));
  return {
      {"no JSON", websocket_frame("hello?"), false, {"JSON"}},
      {"a list", websocket_frame("[]"), false, {"object"}},
      {"no type", websocket_frame("{}"), false, {"type"}},
      {"a hello that says nothing", websocket_frame(R"({"type":"hello"})"), false, {"hello", "missing"}},
      {"fields of a wrong kind", websocket_frame(R"({"type":"ack","version":"x"})"), true, {"version"}},
      {"a number beyond all", websocket_frame(R"({"type":"ack","version":99999999999999999999})"), true, {"version"}},
      {"no hello at first", websocket_frame(R"({"type":"ack","version":1})"), false, {"hello"}},
      {"two hellos", websocket_frame(hello), true, {"hello"}},
      {"another protocol", websocket_frame(encode_agent_message(newer)), false, {"protocol", "99"}},
      {"a binary message", websocket_frame(hello, 0x82), false, {"text"}},
      {"bad UTF-8", websocket_frame("\xff\xfe"), false, {}},
      {"a reserved bit", websocket_frame(hello, 0xc1), false, {}},
      {"an unknown opcode", websocket_frame("x", 0x83), false, {}},
      {"a frame that is not masked", "\x81\x02{}", false, {}},
      {"a message of five megabytes", websocket_frame(too_large), true, {}},
      {"a frame beyond all memory", std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14), true, {}},
      {"not even a frame", std::string(100, '\xff'), true, {}},
  };
}

task<std::string> everything_said(fake_link& link) {
  std::string out;
  while (auto const message = co_await link.listen()) out += *message + "\n";
  auto const end = co_await link.wait_end();
  co_return out + end.reason;
}

SYSTEM_TEST(doors, EVT_01_garbage_on_a_link, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  for (auto const& row : bad_links()) {
    SCOPED_TRACE(row.what);
    std::optional<link_hello> hello;
    if (row.after_hello) hello = hello_of("x1", 1);
    auto link = co_await fake_link::open(cluster.api().management(), "x1", std::move(hello));
    co_await link.send_bytes(row.bytes);
    auto const said = co_await everything_said(link);
    expect_words(said, row.said);
    auto const gone = [](boost::json::array const& rows) {
      return std::ranges::none_of(rows, [](auto const& each) {
        return text_of(each.as_object(), "id") == "x1" && each.as_object().at("connected").as_bool();
      });
    };
    co_await cluster.api().until("agents", "x1 is not connected", gone);
  }
  auto const row = co_await cluster.api().agent("a1");
  EXPECT_TRUE(row && row->connected);
  co_await expect_unharmed(cluster.api(), before, 1);
}

SYSTEM_TEST(links, an_agent_that_stops_leaves_no_slots, local_cluster) {
  co_await cluster.start(want_agents(2, 2));
  cluster.add_agent("a1");
  cluster.add_agent("a2");
  co_await cluster.api().until_slots(4);
  co_await cluster.stop_agent("a1", duration::zero());
  co_await cluster.api().until_idle(2);
  co_await cluster.api().expect_serving();
  cluster.add_agent("a1");
  co_await cluster.api().until_idle(4);
}

// Running requests get their time when an agent stops politely; then it is gone.
SYSTEM_TEST(links, REQ_11_a_polite_stop_finishes_streams, local_cluster) {
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const asked = question("to the end", 60);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(2), "it streams");
  co_await cluster.stop_agent("a1", std::chrono::seconds(20));
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked));
  co_await cluster.api().until_idle(0);
}

} // namespace
} // namespace paddler_test
