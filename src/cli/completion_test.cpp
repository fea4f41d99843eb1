#include "cli/command_line.hpp"
#include "cli/command_test.hpp"
#include "cli/completion.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> names(name_source source) {
  if (source.what == completed_by::paths) return {"agents/a1", "agents/a1.slots", "models/m"};
  if (source.what == completed_by::revisions) return {"41", "40"};
  if (source.kind == view_kind::agents) return {"a1", "a2", "b1"};
  if (source.kind == view_kind::requests) return {"r1", "r2"};
  return {"m"};
}

completion completed(std::vector<std::string> const& words) { return complete(words, all_commands(), names); }

std::vector<std::string> candidates(std::vector<std::string> const& words) { return completed(words).candidates; }

TEST(Complete, Commands) {
  EXPECT_THAT(candidates({""}), AllOf(Contains("up"), Contains("rollback"), Not(Contains("__complete"))));
  EXPECT_THAT(candidates({"de"}), ElementsAre("describe"));
  EXPECT_THAT(candidates({"help", "hi"}), ElementsAre("history"));
  EXPECT_THAT(candidates({"--v"}), ElementsAre("--version"));
  EXPECT_THAT(candidates({"frobnicate", ""}), IsEmpty());
}

TEST(Complete, Flags) {
  EXPECT_THAT(candidates({"apply", "--if"}), ElementsAre("--if-revision"));
  EXPECT_THAT(candidates({"apply", "--"}), AllOf(Contains("--file"), Contains("--wait"), Contains("--help")));
  EXPECT_THAT(candidates({"get", "agents", "-o", "w"}), ElementsAre("wide"));
  EXPECT_THAT(candidates({"get", "agents", "--output=j"}), ElementsAre("--output=json"));
  EXPECT_THAT(candidates({"get", "desired", "--source", ""}), ElementsAre("api", "file", "discovery"));
  EXPECT_THAT(candidates({"apply", "--dry-run="}), ElementsAre("--dry-run=client", "--dry-run=server"));
  EXPECT_TRUE(completed({"apply", "-f", ""}).files);
  EXPECT_TRUE(completed({"replay", ""}).files);
  EXPECT_FALSE(completed({"history", ""}).files);
}

TEST(Complete, KindsAndNames) {
  EXPECT_THAT(candidates({"get", "ag"}), ElementsAre("agents"));
  EXPECT_THAT(candidates({"watch", "re"}), ElementsAre("requests", "reconciliations"));
  EXPECT_THAT(candidates({"get", "agents", "a"}), ElementsAre("a1", "a2"));
  EXPECT_THAT(candidates({"get", "ag", "-o", "wide", "b"}), ElementsAre("b1"));
  EXPECT_THAT(candidates({"get", "agents/b"}), ElementsAre("agents/b1"));
  EXPECT_THAT(candidates({"describe", "model", ""}), ElementsAre("m"));
  EXPECT_THAT(candidates({"describe", "rq", ""}), ElementsAre("r1", "r2"));
  EXPECT_THAT(candidates({"get", "requests", "--agent", "b"}), ElementsAre("b1"));
  EXPECT_THAT(candidates({"get", "requests", "--model="}), ElementsAre("--model=m"));
  EXPECT_THAT(candidates({"get", "desired", ""}), IsEmpty());
  EXPECT_THAT(candidates({"get", "agents", "a1", ""}), IsEmpty());
  EXPECT_THAT(candidates({"explain", "agents/a1."}), ElementsAre("agents/a1.slots"));
  EXPECT_THAT(candidates({"rollback", ""}), ElementsAre("41", "40"));
  EXPECT_THAT(candidates({"completion", "z"}), ElementsAre("zsh"));
}

TEST(CompleteRequest, GoesToTheBalancerOfTheLine) {
  auto const address = [](std::vector<std::string> words, std::map<std::string, std::string> variables = {}) {
    return to_string(complete_request(std::move(words), environment(std::move(variables))).management);
  };
  EXPECT_EQ(address({"get", ""}), "127.0.0.1:8060");
  EXPECT_EQ(address({"get", ""}, {{"PADDLER_MANAGEMENT", "b:1"}}), "b:1");
  EXPECT_EQ(address({"get", "--management", "c:2", ""}, {{"PADDLER_MANAGEMENT", "b:1"}}), "c:2");
  EXPECT_EQ(address({"get", "--management=c:3", ""}), "c:3");
}

TEST(RunComplete, HasNoNamesWhereNobodyAnswers) {
  test_console console;
  EXPECT_EQ(run_complete({.management = deserted_address(), .words = {"get", "agents", ""}}, console.terminal),
            exit_code::success);
  EXPECT_EQ(console.said(), ":\n");
  EXPECT_EQ(console.noted(), "");
  test_console files;
  EXPECT_EQ(run_complete({.words = {"apply", "-f", ""}}, files.terminal), exit_code::success);
  EXPECT_EQ(files.said(), ":files\n");
}

// A balancer that never answers holds nobody's shell up: the test would take for ever otherwise.
TEST(RunComplete, WaitsForNobody) {
  event_loop loop;
  auto const silent = listener::tcp(loop.executor(), "127.0.0.1", 0).value();
  test_console console;
  EXPECT_EQ(
      run_complete({.management = {"127.0.0.1", silent.port()}, .words = {"get", "agents", ""}}, console.terminal),
      exit_code::success);
  EXPECT_EQ(console.said(), ":\n");
}

TEST(CompletionScripts, CallThisProgram) {
  for (auto const of : {shell::bash, shell::zsh, shell::fish}) {
    test_console console;
    EXPECT_EQ(run_completion({of}, console.terminal), exit_code::success);
    EXPECT_THAT(console.said(), testing::HasSubstr("__complete"));
  }
}

} // namespace
} // namespace paddler
