#include "cli/apply.hpp"
#include "cli/command_test.hpp"
#include "net/problem.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Knows revision 7 and the document "agents: []"; refuses what holds "slot:".
task<> serve_desired(http_exchange& exchange) {
  auto const body = co_await exchange.read_body();
  auto const expected = exchange.head().header("If-Match");
  if (!expected.empty() && expected != "\"7\"") {
    co_await exchange.respond_error(412, "desired state is at revision 7 by now");
  } else if (body->find("slot:") != std::string::npos) {
    std::vector<field_error> const errors{{"agents[0].slot", "unknown key", "did you mean \"slots\"?", 3},
                                          {"agents[0]", "has no id", "", 0}};
    auto const problem = problem_json(422, "Unprocessable Content", "the document has 2 mistakes", "req_1", errors);
    co_await exchange.respond(422, {{"Content-Type", problem_content_type}}, problem);
  } else {
    bool const changed = *body != "agents: []\n";
    auto const type = std::string(exchange.head().header("Content-Type"));
    bool const honest = (type == "application/json") == body->starts_with('{');
    std::string answer =
        R"({"revision":)" + std::string(changed ? "8" : "7") + R"(,"changed":)" + (changed ? "true" : "false");
    if (body->find("away") != std::string::npos) answer += R"(,"warnings":["agent 'away' was not checked","nor b"])";
    answer += "}";
    co_await exchange.respond(honest ? 200 : 415, {{"Content-Type", "application/json"}}, answer);
  }
}

struct outcome {
  exit_code code;
  std::string said;
  std::string noted;
};

outcome apply(std::string document, apply_command wanted = {}) {
  test_server const server(serve_desired);
  test_console console(std::move(document));
  wanted.management = server.address();
  if (wanted.file.empty()) wanted.file = "-";
  auto const code = run_apply(wanted, console.terminal);
  return {code, console.said(), console.noted()};
}

TEST(run_apply, hands_a_document_in) {
  auto const yaml = apply("agents:\n  - id: a\n");
  EXPECT_EQ(yaml.code, exit_code::success) << yaml.noted;
  EXPECT_EQ(yaml.said, "applied: revision 8\n");
  EXPECT_EQ(apply(" {\"agents\":[]}").code, exit_code::failure); // 415: the body does not begin as JSON to this server
  EXPECT_EQ(apply("{\"agents\":[{\"id\":\"a\"}]}").said, "applied: revision 8\n");
}

TEST(run_apply, says_when_nothing_changes) {
  EXPECT_EQ(apply("agents: []\n").said, "unchanged: revision 7\n");
  EXPECT_EQ(apply("agents: []\n").code, exit_code::success);
  EXPECT_EQ(apply("agents: []\n", {.error_unchanged = true}).code, exit_code::unchanged);
}

TEST(run_apply, prints_what_was_not_checked) {
  auto const accepted = apply("agents:\n  - id: away\n");
  EXPECT_EQ(accepted.code, exit_code::success);
  EXPECT_EQ(accepted.said, "applied: revision 8\n");
  EXPECT_THAT(accepted.noted, HasSubstr("warning: agent 'away' was not checked\nwarning: nor b\n"));
}

TEST(run_apply, lists_every_mistake_with_its_line) {
  auto const refused = apply("agents:\n  - slot: 3\n");
  EXPECT_EQ(refused.code, exit_code::invalid);
  EXPECT_EQ(refused.said, "");
  EXPECT_THAT(refused.noted,
              AllOf(HasSubstr("standard input:3: agents[0].slot: unknown key (did you mean \"slots\"?)\n"),
                    HasSubstr("standard input: agents[0]: has no id\n"), HasSubstr("nothing was changed")));
}

TEST(run_apply, loses_a_race_with_a_code_of_its_own) {
  EXPECT_EQ(apply("agents: [a]\n", {.if_revision = 7}).code, exit_code::success);
  auto const lost = apply("agents: [a]\n", {.if_revision = 6});
  EXPECT_EQ(lost.code, exit_code::conflict);
  EXPECT_THAT(lost.noted, AllOf(HasSubstr("revision 7 by now"), HasSubstr("paddler get desired")));
}

TEST(run_apply, reads_files) {
  auto const file = std::filesystem::temp_directory_path() / ("paddler-apply-" + std::to_string(getpid()) + ".yaml");
  std::ofstream(file) << "agents:\n  - slot: 3\n";
  auto const refused = apply("", {.file = file.string()});
  EXPECT_THAT(refused.noted, HasSubstr(file.string() + ":3: agents[0].slot"));
  std::filesystem::remove(file);
  auto const missing = apply("", {.file = file.string()});
  EXPECT_EQ(missing.code, exit_code::not_found);
  EXPECT_THAT(missing.noted, AllOf(HasSubstr("-f: there is no file " + file.string()), HasSubstr("standard input")));
}

TEST(run_apply, needs_a_server) {
  test_console console("agents: []\n");
  EXPECT_EQ(run_apply({.management = deserted_address(), .file = "-"}, console.terminal), exit_code::unreachable);
}

} // namespace
} // namespace paddler
