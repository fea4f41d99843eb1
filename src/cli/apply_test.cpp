#include "cli/apply.hpp"
#include "cli/canned_api_test.hpp"

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
                    HasSubstr("standard input:2: agents[0]: has no id\n"), HasSubstr("nothing was changed")));
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

constexpr auto applied =
    R"({"revision":42,"changed":true,"warnings":["mind the gap"],"losses":[{"path":"agents/a1.slots",
        "lost":{"source":{"kind":"api","name":""},"value":8,"since":42},
        "winner":{"source":{"kind":"file","name":"/etc/c.yaml"},"value":4,"since":3}}]})";

TEST(run_apply, tells_what_another_source_decides) {
  canned_api api({{"PUT /desired", {{200, applied}}}});
  test_console console("agents: []\n");
  EXPECT_EQ(run_apply({.management = api.address(), .file = "-"}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "applied: revision 42\n");
  EXPECT_EQ(console.noted(),
            "warning: agents/a1.slots: 8 is not in effect: file /etc/c.yaml decides it (4)\nwarning: mind the gap\n");
}

TEST(run_apply, waits_for_the_agents_that_it_concerns) {
  canned_api api(
      {{"PUT /desired", {{200, R"({"revision":42,"changed":true})"}}},
       {"GET /revisions/42", {{200, R"({"number":42,"agents":["a1"]})"}}},
       {"GET /applicable", {{200, R"({"items":[{"agent":"a1","state":{"version":42,"model":{"name":"m"}}}]})"}}},
       {"GET /agents",
        {{200,
          R"({"items":[{"id":"a1","connected":true,"status":"ready","model":"m","wanted":42,"applied":42,"serving":42}]})"}}}});
  test_console console("agents: []\n");
  EXPECT_EQ(run_apply({.management = api.address(), .file = "-", .wait = std::chrono::seconds(30)}, console.terminal),
            exit_code::success);
  EXPECT_THAT(console.noted(), HasSubstr("agents/a1: serves m"));
}

TEST(run_apply, unchanged_waits_for_the_agents_of_the_document) {
  canned_api api(
      {{"PUT /desired", {{200, R"({"revision":42,"changed":false})"}}},
       {"GET /applicable", {{200, R"({"items":[{"agent":"a1","state":{"version":42,"model":{"name":"m"}}}]})"}}},
       {"GET /agents",
        {{200, R"({"items":[{"id":"a1","connected":false,"wanted":42,"applied":0,"reason":"not connected"}]})"}}}});
  test_console console("agents: [{id: a1}]\n");
  EXPECT_EQ(run_apply({.management = api.address(), .file = "-", .wait = std::chrono::seconds(2)}, console.terminal),
            exit_code::timed_out);
  EXPECT_EQ(console.said(), "unchanged: revision 42\n");
  EXPECT_THAT(console.noted(), HasSubstr("agents/a1: not connected"));
}

TEST(run_apply, tries_at_the_balancer_without_changing_anything) {
  canned_api api(
      {{"POST /plan", {{200, R"({"at":41,"changed":true,"changes":[{"path":"agents/a1","after":true}]})"}}}});
  test_console console("agents: []\n");
  EXPECT_EQ(run_apply({.management = api.address(), .file = "-", .if_revision = 41, .dry = dry_run::server},
                      console.terminal),
            exit_code::success);
  EXPECT_EQ(console.said(), "+ agents/a1\nwould change revision 41; nothing was changed (dry run)\n");
  EXPECT_THAT(api.asked(), testing::ElementsAre("POST /plan \"41\" agents: []\n"));
}

TEST(run_apply, tries_here_without_a_balancer) {
  test_console console("agents: [{id: a1, slots: 4}]\n");
  EXPECT_EQ(run_apply({.management = deserted_address(), .file = "-", .dry = dry_run::client}, console.terminal),
            exit_code::success);
  EXPECT_EQ(console.said(), "valid; nothing was changed (dry run)\n");
  test_console wrong("agents: [{id: a1, slots: 4000}]\n");
  EXPECT_EQ(run_apply({.management = deserted_address(), .file = "-", .dry = dry_run::client}, wrong.terminal),
            exit_code::invalid);
  EXPECT_THAT(wrong.noted(), HasSubstr("standard input:1: agents[0].slots: is 4000"));
}

TEST(run_apply, needs_a_server) {
  test_console console("agents: []\n");
  EXPECT_EQ(run_apply({.management = deserted_address(), .file = "-"}, console.terminal), exit_code::unreachable);
}

} // namespace
} // namespace paddler
