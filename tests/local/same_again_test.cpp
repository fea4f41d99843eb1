// REC-14: the same desired state a thousand times, through every door there is, does nothing at all. And REC-10: a
// second agent of a name does nothing to the first.
#include "harness/doors.hpp"
#include "harness/fake_agent.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/log.hpp"
#include "store/sqlite.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace paddler_test {
namespace {

namespace json = boost::json;

constexpr int times = 1'000;

// Whatever a change, or the making of one, would leave behind.
struct traces {
  desired_answer desired;
  std::string explained;       // who decides what, since which revision
  std::string reconciliations; // what was done to agents
  std::string records;         // of the event log: how many, and the newest
  std::int64_t engine_pid = 0;
  std::uint64_t engine_restarts = 0;
};

std::string records_in(std::string const& state_directory) {
  auto db = sqlite_database::blocking_open(state_directory + "/state.db");
  if (!db) return describe(db.error());
  auto const answer = db->ask_text("SELECT count(*) || ' up to ' || max(revision) FROM event_log");
  return answer ? *answer : describe(answer.error());
}

task<traces> look(cluster_api api, std::string state_directory) {
  traces out;
  out.desired = co_await api.desired();
  out.explained = json::serialize(co_await api.get_json("/management/v1/explain"));
  out.reconciliations = json::serialize(co_await api.get_json("/management/v1/reconciliations"));
  out.records = records_in(state_directory);
  auto const row = co_await api.agent("a1");
  require(row.has_value(), "a1 is there");
  out.engine_pid = row->engine_pid;
  out.engine_restarts = row->engine_restarts;
  co_return out;
}

void expect_same(traces const& now, traces const& before) {
  EXPECT_EQ(now.desired, before.desired);
  EXPECT_EQ(now.explained, before.explained);
  EXPECT_EQ(now.reconciliations, before.reconciliations);
  EXPECT_EQ(now.records, before.records);
  EXPECT_EQ(now.engine_pid, before.engine_pid);
  EXPECT_EQ(now.engine_restarts, before.engine_restarts);
}

bool all_are_closed(json::array const& actions) {
  return !actions.empty() && std::ranges::none_of(actions, [](json::value const& each) {
    return text_of(each.as_object(), "outcome") == "open";
  });
}

std::size_t times_logged(std::string const& part) {
  auto const lines = log_recent();
  return static_cast<std::size_t>(
      std::ranges::count_if(lines, [&](std::string const& line) { return line.find(part) != std::string::npos; }));
}

// An agent that is nothing but its link, holds what it was told, and sees every message.
task<fake_link> quiet_agent(cluster_api api) {
  auto out = co_await fake_link::open(api.management(), "a2", hello_of("a2", 1));
  for (auto const* wanted : {"welcome", "apply"}) {
    auto const message = co_await out.listen();
    require(message && message->find(wanted) != std::string::npos, std::string("it is told ") + wanted);
  }
  link_ack const accepted{{1}};
  co_await out.say(accepted);
  co_return out;
}

// What there is once nothing is going on.
task<traces> look_once_settled(cluster_api api, std::string directory) {
  co_await api.until_idle(2);
  co_await api.until("reconciliations", "are closed", all_are_closed);
  co_return co_await look(api, std::move(directory));
}

// The first thing that the agent hears is a question about the next change; so nothing was said, or asked, before.
task<> expect_only_the_next_change(fake_link link, cluster_api api) {
  co_await api.apply(want_agents(2, 3));
  auto const message = co_await link.listen();
  require(message.has_value(), "it hears something");
  auto const said = json::parse(*message).as_object();
  EXPECT_EQ(text_of(said, "type"), "question") << *message;
  EXPECT_NE(message->find("\"slots\":3"), std::string::npos) << *message;
}

SYSTEM_TEST(same_again, REC_14_a_thousand_times_over_the_api_does_nothing, local_cluster) {
  cluster.config.policy.link.heartbeat = std::chrono::minutes(5); // no message that is not about state
  auto const document = want_agents(2, 2);
  co_await cluster.start(document);
  cluster.add_agent("a1");
  auto const directory = cluster.config.state_directory;
  auto watching = co_await quiet_agent(cluster.api());
  auto const before = co_await look_once_settled(cluster.api(), directory);
  auto const as_json = before.desired.document;
  http_headers json_type;
  json_type.emplace_back("Content-Type", "application/json");
  for (int i = 0; i < times; ++i) {
    http_answer answer;
    if (i % 3 == 0)
      answer = co_await cluster.api().put_desired(document);
    else if (i % 3 == 1)
      answer = co_await cluster.api().put_desired(document, before.desired.etag);
    else
      answer = co_await ask(cluster.api().management(), "PUT", "/management/v1/desired", json_type, as_json);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("etag"), before.desired.etag);
    require(!json::parse(answer.body).as_object().at("changed").as_bool(), "nothing was changed");
  }
  expect_same(co_await look(cluster.api(), directory), before);
  co_await cluster.api().expect_serving();
  co_await expect_only_the_next_change(std::move(watching), cluster.api());
}

