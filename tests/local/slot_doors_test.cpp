// Slot connections with wrong papers, and agents that answer wrongly on them.
#include "harness/doors.hpp"
#include "harness/fake_agent.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

namespace paddler_test {
namespace {

using std::chrono::milliseconds;

struct bad_slot {
  char const* what;
  char const* agent;
  http_headers headers;
  int status;
};

std::vector<bad_slot> bad_slots() {
  auto no_upgrade = slot_headers("1", "1", "sim");
  no_upgrade.erase(no_upgrade.begin(), no_upgrade.begin() + 2);
  auto other_protocol = slot_headers("1", "1", "sim");
  other_protocol[1].second = "websocket";
  auto no_process = slot_headers("1", "1", "sim");
  no_process.erase(no_process.begin() + 2);
  auto no_version = slot_headers("1", "1", "sim");
  no_version.erase(no_version.begin() + 3);
  return {{"no upgrade", "a1", no_upgrade, 400},
          {"another protocol", "a1", other_protocol, 400},
          {"no process", "a1", no_process, 400},
          {"no version", "a1", no_version, 400},
          {"a process that is a word", "a1", slot_headers("one", "1", "sim"), 400},
          {"a negative version", "a1", slot_headers("1", "-1", "sim"), 400},
          {"a version beyond all numbers", "a1", slot_headers("1", "99999999999999999999999", "sim"), 400},
          {"no model", "a1", slot_headers("1", "1", ""), 400}};
}

SYSTEM_TEST(doors, slot_connections_with_wrong_papers, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  for (auto const& row : bad_slots()) {
    SCOPED_TRACE(row.what);
    auto const slot = co_await open_slot(cluster.api().management(), row.agent, row.headers);
    EXPECT_EQ(slot.status, row.status);
    expect_words(slot.body, {"paddler-slot/1", "X-Paddler-Process", "X-Paddler-Version", "X-Paddler-Model"});
  }
  co_await expect_unharmed(cluster.api(), before, 1);
}

// Well-formed, but of nobody who is connected: such a connection is closed and never counts as capacity.
SYSTEM_TEST(doors, slot_connections_of_strangers, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  for (char const* agent : {"a1", "nobody", "a%2fb"}) {
    SCOPED_TRACE(agent);
    auto slot = co_await open_slot(cluster.api().management(), agent, slot_headers("12345", "1", "sim"));
    EXPECT_TRUE(slot.status == 101 || slot.status >= 400) << slot.status;
    auto const sent = co_await slot.line.read_to_end();
    EXPECT_EQ(sent, "") << "a request was sent to a stranger";
  }
  co_await expect_unharmed(cluster.api(), before, 1);
}

// An agent that was let in and has a slot, but does not answer as it should.
struct bad_answer {
  char const* what;
  std::string bytes;
  char const* code; // what the client of a stream is told, at the end
};

std::string repeated(std::string_view part, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

constexpr auto stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string event_of(std::string_view text) {
  return R"(data: {"choices":[{"delta":{"content":")" + std::string(text) + "\"}}]}\n\n";
}

std::vector<bad_answer> bad_answers() {
  std::string const stream = stream_head;
  auto const event = event_of("x");
  auto const large_event = event_of(repeated("ten bytes ", 1'000'000));
  return {{"nothing", "", "attempts_exhausted"},
          {"no HTTP", "hello\r\n\r\n", "engine_error"},
          {"half a head", "HTTP/1.1 200 O", "attempts_exhausted"},
          {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "engine_error"},
          {"a stream without an event", stream, "attempts_exhausted"},
          {"a stream that breaks off", stream + chunk_of(event), "agent_lost"},
          {"a stream that breaks off within an event", stream + chunk_of(event.substr(0, 16)), "attempts_exhausted"},
          {"a stream that ends without an event", stream + "0\r\n\r\n", "attempts_exhausted"},
          {"a stream that ends within an event", stream + chunk_of(event + event.substr(0, 16)) + "0\r\n\r\n",
           "agent_lost"},
          {"a stream that ends without its last event", stream + chunk_of(event) + "0\r\n\r\n", "agent_lost"},
          {"a chunk that is none", stream + chunk_of(event) + "zz\r\n", "engine_error"},
          {"a chunk beyond all numbers", stream + chunk_of(event) + "ffffffffffffffffff\r\n", "engine_error"},
          {"a chunk that goes on", stream + "2\r\ndata: x", "engine_error"},
          {"a length and chunks",
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
           "engine_error"},
          {"another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}", "engine_error"},
          {"a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}", "engine_error"},
          {"a status that is none", "HTTP/1.1 9 OK\r\nContent-Length: 2\r\n\r\n{}", "engine_error"},
          {"a version of the future", "HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "engine_error"},
          {"a head of 100 KB", "HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'b') + "\r\n\r\n", "engine_error"},
          {"a thousand headers", "HTTP/1.1 200 OK\r\n" + repeated("A: b\r\n", 1000) + "\r\n", "engine_error"},
          {"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", "engine_error"},
          {"a header without a name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n", "engine_error"},
          {"a request", "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n", "engine_error"},
          {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "attempts_exhausted"},
          {"a head and no end of it", "HTTP/1.1 200 OK\r\nA: b\r\n", "attempts_exhausted"},
          {"half a chunk", stream + "100\r\n" + event, "agent_lost"},
          {"interim answers only", repeated("HTTP/1.1 100 Continue\r\n\r\n", 20), "engine_error"},
          {"a header on two lines", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\n{}", "engine_error"},
          {"another protocol", std::string("\x16\x03\x01\0\x02\r\n\n", 8), "engine_error"},
          {"a length beyond all numbers", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
           "engine_error"},
          {"a chunk with 100 KB of extensions",
           stream + chunk_of(event) + "1;" + std::string(100'000, 'a') + "\r\nx\r\n", "engine_error"},
          {"a token of 10 MB, and no more", stream + chunk_of(large_event), "agent_lost"},
          {"a refusal of its own", "HTTP/1.1 502 Bad\r\nX-Paddler-Refused: engine\r\nContent-Length: 0\r\n\r\n",
           "attempts_exhausted"},
          {"a refusal of another kind", "HTTP/1.1 502 Bad\r\nX-Paddler-Refused: mood\r\nContent-Length: 0\r\n\r\n",
           "attempts_exhausted"}};
}

// Serves `count` requests with the same bytes, each on a slot connection of its own.
task<> answer_badly(std::string address, std::string bytes, int count) {
  for (int i = 0; i < count; ++i) {
    auto slot = co_await open_slot(address, "a1", slot_headers("5", "1", "sim"));
    auto const request = co_await slot.line.read_some();
    if (request.empty()) co_return;
    EXPECT_TRUE(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n")) << request;
    co_await slot.line.send(bytes);
    slot.line.close();
  }
}

SYSTEM_TEST(doors, REQ_14_agents_that_answer_wrongly, local_cluster) {
  constexpr int attempts = 3; // dispatch_policy's default
  cluster.config.policy.link.heartbeat = test_limit;
  cluster.config.policy.dispatch.word_within = milliseconds(10); // that it never says
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 5));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "the link is welcome");
  for (auto const& row : bad_answers()) {
    SCOPED_TRACE(row.what);
    task_group agent(co_await asio::this_coro::executor, "agent that answers badly");
    agent.spawn("slots", answer_badly(cluster.api().management(), row.bytes, attempts));
    auto const answer = co_await chat(cluster.api().inference(), question("anybody?"));
    EXPECT_EQ(answer.error_code, row.code) << answer.error_message;
    EXPECT_EQ(answer.end, body_end::complete);
    EXPECT_FALSE(answer.is_whole());
    agent.cancel();
    co_await agent.join();
    co_await cluster.api().until_idle(0);
  }
}

// What is no JSON reaches the client as it came, and nobody can go on behind it.
SYSTEM_TEST(doors, REQ_14_a_stream_that_breaks_off_behind_an_event_that_is_no_json, local_cluster) {
  cluster.config.policy.link.heartbeat = test_limit;
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 5));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "the link is welcome");
  std::string const garbage = "data: {\"choices\":[{\"delta\n\n";
  task_group agent(co_await asio::this_coro::executor, "agent that answers badly");
  agent.spawn("slots", answer_badly(cluster.api().management(), stream_head + chunk_of(garbage), 1));
  auto const answer = co_await post_chat(cluster.api().inference(), question("anybody?"));
  EXPECT_TRUE(answer.body.starts_with(garbage)) << answer.body;
  expect_words(answer.body.substr(garbage.size()), {"error", "agent_lost"});
  agent.cancel();
  co_await agent.join();
  co_await cluster.api().until_idle(0);
}

// One that is too long to be kept leaves as it comes: what is lost then is not begun again behind it.
SYSTEM_TEST(doors, REQ_14_a_long_answer_that_breaks_off_is_not_begun_again, local_cluster) {
  cluster.config.policy.link.heartbeat = test_limit;
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 5));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "the link is welcome");
  std::string const part(std::size_t{2} << 20, 'x');
  std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n";
  task_group agent(co_await asio::this_coro::executor, "agent that answers badly");
  agent.spawn("slots", answer_badly(cluster.api().management(), head + part, 3));
  auto const answer = co_await post_chat(cluster.api().inference(), unstreamed(question("anybody?")));
  EXPECT_EQ(answer.body.substr(0, part.size()), part);
  EXPECT_EQ(answer.body.find("xxxx", part.size()), std::string::npos) << "its beginning came twice";
  expect_words(answer.body.substr(part.size()), {"agent_lost"});
  agent.cancel();
  co_await agent.join();
  co_await cluster.api().until_idle(0);
}

