// The oracles are tested themselves: the reader of streams must tell a whole answer from every broken one.
#include "harness/chaos_proxy.hpp"
#include "harness/chat.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"
#include "harness/temporary_directory.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"
#include "runtime/clock.hpp"

#include <gmock/gmock.h>

#include <optional>

namespace paddler_test {
namespace {

// A server that answers every request with the same bytes and closes.
class scripted_server {
public:
  explicit scripted_server(asio::any_io_executor executor) : executor_(executor), tasks_(executor, "scripted server") {}

  void start(std::string answer) {
    listener_.emplace(listener::tcp(executor_, "127.0.0.1", 0).value());
    tasks_.spawn("serve", serve(std::move(answer)));
  }

  [[nodiscard]] std::string const& address() const { return listener_->address(); }

  task<> stop() {
    if (listener_) listener_->close();
    co_await tasks_.join();
  }

  void print_logs() const {}

private:
  task<> serve(std::string answer) {
    while (auto stream = co_await listener_->accept()) {
      std::array<char, 4096> ignored{};
      auto const got = co_await stream->read_some(asio::buffer(ignored));
      std::array<asio::const_buffer, 1> const bytes{asio::buffer(answer)};
      if (!got.ec) co_await stream->write(bytes);
      stream->close();
    }
  }

  asio::any_io_executor executor_;
  std::optional<listener> listener_;
  task_group tasks_;
};

std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
std::string const word = "data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n";
std::string const stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
std::string const last = "data: [DONE]\n\n";
std::string const lost = "data: {\"error\":{\"code\":\"agent_lost\",\"message\":\"gone\"}}\n\n";

SYSTEM_TEST(stream_reader, knows_a_whole_answer, scripted_server) {
  cluster.start(head + chunk_of(": waiting\n\n" + word) + chunk_of(stop + last) + "0\r\n\r\n");
  auto const answer = co_await chat(cluster.address(), question("hello"));
  EXPECT_TRUE(answer.is_whole());
  EXPECT_EQ(answer.text, "one");
  EXPECT_EQ(answer.comments, 1U);
}

SYSTEM_TEST(stream_reader, puts_events_together_however_they_are_cut, scripted_server) {
  std::string bytes = head;
  for (char const c : word + stop + last) bytes += chunk_of({&c, 1});
  cluster.start(bytes + "0\r\n\r\n");
  EXPECT_TRUE((co_await chat(cluster.address(), question("hello"))).is_whole());
}

struct broken_stream {
  char const* what;
  std::string bytes;
  body_end end;
  char const* error;
};

SYSTEM_TEST(stream_reader, tells_every_broken_answer, scripted_server) {
  std::string const end = "0\r\n\r\n";
  std::vector<broken_stream> const rows = {
      {"cut off within a chunk", head + "40\r\ndata:", body_end::truncated, ""},
      {"cut off between chunks", head + chunk_of(word), body_end::truncated, ""},
      {"no [DONE]", head + chunk_of(word + stop) + end, body_end::complete, ""},
      {"no finish_reason", head + chunk_of(word + last) + end, body_end::complete, ""},
      {"an error event", head + chunk_of(word + lost) + end, body_end::complete, "agent_lost"},
      {"a named event", head + chunk_of("event: x\n" + word + stop + last) + end, body_end::complete, ""},
      {"no stream but an error",
       "HTTP/1.1 503 No\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n"
       R"({"error":{"code":"overload"}})",
       body_end::complete, "overload"},
  };
  for (auto const& row : rows) {
    SCOPED_TRACE(row.what);
    co_await cluster.stop();
    cluster.start(row.bytes);
    auto const answer = co_await chat(cluster.address(), question("hello"));
    EXPECT_FALSE(answer.is_whole());
    EXPECT_EQ(answer.end, row.end);
    EXPECT_EQ(answer.error_code, row.error);
  }
}

// Sends the bytes, hears as many, and leaves.
task<std::string> talk_and_leave(std::string address, std::string bytes) {
  auto line = co_await connection::open(std::move(address));
  co_await line.send(bytes);
  std::string back;
  while (back.size() < bytes.size()) {
    auto const more = co_await line.read_some();
    if (more.empty()) break;
    back += more;
  }
  co_return back;
}

// A client and a server that says back what it hears, with a relay between them.
class relayed_echo {
public:
  explicit relayed_echo(asio::any_io_executor executor)
      : relay(executor), executor_(executor), tasks_(executor, "echo") {
    listener_.emplace(listener::tcp(executor_, "127.0.0.1", 0).value());
    tasks_.spawn("accept", serve());
    relay.start(listener_->address());
  }

