// Policies over the management API, while requests wait and run: what is shown, what is changed, and from when on.
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <deque>
#include <fstream>
#include <iterator>

namespace paddler_test {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr auto policies_target = "/management/v1/policies";

task<http_answer> change(cluster_api api, std::string method, std::string body, std::string if_match = {}) {
  http_headers headers;
  headers.emplace_back("Content-Type", method == "PATCH" ? "application/merge-patch+json" : "application/json");
  if (!if_match.empty()) headers.emplace_back("If-Match", if_match);
  co_return co_await ask(api.management(), std::move(method), policies_target, std::move(headers), std::move(body));
}

task<> patch(cluster_api api, std::string body) {
  auto const answer = co_await change(api, "PATCH", body);
  require(answer.status == 200, "PATCH " + body + ": " + answer.body);
}

// "VALUE by KIND", or "VALUE by nobody".
task<std::string> shown(cluster_api api, std::string name) {
  for (auto const& item : co_await api.list("policies")) {
    auto const& row = item.as_object();
    if (row.at("name").as_string() != name) continue;
    auto const* value = row.if_contains("value");
    auto const* by = row.if_contains("decided_by");
    co_return (value == nullptr ? "none" : json::serialize(*value)) + " by " +
        (by == nullptr ? "nobody" : text_of(by->as_object(), "kind"));
  }
  co_return "not there";
}

// Of the first attempt: "STRATEGY, VERSION".
std::string route_of(json::value const& page) {
  auto const& route = page.at("routes").at(0);
  return std::string(route.at("strategy").as_string()) + ", " + std::to_string(route.at("policies").as_int64());
}

task<json::value> newest_request(cluster_api api, std::string state) {
  auto const rows = co_await api.list("requests?state=" + state);
  require(!rows.empty(), "there is a request that is " + state);
  std::string const id(rows.front().at("id").as_string());
  co_return co_await api.get_json("/management/v1/requests/" + id);
}

SYSTEM_TEST(policies, a_strategy_is_swapped_under_running_and_waiting_requests, local_cluster) {
  cluster.simulation.token_time = milliseconds(5);
  co_await cluster.start(want_agents(2, 1));
  cluster.add_agent("a1");
  cluster.add_agent("a2");
  co_await cluster.api().until_slots(2);
  auto const asked = endless_question("runs through it");
  auto one = co_await chat_stream::open(cluster.api().inference(), asked);
  auto two = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await one.read_pieces(1) && co_await two.read_pieces(1), "both slots are busy");
  auto waiting = co_await send_chat(cluster.api().inference(), unstreamed(question("waits through it", 4)));
  co_await cluster.api().until_requests("queued", 1);

  co_await patch(cluster.api(), R"({"routing":{"strategy":"round_robin"}})");
  co_await cluster.api().until_requests("queued", 1);
  EXPECT_EQ(route_of(co_await newest_request(cluster.api(), "streaming")), "prefix, 0");
  one.line().close();
  auto const answer = co_await waiting.read_answer();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(content_of(answer), chain_of(question("waits through it", 4)));
  EXPECT_EQ(route_of(co_await newest_request(cluster.api(), "completed")), "round_robin, 2");
  EXPECT_TRUE(co_await two.read_pieces(two.so_far().pieces + 5)) << "what runs goes on";
  EXPECT_TRUE(chain_of(asked).starts_with(two.so_far().text));
  two.line().close();
  co_await cluster.api().until_idle(2);
}

SYSTEM_TEST(policies, a_smaller_queue_refuses_who_comes_and_keeps_who_waits, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  std::deque<connection> waiting;
  for (std::size_t i = 0; i < 3; ++i) {
    waiting.push_back(co_await send_chat(cluster.api().inference(), unstreamed(question("waits", 4))));
    co_await cluster.api().until_requests("queued", i + 1);
  }
  co_await patch(cluster.api(), R"({"queue":{"max_requests":1}})");
  auto const refused = co_await post_chat(cluster.api().inference(), question("too many"));
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_NE(refused.body.find("queue is full"), std::string::npos) << refused.body;
  cluster.add_agent("a1");
  for (auto& each : waiting) EXPECT_EQ((co_await each.read_answer()).status, 200);
}

SYSTEM_TEST(policies, a_header_favours_nobody_until_it_is_accepted, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  http_headers headers;
  headers.emplace_back("X-Paddler-Priority", "interactive");
  auto const priority = [&cluster] { return newest_request(cluster.api(), "completed&limit=1"); };
  co_await chat(cluster.api().inference(), question("first"), headers);
  auto const before = co_await priority();
  EXPECT_EQ(before.at("request").at("priority").as_string(), "default");
  co_await patch(cluster.api(), R"({"limits":{"priority_header":"accept"}})");
  co_await chat(cluster.api().inference(), question("second"), headers);
  auto const after = co_await priority();
  EXPECT_EQ(after.at("request").at("priority").as_string(), "interactive");
}

SYSTEM_TEST(policies, SEC_14_a_limit_of_clients_comes_and_goes, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  co_await patch(cluster.api(), R"({"limits":{"requests_per_minute":1}})");
  EXPECT_EQ((co_await post_chat(cluster.api().inference(), question("one"))).status, 200);
  auto const refused = co_await post_chat(cluster.api().inference(), question("two"));
  EXPECT_EQ(refused.status, 429) << refused.body;
  EXPECT_NE(refused.body.find("rate_limit_exceeded"), std::string::npos) << refused.body;
  co_await patch(cluster.api(), R"({"limits":{"requests_per_minute":null}})");
  EXPECT_EQ((co_await post_chat(cluster.api().inference(), question("three"))).status, 200);
}