// One that is too long to be kept leaves in pieces: what is said behind a piece must not be read as more of it.
SYSTEM_TEST(doors, REQ_14_an_error_behind_half_an_event_is_an_event_of_its_own, local_cluster) {
  cluster.config.policy.link.heartbeat = test_limit;
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 5));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "the link is welcome");
  std::string const half = "data: " + std::string(std::size_t{3} << 20, 'x');
  std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  task_group agent(co_await asio::this_coro::executor, "agent that answers badly");
  agent.spawn("slots", answer_badly(cluster.api().management(), head + chunk_of(half), 3));
  auto const answer = co_await post_chat(cluster.api().inference(), question("anybody?"));
  auto const end = answer.body.find_first_not_of('x', std::string_view("data: ").size());
  require(end != std::string::npos && answer.body.substr(0, end) == half.substr(0, end), "a part of it came");
  auto const behind = answer.body.substr(end);
  EXPECT_TRUE(behind.starts_with("\n\ndata: {\"error\"")) << behind;
  expect_words(behind, {"agent_lost"});
  agent.cancel();
  co_await agent.join();
  co_await cluster.api().until_idle(0);
}

std::string whole_answer(std::string const& text) {
  std::string const body = R"({"choices":[{"message":{"content":")" + text + R"("},"finish_reason":"stop"}]})";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// Answers one request with two answers in one piece, then one on another connection as it should.
task<> answer_twice(std::string address) {
  auto first = co_await open_slot(address, "a1", slot_headers("5", "1", "sim"));
  co_await first.line.read_some();
  co_await first.line.send(whole_answer("one") + whole_answer("nobody asked for this"));
  auto const more = co_await first.line.read_some();
  EXPECT_EQ(more, "") << "it got another request";
  auto second = co_await open_slot(address, "a1", slot_headers("5", "1", "sim"));
  co_await second.line.read_some();
  co_await second.line.send(whole_answer("two"));
  second.line.close();
}

SYSTEM_TEST(doors, REQ_13_an_answer_that_nobody_asked_for_reaches_nobody, local_cluster) {
  cluster.config.policy.link.heartbeat = test_limit;
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 5));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "the link is welcome");
  task_group agent(co_await asio::this_coro::executor, "agent that answers twice");
  agent.spawn("slots", answer_twice(cluster.api().management()));
  for (char const* expected : {"one", "two"}) {
    auto const answer = co_await post_chat(cluster.api().inference(), unstreamed(question("anybody?")));
    EXPECT_EQ(content_of(answer), expected);
  }
  agent.cancel();
  co_await agent.join();
  co_await cluster.api().until_idle(0);
}

} // namespace
} // namespace paddler_test
