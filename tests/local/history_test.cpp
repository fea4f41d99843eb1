// Desired state through time, over the management API: as of a revision, what differs, back again, and what would be.
#include "core/state/history.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace paddler_test {
namespace {

namespace json = boost::json;

std::string slots_of_a1(int slots) { return desired_yaml({{.id = "a1", .slots = slots}}); }

task<http_answer> post(cluster_api api, std::string target, std::string body, std::string content_type) {
  http_headers headers;
  headers.emplace_back("Content-Type", std::move(content_type));
  co_return co_await ask(api.management(), "POST", std::move(target), std::move(headers), std::move(body));
}

// The changed fields of a diff as "PATH: BEFORE -> AFTER".
std::vector<std::string> texts(json::value const& diff) {
  std::vector<std::string> out;
  auto const text = [](json::object const& row, std::string_view key) {
    auto const* at = row.if_contains(key);
    return at == nullptr ? std::string("-") : json::serialize(*at);
  };
  for (auto const& item : diff.at("items").as_array()) {
    auto const& row = item.as_object();
    out.push_back(text_of(row, "path") + ": " + text(row, "before") + " -> " + text(row, "after"));
  }
  return out;
}

using texts_list = std::vector<std::string>;

SYSTEM_TEST(history, any_revision_can_be_read_and_compared, local_cluster) {
  co_await cluster.start(slots_of_a1(1));
  co_await cluster.api().apply(slots_of_a1(2));
  co_await cluster.api().apply(slots_of_a1(3));
  auto const first = co_await cluster.api().get_json("/management/v1/desired?at=1");
  EXPECT_EQ(first.at("agents").at(0).at("slots").as_int64(), 1);
  auto const applicable = co_await cluster.api().get_json("/management/v1/applicable?at=2");
  EXPECT_EQ(applicable.at("items").at(0).at("state").at("model").at("slots").as_int64(), 2);
  EXPECT_EQ(applicable.at("items").at(0).at("state").at("version").as_int64(), 2);
  auto const last = co_await cluster.api().get_json("/management/v1/diff");
  EXPECT_EQ(texts(last), texts_list{"agents/a1.slots: 2 -> 3"}) << "what the last change did";
  auto const all = co_await cluster.api().get_json("/management/v1/diff?from=1&to=desired@3&path=agents/a1");
  EXPECT_EQ(texts(all), texts_list{"agents/a1.slots: 1 -> 3"});
  auto const list = co_await cluster.api().get_json("/management/v1/revisions?limit=2");
  EXPECT_EQ(list.at("items").as_array().size(), 2U);
  EXPECT_EQ(list.at("items").at(0).at("number").as_int64(), 3);
  EXPECT_EQ(list.at("items").at(0).at("origin").at("actor").as_string(), "anonymous");
  auto const one = co_await cluster.api().get_json("/management/v1/revisions/2");
  EXPECT_EQ(one.at("document").at("agents").at(0).at("slots").as_int64(), 2);
}

SYSTEM_TEST(history, layers_are_compared_with_what_runs, local_cluster) {
  co_await cluster.start(slots_of_a1(2));
  auto const missing = co_await cluster.api().get_json("/management/v1/diff?from=applicable&to=current");
  EXPECT_EQ(texts(missing).size(), 4U) << json::serialize(missing);
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  co_await cluster.api().until_agent("a1", "serves", [](agent_row const& row) { return row.status == "ready"; });
  auto const same = co_await cluster.api().get_json("/management/v1/diff?from=applicable&to=current");
  EXPECT_EQ(texts(same), texts_list{}) << json::serialize(same);
}

SYSTEM_TEST(history, back_to_a_revision_is_a_new_revision, local_cluster) {
  co_await cluster.start(slots_of_a1(1));
  co_await cluster.api().apply(slots_of_a1(2));
  auto const back = co_await post(cluster.api(), "/management/v1/rollback", R"({"revision":1})", "application/json");
  EXPECT_EQ(back.status, 200) << back.body;
  auto const answer = json::parse(back.body);
  EXPECT_EQ(answer.at("revision").as_int64(), 3);
  EXPECT_TRUE(answer.at("changed").as_bool());
  EXPECT_TRUE(answer.at("remaining").as_array().empty());
  auto const now = co_await cluster.api().get_json("/management/v1/desired");
  EXPECT_EQ(now.at("agents").at(0).at("slots").as_int64(), 1);
  auto const again = co_await post(cluster.api(), "/management/v1/rollback", R"({"revision":1})", "application/json");
  EXPECT_FALSE(json::parse(again.body).at("changed").as_bool()) << "it is so already";
  auto const none = co_await post(cluster.api(), "/management/v1/rollback", R"({"revision":9})", "application/json");
  EXPECT_EQ(none.status, 404) << none.body;
}

SYSTEM_TEST(history, a_change_is_seen_before_it_is_made, local_cluster) {
  co_await cluster.start(slots_of_a1(1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const planned = co_await post(cluster.api(), "/management/v1/plan", slots_of_a1(4), "application/yaml");
  EXPECT_EQ(planned.status, 200) << planned.body;
  auto const plan = json::parse(planned.body);
  EXPECT_TRUE(plan.at("changed").as_bool());
  EXPECT_EQ(plan.at("at").as_int64(), 1);
  EXPECT_EQ(plan.at("agents").at(0).at("agent").as_string(), "a1");
  EXPECT_TRUE(plan.at("agents").at(0).at("connected").as_bool());
  auto const& steps = plan.at("agents").at(0).at("steps").as_array();
  bool const loads = std::ranges::any_of(steps, [](json::value const& step) { return step.at("action") == "load"; });
  EXPECT_TRUE(loads) << planned.body;
  auto const same = co_await post(cluster.api(), "/management/v1/plan", slots_of_a1(1), "application/yaml");
  EXPECT_FALSE(json::parse(same.body).at("changed").as_bool());
  auto const good = co_await post(cluster.api(), "/management/v1/validate", slots_of_a1(4), "application/yaml");
  EXPECT_EQ(good.status, 200) << good.body;
  auto const bad = co_await post(cluster.api(), "/management/v1/validate", slots_of_a1(0), "application/yaml");
  EXPECT_EQ(bad.status, 422) << bad.body;
  EXPECT_EQ(json::parse(bad.body).at("errors").at(0).at("path").as_string(), "agents[0].slots");
  auto const now = co_await cluster.api().get_json("/management/v1/desired");
  EXPECT_EQ(now.at("agents").at(0).at("slots").as_int64(), 1) << "nothing was changed";
}

SYSTEM_TEST(history, what_is_released_leaves_nothing, local_cluster) {
  co_await cluster.start(slots_of_a1(1));
  auto const gone = co_await ask(cluster.api().management(), "DELETE", "/management/v1/desired");
  EXPECT_EQ(gone.status, 200) << gone.body;
  auto const now = co_await cluster.api().get_json("/management/v1/desired");
  EXPECT_TRUE(now.at("agents").as_array().empty());
}

// Older changes are folded away while the balancer runs, and it goes on from there when it starts again.
SYSTEM_TEST(history, the_past_is_folded_and_told_so, local_cluster) {
  cluster.config.policy.history = {.max_records = 4, .always_kept = 2, .slack = 2};
  co_await cluster.start(slots_of_a1(1));
  for (int i = 2; i <= 12; ++i) co_await cluster.api().apply(slots_of_a1(1 + i % 3));
  co_await cluster.api().until("revisions", "at most six are kept",
                               [](json::array const& rows) { return rows.size() <= 6; });
  auto const old = co_await ask(cluster.api().management(), "GET", "/management/v1/desired?at=2");
  EXPECT_EQ(old.status, 410) << old.body;
  auto const before = co_await cluster.api().desired();
  co_await cluster.stop_balancer();
  co_await cluster.start();
  EXPECT_EQ(co_await cluster.api().desired(), before);
  co_await cluster.api().apply(slots_of_a1(7));
  auto const list = co_await cluster.api().get_json("/management/v1/revisions");
  EXPECT_EQ(list.at("items").at(0).at("number").as_int64(), 13);
  EXPECT_GE(list.at("oldest").as_int64(), 6);
}

SYSTEM_TEST(history, a_dump_tells_everything, local_cluster) {
  co_await cluster.start(slots_of_a1(1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const dump = co_await cluster.api().get_json("/management/v1/dump");
  EXPECT_EQ(dump.at("format").as_string(), "paddler-dump/1");
  EXPECT_EQ(dump.at("log").as_array().size(), 1U);
  for (auto const* list : {"layers", "applicable", "agents", "reports", "models", "slots", "reconciliations", "events"})
    EXPECT_FALSE(dump.at(list).as_array().empty()) << list;
}

SYSTEM_TEST(history, questions_that_make_no_sense_are_explained, local_cluster) {
  co_await cluster.start(slots_of_a1(1));

  struct row {
    std::string target;
    int status;
  };

  std::vector<row> const rows{{"/desired?at=x", 400},
                              {"/desired?at=2", 404},
                              {"/desired?at=current", 400},
                              {"/desired?at=2020-01-01T00:00:00Z", 200},
                              {"/desired?source=nobody", 400},
                              {"/desired?source=api@1", 400},
                              {"/applicable?at=9", 404},
                              {"/revisions?limit=0x10", 400},
                              {"/revisions?limit=1001", 400},
                              {"/revisions?before=", 400},
                              {"/revisions/x", 400},
                              {"/revisions/0", 410},
                              {"/revisions/2", 404},
                              {"/revisions/api@1", 400},
                              {"/diff?from=current@1", 400},
                              {"/diff?to=wanted", 400},
                              {"/diff?from=9", 404}};
  for (auto const& each : rows) {
    auto const answer = co_await ask(cluster.api().management(), "GET", "/management/v1" + each.target);
    EXPECT_EQ(answer.status, each.status) << each.target << " " << answer.body;
    if (each.status < 300) continue;
    EXPECT_FALSE(json::parse(answer.body).at("hint").as_string().empty()) << each.target;
  }
}

} // namespace
} // namespace paddler_test
