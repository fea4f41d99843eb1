// The operator's commands on a cluster of processes: what a change would do, making it and waiting for it, what
// happened, why, going back, and deciding it all again from a dump.
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <iterator>
#include <sstream>

namespace paddler_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int different = 1; // docs/cli.md
constexpr int timed_out = 8;
constexpr int interrupted = 130;

// Runs a command against the cluster: its words, between spaces.
task<finished_command> paddler(process_cluster& cluster, std::string line, std::string input = {}) {
  command_call call;
  std::istringstream words(std::move(line));
  call.arguments.assign(std::istream_iterator<std::string>(words), {});
  call.variables = {"PADDLER_MANAGEMENT=" + cluster.api().management()};
  call.input = std::move(input);
  co_return co_await cluster.run(std::move(call));
}

// The same; it has to end with this code.
task<std::string> said_by(process_cluster& cluster, std::string line, int code = 0, std::string input = {}) {
  auto const ended = co_await paddler(cluster, line, std::move(input));
  EXPECT_EQ(ended.code, code) << line << "\n" << ended.output << ended.errors;
  co_return ended.output;
}

std::string with_template(std::string const& line) {
  return desired_yaml({{.id = "a1", .slots = 2}},
                      {{.id = "sim", .more = "    chat_template: |\n      first\n      " + line + "\n      last\n"}});
}

SYSTEM_TEST(state_commands, look_ahead_change_and_look_back, process_cluster) {
  co_await cluster.start_balancer();
  cluster.start_agent("a1");
  auto const first = with_template("one");
  auto const second = with_template("two");

  EXPECT_THAT(co_await said_by(cluster, "validate -f -", 0, first), HasSubstr("valid"));
  auto const plan = co_await said_by(cluster, "plan -f -", different, first);
  EXPECT_THAT(plan, AllOf(HasSubstr("+ agents/a1.slots: 2"), HasSubstr("--if-revision 0")));
  auto const applied = co_await paddler(cluster, "apply -f - --if-revision 0 --wait=60s", first);
  EXPECT_EQ(applied.code, 0) << applied.errors;
  EXPECT_EQ(applied.output, "applied: revision 1\n");
  EXPECT_THAT(applied.errors, HasSubstr("agents/a1: serves sim"));
  EXPECT_EQ(co_await said_by(cluster, "diff -f -", 0, first), "");

  auto const lines = "~ models/sim.chat_template:\n    @@ -1,3 +1,3 @@\n     first\n    -one\n    +two\n     last\n";
  EXPECT_EQ(co_await said_by(cluster, "diff -f -", different, second), lines);
  EXPECT_THAT(co_await said_by(cluster, "apply -f - --dry-run", 0, second), HasSubstr("nothing was changed"));
  EXPECT_THAT(co_await said_by(cluster, "plan -f -", different, second),
              AllOf(HasSubstr(". load sim"), HasSubstr("(measured before)")));
  co_await said_by(cluster, "apply -f - --wait", 0, second);

  EXPECT_EQ(co_await said_by(cluster, "diff 1 2", different), lines);
  EXPECT_EQ(co_await said_by(cluster, "diff applicable current"), "");
  EXPECT_THAT(co_await said_by(cluster, "get desired --at 1"), HasSubstr("one"));
  EXPECT_THAT(co_await said_by(cluster, "history"),
              AllOf(HasSubstr("models/sim.chat_template"), HasSubstr("anonymous")));
  EXPECT_THAT(co_await said_by(cluster, "history agents/a1.slots"), Not(HasSubstr("chat_template:")));
  EXPECT_THAT(co_await said_by(cluster, "describe revision 2"), AllOf(HasSubstr("+two"), HasSubstr("a1")));
  auto const page = co_await said_by(cluster, "describe agents/a1");
  EXPECT_THAT(page, AllOf(HasSubstr("wanted 2, held 2, served 2"), HasSubstr("What was done last"),
                          HasSubstr("config.changed"), HasSubstr("api@")));
  EXPECT_THAT(co_await said_by(cluster, "describe model sim"), HasSubstr("1 of 1 ready"));

  EXPECT_THAT(co_await said_by(cluster, "rollback 1 --dry-run"), HasSubstr("    +one\n"));
  EXPECT_THAT(co_await said_by(cluster, "rollback 1 --yes"), HasSubstr("rolled back: revision 3"));
  EXPECT_EQ(co_await said_by(cluster, "rollback 1 --yes"), "unchanged: revision 3\n");
  EXPECT_EQ(co_await said_by(cluster, "diff 1 3"), "");
}

SYSTEM_TEST(state_commands, a_requests_whole_way_is_told, process_cluster) {
  co_await cluster.start_balancer();
  cluster.start_agent("a1");
  co_await said_by(cluster, "apply -f - --wait=60s", 0, want_agents(1, 1));
  co_await cluster.api().expect_serving();
  auto const refused = co_await ask(cluster.api().inference(), "POST", "/v1/chat/completions", {},
                                    R"({"model":"nobody","messages":[]})");
  EXPECT_EQ(refused.status, 404);
  EXPECT_THAT(co_await said_by(cluster, "get requests"), AllOf(HasSubstr("completed"), HasSubstr("no_model")));
  EXPECT_THAT(co_await said_by(cluster, "get rq --failed --limit 1"), Not(HasSubstr("completed")));
  auto name = co_await said_by(cluster, "get requests --model sim -o name");
  EXPECT_THAT(co_await said_by(cluster, "describe " + name),
              AllOf(HasSubstr("completed: it was answered whole, within "), HasSubstr("processing        1\n"),
                    HasSubstr("1 on a1, version 1: its answer was delivered whole\n")));
  name = co_await said_by(cluster, "get requests --failed -o name");
  EXPECT_THAT(co_await said_by(cluster, "describe " + name), HasSubstr("there was no model `nobody`"));
}