// Written anew with the same content, as a configuration tool does it every few minutes. That each time was read shows
// in the log; a thousand readings without a file system between them: src/balancer/file_source_test.cpp.
SYSTEM_TEST(same_again, REC_14_the_same_file_again_does_nothing, local_cluster) {
  constexpr std::size_t rewrites = 50;
  cluster.config.policy.link.heartbeat = std::chrono::minutes(5);
  auto const path = cluster.directory("desired.yaml");
  write_whole_file(path, want_agents(2, 2));
  cluster.config.desired_files = {path};
  co_await cluster.start();
  co_await cluster.api().until("agents", "are those of the file",
                               [](json::array const& agents) { return agents.size() == 2; });
  cluster.add_agent("a1");
  auto const directory = cluster.config.state_directory;
  auto watching = co_await quiet_agent(cluster.api());
  auto const before = co_await look_once_settled(cluster.api(), directory);
  for (std::size_t i = 0; i < rewrites; ++i) {
    auto const loaded = times_logged("desired.file_loaded");
    write_whole_file(path + ".new", want_agents(2, 2));
    std::filesystem::rename(path + ".new", path);
    bool const again = co_await eventually(patience, [&] { return times_logged("desired.file_loaded") > loaded; });
    require(again, "it is read again");
  }
  expect_same(co_await look(cluster.api(), directory), before);
  co_await expect_only_the_next_change(std::move(watching), cluster.api());
}

// --- two of a name ---

// A cloned machine: the same name, another process. Whole agents, with engines of their own.
SYSTEM_TEST(same_name, REC_10_a_second_agent_of_a_name_is_refused_and_the_first_serves_on, local_cluster) {
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_idle(2);
  co_await cluster.api().until("reconciliations", "are closed", all_are_closed);
  auto const directory = cluster.config.state_directory;
  auto const before = co_await look(cluster.api(), directory);
  auto const asked = question("while the second one comes", 40);
  auto stream = co_await chat_stream::open(cluster.api().inference(), asked);
  require(co_await stream.read_pieces(1), "it streams");

  cluster.add_agent("a1", {}, "second");
  for (int refusals = 0; refusals < 5; ++refusals) {
    auto const seen = times_logged("is connected already");
    bool const told = co_await eventually(patience, [&] { return times_logged("is connected already") > seen; });
    EXPECT_TRUE(told) << "the second one is told why, each time it asks";
  }
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked));
  EXPECT_FALSE(cluster.agent_named("second").is_connected());
  EXPECT_EQ(cluster.agent_named("second").engine().pid, 0) << "it runs nothing";
  expect_same(co_await look(cluster.api(), directory), before);
  co_await cluster.api().expect_serving();

  co_await cluster.stop_agent("a1", duration::zero());
  co_await cluster.api().until_agent("a1", "is the second one", [&](agent_row const& row) {
    return row.connected && row.status == "ready" && row.engine_pid != before.engine_pid;
  });
  co_await cluster.api().expect_serving("now the second serves");
}

} // namespace
} // namespace paddler_test
