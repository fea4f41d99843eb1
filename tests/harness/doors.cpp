#include "harness/doors.hpp"

#include "base/text.hpp"
#include "harness/system_test.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <sstream>

namespace paddler_test {
namespace {

// 0 where it is no HTTP answer.
int status_of(std::string const& answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
}

std::vector<std::string> words_of(std::string const& line, cluster_api const& api) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string word; in >> word;) {
    if (word == R"("")") word.clear();
    if (word == "@inference") word = api.inference();
    if (word == "@management") word = api.management();
    out.push_back(word);
  }
  return out;
}

// One message for people, not two, and no log in its place.
void expect_one_message(std::string const& errors) {
  constexpr std::string_view begin = "paddler: ";
  EXPECT_TRUE(errors.starts_with(begin) || errors.find('\n' + std::string(begin)) != std::string::npos) << errors;
  auto const first = errors.find(begin);
  EXPECT_EQ(errors.find('\n' + std::string(begin), first), std::string::npos) << errors;
  EXPECT_EQ(errors.find("{\"ts\""), std::string::npos) << errors;
}

} // namespace

void expect_words(std::string_view said, words const& wanted) {
  auto const lower = to_lower(said);
  for (auto const& word : wanted)
    EXPECT_NE(lower.find(to_lower(word)), std::string::npos) << "'" << word << "' is not in: " << said;
}

bool was_logged(std::string_view event, std::string_view part) {
  auto const lines = log_recent();
  return std::ranges::any_of(lines, [&](std::string const& line) {
    return line.find(event) != std::string::npos && line.find(part) != std::string::npos;
  });
}

task<> expect_unharmed(cluster_api api, desired_answer before, std::size_t slots) {
  auto const after = co_await api.desired();
  EXPECT_EQ(after, before);
  auto const healthy = co_await ask(api.inference(), "GET", "/healthz");
  EXPECT_EQ(healthy.status, 200);
  co_await api.until_idle(slots);
  if (slots > 0) co_await api.expect_serving();
}

task<> run_bad_commands(process_cluster& cluster, std::vector<bad_command> rows) {
  for (auto const& row : rows) {
    SCOPED_TRACE(row.what);
    command_call call;
    call.arguments = words_of(row.line, cluster.api());
    call.variables = row.variables;
    call.input = row.input;
    auto const ended = co_await cluster.run(std::move(call));
    EXPECT_EQ(ended.code, row.code) << ended.errors;
    EXPECT_EQ(ended.output, "");
    expect_one_message(ended.errors);
    expect_words(ended.errors, row.said);
  }
}

task<> send_bad_bytes(std::string address, std::vector<bad_input> rows) {
  for (auto const& row : rows) {
    SCOPED_TRACE(row.what);
    auto const answer = co_await talk(address, row.bytes);
    EXPECT_EQ(status_of(answer), row.status) << answer;
    expect_words(answer, row.said);
  }
}

task<> send_bad_bodies(std::string address, std::string method, std::string target, http_headers headers,
                       std::vector<bad_input> rows) {
  for (auto const& row : rows) {
    SCOPED_TRACE(row.what);
    auto const answer = co_await ask(address, method, target, headers, row.bytes);
    EXPECT_EQ(answer.status, row.status) << answer.body;
    EXPECT_TRUE(answer.header("content-type").find("json") != std::string::npos) << answer.header("content-type");
    expect_words(answer.body, row.said);
  }
}

} // namespace paddler_test
