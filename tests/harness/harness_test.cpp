// The oracles are tested themselves: the reader of streams must tell a whole answer from every broken one.
#include "harness/chat.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"
#include "harness/temporary_directory.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"

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
