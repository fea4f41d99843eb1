#include "cli/canned_api_test.hpp"
#include "cli/plan.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

plan_view swap() {
  plan_view out;
  out.at = {41};
  out.changed = true;
  out.changes = {{"agents/a1.slots", field_value{std::int64_t{4}}, field_value{std::int64_t{8}}}};
  out.losses = {{"agents/a2.slots",
                 {{source_kind::file, "/etc/c.yaml"}, field_value{std::int64_t{2}}, {3}},
                 {{source_kind::api, ""}, field_value{std::int64_t{8}}, {42}}}};
  agent_plan beside{.agent = {"a1"}, .connected = true, .slots_busy = 3, .steps = {}};
  beside.steps = {{.action = reconcile_action::load, .model = "qwen", .estimated_milliseconds = 12'300},
                  {.action = reconcile_action::admit, .model = "qwen"},
                  {.action = reconcile_action::drain, .model = "qwen", .estimated_milliseconds = 30'000},
                  {.action = reconcile_action::unload, .model = "qwen"}};
  agent_plan in_place{.agent = {"a2"}, .connected = false, .slots_busy = 0, .steps = {}};
  in_place.steps = {{.action = reconcile_action::drain, .model = "qwen", .interrupts = true},
                    {.action = reconcile_action::unload, .model = "qwen", .interrupts = true},
                    {.action = reconcile_action::load, .model = "qwen", .interrupts = true},
                    {.action = reconcile_action::admit, .model = "qwen"}};
  out.agents = {beside, in_place};
  out.more_agents = 5;
  return out;
}

TEST(TextOfPlan, TellsChangesLossesStepsAndTheCommand) {
  test_console console;
  EXPECT_EQ(text_of_plan(swap(), "c.yaml", console.terminal),
            "- agents/a1.slots: 4\n"
            "+ agents/a1.slots: 8\n"
            "! agents/a2.slots: 2 of file /etc/c.yaml is not in effect: api decides it (8)\n"
            "\n"
            "agents/a1\n"
            "  1. load qwen beside the old one, about 12s (measured before)\n"
            "  2. admit qwen: new requests go to it\n"
            "  3. drain qwen: at most 30s, 3 requests run\n"
            "  4. unload qwen\n"
            "\n"
            "agents/a2 is not connected: it does this when it is back\n"
            "  1. drain qwen: nothing runs on it now\n"
            "     ! interrupts service until the next admission\n"
            "  2. unload qwen\n"
            "  3. load qwen, never measured\n"
            "  4. admit qwen: new requests go to it\n"
            "\n"
            "... and 5 more agents\n"
            "\n"
            "revision 41\n"
            "apply it: paddler apply -f c.yaml --if-revision 41\n");
}

TEST(TextOfPlan, OfNothing) {
  test_console console;
  plan_view same;
  same.at = {3};
  EXPECT_EQ(text_of_plan(same, "c.yaml", console.terminal), "unchanged: applying it does nothing\nrevision 3\n");
  same.changed = true;
  EXPECT_THAT(text_of_plan(same, "c.yaml", console.terminal), HasSubstr("nothing in effect changes"));
}

TEST(TextOfStep, CountsAndRounds) {
  EXPECT_EQ(text_of_step({.action = reconcile_action::load, .model = "m", .estimated_milliseconds = 2'119}, 0, false),
            "load m, about 2s200ms (measured before)");
  EXPECT_EQ(text_of_step({.action = reconcile_action::drain, .model = "m", .estimated_milliseconds = 5'000}, 1, false),
            "drain m: at most 5s, 1 request runs");
}

constexpr auto changed =
    R"({"at":41,"changed":true,"changes":[{"path":"agents/a1","after":true}],"warnings":["mind"]})";

TEST(RunPlan, TellsByItsExitCodeWhetherSomethingChanges) {
  canned_api api({{"POST /plan", {{200, changed}, {200, R"({"at":41,"changed":false})"}}}});
  test_console first("agents: []\n");
  EXPECT_EQ(run_plan({.management = api.address(), .file = "-", .if_revision = 41}, first.terminal),
            exit_code::different);
  EXPECT_THAT(first.said(), HasSubstr("+ agents/a1\n"));
  EXPECT_THAT(first.noted(), HasSubstr("warning: mind"));
  EXPECT_EQ(api.asked().front(), "POST /plan \"41\" agents: []\n");
  test_console second("agents: []\n");
  EXPECT_EQ(run_plan({.management = api.address(), .file = "-"}, second.terminal), exit_code::success);
}

TEST(RunPlan, PrintsTheAnswerAsADocument) {
  canned_api api({{"POST /plan", {{200, changed}}}});
  test_console console("x");
  EXPECT_EQ(run_plan({.management = api.address(), .file = "-", .output = output_format::json}, console.terminal),
            exit_code::different);
  EXPECT_THAT(console.said(), HasSubstr("\"at\": 41,\n"));
}

TEST(RunPlan, EveryErrorIsTrouble) {
  canned_api api({{"POST /plan", {canned_api::problem(412, "at revision 42, not at 41")}}});
  test_console moved("x");
  EXPECT_EQ(run_plan({.management = api.address(), .file = "-", .if_revision = 41}, moved.terminal),
            exit_code::trouble);
  EXPECT_THAT(moved.noted(), HasSubstr("revision 42"));
  test_console missing;
  EXPECT_EQ(run_plan({.management = api.address(), .file = "/no/file"}, missing.terminal), exit_code::trouble);
}

} // namespace
} // namespace paddler