SYSTEM_TEST(policies, each_is_changed_and_released_by_itself, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto const api = cluster.api();
  auto const agents = (co_await api.get_json("/management/v1/desired")).at("agents");
  EXPECT_EQ(co_await shown(api, "routing.strategy"), R"("prefix" by nobody)");
  EXPECT_EQ(co_await shown(api, "limits.requests_per_minute"), "none by nobody");

  auto const put = co_await change(api, "PUT", R"({"queue":{"max_requests":7,"timeout_seconds":2.5}})");
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.header("etag"), "\"2\"");
  co_await patch(api, R"({"queue":{"timeout_seconds":null},"limits":{"requests_per_minute":60}})");
  EXPECT_EQ(co_await shown(api, "queue.max_requests"), "7 by api");
  EXPECT_EQ(co_await shown(api, "queue.timeout_seconds"), "60 by nobody");
  EXPECT_EQ(co_await shown(api, "limits.requests_per_minute"), "60 by api");
  auto const all = co_await api.get_json(policies_target);
  EXPECT_EQ(all.at("version").as_int64(), 3);
  EXPECT_EQ(all.at("settings").at("queue").at("max_requests").as_int64(), 7);
  auto const explained = co_await api.get_json("/management/v1/explain?path=policies/queue.max_requests");
  EXPECT_EQ(explained.at("items").at(0).at("owner").at("since").as_int64(), 2);

  EXPECT_EQ((co_await change(api, "DELETE", "", "\"2\"")).status, 412) << "somebody changed it in between";
  EXPECT_EQ((co_await change(api, "DELETE", "", "\"3\"")).status, 200);
  EXPECT_EQ(co_await shown(api, "queue.max_requests"), "1024 by nobody");
  EXPECT_EQ((co_await api.get_json("/management/v1/desired")).at("agents"), agents) << "agents stay as they were";
}

SYSTEM_TEST(policies, the_page_about_them_has_each_with_its_default, local_cluster) {
  co_await cluster.start();
  std::ifstream file(std::string(PADDLER_DOCS) + "/policies.md");
  std::string const page{std::istreambuf_iterator<char>(file), {}};
  for (auto const& item : co_await cluster.api().list("policies")) {
    auto const& row = item.as_object();
    auto const* value = row.if_contains("value");
    auto const said = value == nullptr     ? "no limit"
                      : value->is_string() ? text_of(row, "value")
                                           : json::serialize(*value);
    auto const line = "| `" + text_of(row, "name") + "` | " + said + " |";
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
}

SYSTEM_TEST(policies, REC_11_bad_ones_are_refused_with_their_places, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  std::vector<bad_input> const rows = {
      {"a misspelt key", R"({"routing":{"stratgy":"prefix"}})", 422, {"policies.routing.stratgy", "strategy"}},
      {"another strategy", R"({"routing":{"strategy":"random"}})", 422, {"policies.routing.strategy", "round_robin"}},
      {"out of range", R"({"queue":{"max_requests":-1}})", 422, {"policies.queue.max_requests", "from 0 to 1000000"}},
      {"several",
       R"({"queue":{"timeout_seconds":0},"retries":{"max_attempts":0}})",
       422,
       {"policies.queue.timeout_seconds", "policies.retries.max_attempts"}},
      {"a list", R"([])", 400, {"object"}},
      {"half of it", R"({"queue":{)", 422, {"JSON"}},
      {"a key twice", R"({"queue":{},"queue":{}})", 422, {"twice"}},
      {"a book", R"({"queue":")" + std::string(70'000, 'x') + "\"}", 413, {}},
  };
  for (auto const* method : {"PUT", "PATCH"}) {
    http_headers headers;
    headers.emplace_back("Content-Type", "application/json");
    co_await send_bad_bodies(cluster.api().management(), method, policies_target, headers, rows);
  }
  co_await expect_unharmed(cluster.api(), before, 1);
}

// A file sets them, too; what the API says wins field by field, and the loser is told.
SYSTEM_TEST(policies, a_file_may_set_them_and_is_told_what_it_lost, local_cluster) {
  auto const path = cluster.directory("desired.yaml");
  auto const file = [](std::string const& most) {
    return want_agents(1, 1) + "policies:\n  queue:\n    max_requests: " + most + "\n    timeout_seconds: 9\n";
  };
  write_whole_file(path, file("5"));
  cluster.config.desired_files = {path};
  co_await cluster.start();
  co_await cluster.api().until("policies", "are those of the file", [](json::array const& rows) {
    auto const of_file = [](json::value const& row) { return row.as_object().contains("decided_by"); };
    return std::ranges::count_if(rows, of_file) == 2;
  });
  EXPECT_EQ(co_await shown(cluster.api(), "queue.max_requests"), "5 by file");
  co_await patch(cluster.api(), R"({"queue":{"max_requests":6}})");
  EXPECT_EQ(co_await shown(cluster.api(), "queue.max_requests"), "6 by api");
  EXPECT_EQ(co_await shown(cluster.api(), "queue.timeout_seconds"), "9 by file");
  EXPECT_TRUE(was_logged("desired.field_lost", "policies/queue.max_requests: 5 of file"));
  auto const conflicts = co_await cluster.api().list("conflicts");
  EXPECT_EQ(conflicts.size(), 1U);
  EXPECT_EQ((co_await change(cluster.api(), "DELETE", "")).status, 200);
  EXPECT_EQ(co_await shown(cluster.api(), "queue.max_requests"), "5 by file") << "what was lost comes back";
}

} // namespace
} // namespace paddler_test