SYSTEM_TEST(state_commands, apply_says_whom_it_waited_for_in_vain, process_cluster) {
  co_await cluster.start_balancer();
  auto const late = co_await paddler(cluster, "apply -f - --wait=2s", want_agents(1, 1));
  EXPECT_EQ(late.code, timed_out);
  EXPECT_EQ(late.output, "applied: revision 1\n");
  EXPECT_THAT(late.errors, HasSubstr("agents/a1: has never connected\npaddler: not every agent serves it after 2s"));
}

SYSTEM_TEST(state_commands, sources_that_disagree_are_told, process_cluster) {
  auto const file = cluster.directory().write("cluster.yaml", want_agents(1, 3));
  std::vector<std::string> const flags = {"--desired", file};
  co_await cluster.start_balancer(flags);
  co_await said_by(cluster, "apply -f -", 0, "agents:\n  - id: a1\n    slots: 2\n");
  EXPECT_THAT(co_await said_by(cluster, "get conflicts"),
              AllOf(HasSubstr("agents/a1.slots"), HasSubstr("file:" + file)));
  EXPECT_THAT(co_await said_by(cluster, "explain agents/a1.slots"), HasSubstr("file:" + file + "=3"));
  EXPECT_THAT(co_await said_by(cluster, "get applicable"), HasSubstr("a1"));
  // What the file decides now is not brought back by what the API said.
  auto const back = co_await paddler(cluster, "rollback 0 --yes");
  EXPECT_EQ(back.code, 0) << back.errors;
  EXPECT_THAT(back.errors, HasSubstr("agents/a1.slots: remains 3, was not set at revision 0: file " + file));
}

SYSTEM_TEST(state_commands, watch_goes_on_with_the_rows_that_change, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(2, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto& watch = cluster.start("watch", {"watch", "agents", "-o", "name", "--management", cluster.api().management()});
  bool const begun = co_await eventually(patience, [&watch] { return watch.output() == "agents/a1\nagents/a2\n"; });
  EXPECT_TRUE(begun) << watch.output();
  cluster.start_agent("a2");
  bool const told = co_await eventually(
      patience, [&watch] { return watch.output().starts_with("agents/a1\nagents/a2\nagents/a2\n"); });
  EXPECT_TRUE(told) << watch.output();
  watch.signal(SIGINT);
  auto const ended = co_await watch.wait_end(patience);
  EXPECT_EQ(ended.number, interrupted);
}

SYSTEM_TEST(state_commands, a_dump_is_decided_again, process_cluster) {
  co_await cluster.start_balancer();
  cluster.start_agent("a1");
  for (int slots = 1; slots <= 3; ++slots) co_await cluster.api().apply(want_agents(2, slots));
  co_await cluster.api().until_slots(3);
  co_await cluster.api().expect_serving();
  auto const dump = cluster.directory().path("dump.json");
  co_await said_by(cluster, "dump -o " + dump);
  EXPECT_EQ(std::filesystem::status(dump).permissions(), std::filesystem::perms(0600));
  EXPECT_THAT(co_await said_by(cluster, "replay " + dump),
              AllOf(HasSubstr("revision 1 "), HasSubstr("; 1 request with "), HasSubstr(" steps and 1 route)"),
                    HasSubstr("3 decisions, all equal to the originals (compared: 3 changes")));

  auto const whole = read_whole_file(dump);
  auto changed = whole;
  auto const at = changed.rfind(R"("path":"agents/a1.slots","before":2,"after":3)");
  require(at != std::string::npos, "the dump has the event of the last change");
  changed.replace(at, 45, R"("path":"agents/a1.slots","before":2,"after":4)");
  auto const forged = cluster.directory().write("forged.json", changed);
  EXPECT_THAT(co_await said_by(cluster, "replay " + forged, different),
              HasSubstr("revision 3: changes told: agents/a1.slots 2 -> 4; decided: agents/a1.slots 2 -> 3"));

  changed = whole;
  std::string const load = R"("load_nanoseconds":0)";
  auto const term = changed.find(load);
  require(term != std::string::npos, "the dump has the load of the engine that the request went to");
  changed.replace(term, load.size(), R"("load_nanoseconds":1)");
  EXPECT_EQ(cluster.directory().write("forged.json", changed), forged);
  EXPECT_THAT(co_await said_by(cluster, "replay " + forged, different),
              HasSubstr(": attempt 1 at a1: load told: 1 ns; decided: 0 ns\n3 decisions, 1 difference"));

  // Behind a death of the balancer there are events of the second life only; the log is whole.
  co_await cluster.balancer().kill();
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  co_await said_by(cluster, "dump -o " + dump + " --force");
  EXPECT_THAT(co_await said_by(cluster, "replay " + dump),
              HasSubstr("4 decisions, all equal to the originals (compared: 1 change "));
}

} // namespace
} // namespace paddler_test
