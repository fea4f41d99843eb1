#include "harness/doors.hpp"

#include "base/text.hpp"
#include "harness/system_test.hpp"

namespace paddler_test {
namespace {

// 0 where it is no HTTP answer.
int status_of(std::string const& answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
}

} // namespace

void expect_words(std::string_view said, words const& wanted) {
  auto const lower = to_lower(said);
  for (auto const& word : wanted)
    EXPECT_NE(lower.find(to_lower(word)), std::string::npos) << "'" << word << "' is not in: " << said;
}

task<> expect_unharmed(cluster_api api, desired_answer before, std::size_t slots) {
  auto const after = co_await api.desired();
  EXPECT_EQ(after, before);
  auto const healthy = co_await ask(api.inference(), "GET", "/healthz");
  EXPECT_EQ(healthy.status, 200);
  co_await api.until_idle(slots);
  if (slots > 0) co_await api.expect_serving();
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
