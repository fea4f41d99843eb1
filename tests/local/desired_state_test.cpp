// Desired state over the management API: what changes, what must not, and who wins a race.
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/clock.hpp"
#include "runtime/task_group.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <array>

namespace paddler_test {
namespace {

namespace json = boost::json;

std::string with_default_tokens(int tokens) {
  return desired_yaml({{.id = "a1", .slots = 1}},
                      {{.id = "sim", .more = "    parameters: {max_tokens: " + std::to_string(tokens) + "}\n"}});
}

// Slot connections may be there before the link has told that the engine is ready.
task<agent_row> ready_agent(cluster_api api) {
  co_await api.until_agent("a1", "serves", [](agent_row const& row) { return row.status == "ready"; });
  auto const row = co_await api.agent("a1");
  require(row && row->status == "ready" && row->engine_pid > 1, "a1 serves");
  co_return *row;
}

SYSTEM_TEST(desired_state, REC_14_the_same_again_does_nothing, local_cluster) {
  auto const document = want_agents(1, 2);
  co_await cluster.start(document);
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  auto const engine = co_await ready_agent(cluster.api());
  auto const before = co_await cluster.api().desired();
  for (int i = 0; i < 30; ++i) {
    auto const answer = co_await cluster.api().put_desired(document);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("etag"), before.etag);
    EXPECT_FALSE(json::parse(answer.body).as_object().at("changed").as_bool());
  }
  co_await cluster.api().expect_serving();
  auto const after = co_await cluster.api().desired();
  EXPECT_EQ(after, before);
  auto const same = co_await ready_agent(cluster.api());
  EXPECT_EQ(same.engine_pid, engine.engine_pid);
  EXPECT_EQ(same.engine_restarts, 0U);
}

// What is not about this agent leaves its engine alone.
SYSTEM_TEST(desired_state, REC_14_a_change_elsewhere_reloads_nothing, local_cluster) {
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  auto const engine = co_await ready_agent(cluster.api());
  co_await cluster.api().apply(want_agents(3, 2));
  co_await cluster.api().expect_serving();
  auto const same = co_await ready_agent(cluster.api());
  EXPECT_EQ(same.engine_pid, engine.engine_pid);
}

// Requests that were routed before the agent took the change over are served as they were routed; soon all are new.
task<> until_answers_have(cluster_api api, int tokens) {
  auto const asked = endless_question("as long as the default says");
  auto expected = asked;
  expected.max_tokens = tokens;
  auto const deadline = mono_now() + patience;
  for (;;) {
    auto const answer = co_await chat(api.inference(), asked);
    EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
    if (answer.text == chain_of(expected)) co_return;
    require(mono_now() < deadline, "answers never became " + std::to_string(tokens) + " tokens long: " + answer.text);
    co_await pause_between_looks();
  }
}

SYSTEM_TEST(desired_state, a_sampling_default_changes_what_runs, local_cluster) {
  co_await cluster.start(with_default_tokens(5));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  for (int const tokens : {5, 9, 3}) {
    co_await cluster.api().apply(with_default_tokens(tokens));
    co_await until_answers_have(cluster.api(), tokens);
  }
}

SYSTEM_TEST(desired_state, slots_follow_the_document, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  for (int const slots : {1, 4, 2}) {
    co_await cluster.api().apply(want_agents(1, slots));
    co_await cluster.api().until_idle(static_cast<std::size_t>(slots));
    co_await cluster.api().expect_serving();
  }
}

// What is no longer wanted stops being served; who waits for it is told at once.
SYSTEM_TEST(desired_state, a_model_that_is_taken_away_is_gone, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  co_await cluster.api().apply("agents: []\n");
  co_await cluster.api().until_idle(0);
  auto const answer = co_await post_chat(cluster.api().inference(), question("anybody?"));
  EXPECT_EQ(answer.status, 404) << answer.body;
  co_await cluster.api().apply(want_agents(1, 1));
  co_await cluster.api().until_slots(1);
  co_await cluster.api().expect_serving();
}

// Requests in flight finish under what they were routed to, whatever is wanted meanwhile.
SYSTEM_TEST(desired_state, REQ_11_a_change_while_streaming_breaks_no_stream, local_cluster) {
  cluster.simulation.token_time = std::chrono::milliseconds(5);
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  auto const asked = question("through the change", 100);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(2), "it streams");
  co_await cluster.api().apply(want_agents(1, 3));
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked));
  co_await cluster.api().until_idle(3);
}

task<> put_if(cluster_api api, std::string document, std::string etag, http_answer* out) {
  *out = co_await api.put_desired(std::move(document), std::move(etag));
}

SYSTEM_TEST(desired_state, LIN_09_of_two_writers_with_one_etag_one_wins, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto const executor = co_await asio::this_coro::executor;
  for (int i = 0; i < 100; ++i) {
    auto const before = co_await cluster.api().desired();
    std::array<http_answer, 2> answers;
    std::array<std::string, 2> documents = {want_agents(1, 2 + i), want_agents(2, 2 + i)};
    task_group writers(executor, "writers");
    for (std::size_t w = 0; w < 2; ++w)
      writers.spawn("writer", put_if(cluster.api(), documents[w], before.etag, &answers[w]));
    co_await writers.join();
    auto const winner = answers[0].status == 200 ? 0U : 1U;
    EXPECT_EQ(answers[winner].status, 200) << answers[winner].body;
    EXPECT_EQ(answers[1 - winner].status, 412) << answers[1 - winner].body;
    EXPECT_NE(answers[1 - winner].body.find("revision"), std::string::npos) << answers[1 - winner].body;
    auto const after = co_await cluster.api().desired();
    EXPECT_EQ(after.etag, answers[winner].header("etag"));
    EXPECT_EQ(after.document.find("\"a2\"") != std::string::npos, winner == 1);
  }
}

SYSTEM_TEST(desired_state, yaml_and_json_are_the_same_document, local_cluster) {
  co_await cluster.start(want_agents(2, 3));
  auto const before = co_await cluster.api().desired();
  http_headers as_json;
  as_json.emplace_back("Content-Type", "application/json");
  auto const again =
      co_await ask(cluster.api().management(), "PUT", "/management/v1/desired", as_json, before.document);
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.header("etag"), before.etag);

  http_headers wants_yaml;
  wants_yaml.emplace_back("Accept", "application/yaml");
  auto const yaml = co_await ask(cluster.api().management(), "GET", "/management/v1/desired", wants_yaml);
  EXPECT_EQ(yaml.header("content-type"), "application/yaml");
  auto const third = co_await cluster.api().put_desired(yaml.body);
  EXPECT_EQ(third.status, 200) << third.body;
  EXPECT_EQ(third.header("etag"), before.etag);
}

} // namespace
} // namespace paddler_test
