#include "harness/scenarios.hpp"

#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <csignal>
#include <deque>

namespace paddler_test {
namespace {

constexpr std::size_t stream_count = 4;

task<std::int64_t> engine_pid(cluster_api api) {
  auto const row = co_await api.agent("a1");
  require(row && row->engine_pid > 1, "a1 runs an engine");
  co_return row->engine_pid;
}

task<> until_another_engine_serves(cluster_api api, std::int64_t killed) {
  auto const is_another = [killed](agent_row const& row) {
    return row.connected && row.status == "ready" && row.engine_pid != killed && row.engine_restarts >= 1;
  };
  co_await api.until_agent("a1", "has another engine", is_another);
  co_await api.until_slots(static_cast<int>(stream_count));
  co_await api.until_idle(stream_count);
  EXPECT_FALSE(is_running(killed));
}

task<> read_whole(std::string address, chat_question asked, chat_answer* out) { *out = co_await chat(address, asked); }

} // namespace

chat_question numbered(chat_question asked, std::size_t number) {
  asked.text += " (" + std::to_string(number) + ")";
  return asked;
}

task<std::vector<chat_answer>> engine_dies_under_four_streams(cluster_api api, chat_question asked) {
  auto const killed = co_await engine_pid(api);
  std::deque<chat_stream> streams;
  for (std::size_t i = 0; i < stream_count; ++i)
    streams.push_back(co_await chat_stream::open(api.inference(), numbered(asked, i)));
  for (auto& stream : streams) {
    bool const streams_words = co_await stream.read_pieces(2);
    require(streams_words, "every stream has begun");
  }
  send_signal(killed, SIGKILL);
  std::vector<chat_answer> out;
  for (auto& stream : streams) {
    auto answer = co_await stream.read_to_end();
    EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
    out.push_back(std::move(answer));
  }
  co_await until_another_engine_serves(api, killed);
  co_return out;
}

task<> simulated_engine_dies_under_four_streams(cluster_api api) {
  auto const asked = question("on and on", 150);
  auto const answers = co_await engine_dies_under_four_streams(api, asked);
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i].text, chain_of(numbered(asked, i)));
}

task<> engine_dies_before_the_first_token(cluster_api api, chat_question asked) {
  auto const killed = co_await engine_pid(api);
  std::deque<chat_answer> answers(stream_count);
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 0; i < stream_count; ++i)
    readers.spawn("reader", read_whole(api.inference(), numbered(asked, i), &answers[i]));
  co_await api.until_requests("processing", stream_count);
  send_signal(killed, SIGKILL);
  co_await readers.join();
  for (std::size_t i = 0; i < stream_count; ++i) {
    EXPECT_TRUE(answers[i].is_whole()) << answers[i].error_code << ": " << answers[i].error_message;
    EXPECT_EQ(answers[i].text, chain_of(numbered(asked, i)));
  }
  co_await until_another_engine_serves(api, killed);
}

} // namespace paddler_test