  task<> stop() {
    co_await relay.stop();
    listener_->close();
    tasks_.cancel();
    co_await tasks_.join();
  }

  void print_logs() const {}

  chaos_proxy relay;
  std::vector<std::string> heard;         // by the server, as one read gave it
  std::vector<std::string> ends_of_lines; // how connections ended for the server

private:
  task<> serve() {
    while (auto stream = co_await listener_->accept()) tasks_.spawn("echo", echo(std::move(stream)));
  }

  task<> echo(std::unique_ptr<transport> stream) {
    boost::system::error_code end;
    while (!end) {
      std::array<char, 4096> piece{};
      auto const got = co_await stream->read_some(asio::buffer(piece));
      end = got.ec;
      if (end) break;
      heard.emplace_back(piece.data(), got.n);
      std::array<asio::const_buffer, 1> const bytes{asio::buffer(piece.data(), got.n)};
      auto const sent = co_await stream->write(bytes);
      end = sent.ec;
    }
    ends_of_lines.emplace_back(end == asio::error::eof ? "FIN" : "RST");
  }

  asio::any_io_executor executor_;
  std::optional<listener> listener_;
  task_group tasks_;
};

struct told_mishap {
  char const* what;
  course which;
  carriage how;
  std::string back;               // what the client hears until the end
  std::vector<std::string> heard; // by the server
  char const* end;                // of the server's connection
};

carriage mishap_after(std::size_t bytes, mishap what) {
  carriage out;
  out.what = what;
  out.after = bytes;
  return out;
}

carriage in_pieces_of(std::size_t first, std::size_t others) {
  carriage out;
  out.first_piece = first;
  out.piece = others;
  return out;
}

// The client says "hello", and that it has said all once it has heard as much as it will.
SYSTEM_TEST(relay, does_what_it_was_told, relayed_echo) {
  std::vector<told_mishap> const rows = {
      {"nothing", course::up, {}, "hello", {"hello"}, "FIN"},
      {"a reset before all", course::up, mishap_after(0, mishap::reset), "", {}, "RST"},
      {"a reset in a request", course::up, mishap_after(2, mishap::reset), "", {"he"}, "RST"},
      {"a reset in an answer", course::down, mishap_after(2, mishap::reset), "he", {"hello"}, "RST"},
      {"a close in a request", course::up, mishap_after(2, mishap::close), "", {"he"}, "FIN"},
      {"a close in an answer", course::down, mishap_after(2, mishap::close), "he", {"hello"}, "FIN"},
      {"half a close in a request", course::up, mishap_after(2, mishap::half_close), "he", {"he"}, "FIN"},
      {"half a close in an answer", course::down, mishap_after(2, mishap::half_close), "he", {"hello"}, "FIN"},
      {"another byte", course::up, mishap_after(1, mishap::corrupt), "h\x9allo", {"h", "\x9allo"}, "FIN"},
      {"bytes by themselves", course::up, in_pieces_of(1, 1), "hello", {"h", "e", "l", "l", "o"}, "FIN"},
      {"two pieces", course::up, in_pieces_of(4, 0), "hello", {"hell", "o"}, "FIN"},
  };
  for (auto const& row : rows) {
    SCOPED_TRACE(row.what);
    cluster.heard.clear();
    cluster.ends_of_lines.clear();
    cluster.relay.plan = [&](arrival const&) {
      return row.which == course::up ? connection_plan{.up = row.how} : connection_plan{.down = row.how};
    };
    auto line = co_await connection::open(cluster.relay.address());
    co_await line.send("hello");
    std::string back;
    while (back.size() < row.back.size()) back += co_await line.read_some();
    line.half_close();
    back += co_await line.read_to_end();
    line.close();
    EXPECT_EQ(back, row.back);
    require(co_await eventually(patience, [&] { return !cluster.ends_of_lines.empty(); }), "the server sees the end");
    EXPECT_EQ(cluster.heard, row.heard);
    EXPECT_EQ(cluster.ends_of_lines, std::vector<std::string>{row.end});
    EXPECT_TRUE(co_await eventually(patience, [&] { return cluster.relay.connections() == 0; }));
  }
}

SYSTEM_TEST(relay, holds_lets_go_cuts_and_refuses, relayed_echo) {
  auto line = co_await connection::open(cluster.relay.address());
  co_await line.send("one ");
  EXPECT_EQ(co_await line.read_some(), "one ");
  cluster.relay.hold(course::down);
  co_await line.send("two ");
  require(co_await eventually(patience, [&] { return cluster.heard.size() == 2; }), "only one direction is held");
  co_await line.send("three");
  require(co_await eventually(patience, [&] { return cluster.heard.size() == 3; }), "only one direction is held");
  EXPECT_EQ(cluster.relay.carried(1, course::down), 4U);
  cluster.relay.let_go();
  std::string back;
  while (back.size() < 9) back += co_await line.read_some();
  EXPECT_EQ(back, "two three");
  cluster.relay.refuse();
  cluster.relay.cut(mishap::reset);
  EXPECT_EQ(co_await line.read_some(), "");
  bool refused = false;
  try {
    co_await connection::open(cluster.relay.address());
  } catch (test_failure const&) {
    refused = true;
  }
  EXPECT_TRUE(refused);
  cluster.relay.accept_again();
  EXPECT_EQ(co_await talk_and_leave(cluster.relay.address(), "four"), "four");
}

// Time passes as told: a packet takes its delay, a limit of bytes a second holds, and a lost one is sent again.
SYSTEM_TEST(relay, takes_its_time, relayed_echo) {
  struct slow {
    carriage how;
    duration at_least;
  };

  carriage delayed;
  delayed.delay = std::chrono::milliseconds(30);
  carriage narrow;
  narrow.bytes_per_second = 100; // five bytes
  carriage lossy;
  lossy.loss = 1;
  lossy.sent_again_after = std::chrono::milliseconds(10);
  for (auto const& each : {slow{delayed, std::chrono::milliseconds(30)}, slow{narrow, std::chrono::milliseconds(50)},
                           slow{lossy, std::chrono::milliseconds(30)}}) {
    cluster.relay.plan = [&](arrival const&) { return connection_plan{.up = each.how}; };
    auto const began = mono_now();
    EXPECT_EQ(co_await talk_and_leave(cluster.relay.address(), "hello"), "hello");
    EXPECT_GE(mono_now() - began, each.at_least);
  }
}

TEST(process_facts, know_this_process) {
  EXPECT_TRUE(is_running(own_pid()));
  EXPECT_GT(open_files(own_pid()), 2U);
  EXPECT_GE(thread_count(own_pid()), 1U);
  EXPECT_GT(resident_bytes(own_pid()), 100'000U);
  EXPECT_FALSE(is_running(-1));
  EXPECT_FALSE(send_signal(0, 0)) << "never to a whole process group";
}

TEST(temporary_directory, is_gone_with_its_content) {
  std::string file;
  {
    temporary_directory const directory;
    file = directory.write("a.txt", "text");
    EXPECT_EQ(read_whole_file(file), "text");
  }
  EXPECT_EQ(read_whole_file(file), "");
}

} // namespace
} // namespace paddler_test
