#include "cli/canned_api_test.hpp"
#include "cli/describe.hpp"
#include "wire/rfc3339.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

wall_time const now = parse_rfc3339("2026-03-01T12:00:00Z").value();

agent_page page() {
  agent_page out;
  out.agent.id = {"a1"};
  out.agent.connected = true;
  out.agent.status = engine_status::ready;
  out.agent.model = "chat";
  out.agent.slots = 4;
  out.agent.wanted = out.agent.applied = {7};
  out.agent.serving = generation{3};
  out.agent.last_seen = now - std::chrono::seconds(2);
  out.agent.capabilities = {"0.1.0", "gpu-1", 16, std::uint64_t{1} << 37, {"NVIDIA H200"}};
  field_claim const api{{source_kind::api, ""}, field_value{std::int64_t{8}}, {7}};
  field_claim const warm{{source_kind::file, "/etc/c.yaml"}, field_value{0.5}, {2}};
  out.fields = {{"agents/a1", api, {}}, {"agents/a1.slots", api, {}}, {"models/chat.parameters.temperature", warm, {}}};
  applicable_model model{
      .name = "chat", .reference = {}, .chat_template = {}, .parameters = {}, .slots = 8, .max_context_length = 4096};
  model.parameters.temperature = 0.5;
  out.applicable = applicable_state{{7}, model};
  model.slots = 4;
  out.served = applicable_state{{3}, model};
  reconciliation_view load;
  load.action = reconcile_action::load;
  load.model = "chat";
  load.goal = {7};
  load.difference = "no engine runs it";
  load.started_at = now - std::chrono::seconds(4);
  out.actions = {load};
  out.events = {"2026-03-01T11:59:56Z r7 config.changed"};
  return out;
}

TEST(TextOfAgentPage, SaysWhyNothingGoesThere) {
  test_console console;
  auto failing = page();
  failing.agent.request_milliseconds = 2'500;
  failing.agent.breaker = breaker_standing{breaker_state::open, 5, agent_fault::silent, now + std::chrono::seconds(20)};
  EXPECT_THAT(text_of(failing, now, console.terminal),
              HasSubstr("  requests    one takes 2s500ms, on average\n"
                        "  breaker     open: it gets no requests while others can have them: 5 requests in a row went "
                        "wrong, the last one because its engine sent nothing for too long; tried again in 20s\n"));
  failing.agent.breaker = breaker_standing{breaker_state::closed, 1, agent_fault::garbled, {}};
  EXPECT_THAT(text_of(failing, now, console.terminal),
              HasSubstr("  breaker     closed: 1 request in a row went wrong, the last one because its answer was not "
                        "HTTP\n"));
}

TEST(TextOfAgentPage, PutsTheThreeStatesSideBySide) {
  test_console console;
  EXPECT_EQ(text_of(page(), now, console.terminal),
            "agent a1\n"
            "  status      ready\n"
            "  model       chat\n"
            "  slots       0 of 4 busy\n"
            "  versions    wanted 7, held 7, served 3\n"
            "  link        connected, seen 2s ago\n"
            "  machine     gpu-1: 16 cores, 128GiB, NVIDIA H200; paddler 0.1.0\n"
            "  now         load chat, since 4s: no engine runs it\n"
            "  next        it is admitted once it answers, and what served before is drained and unloaded\n"
            "\n"
            "What it is to run, and runs\n"
            "  FIELD                   DESIRED  APPLICABLE  CURRENT  DECIDED-BY\n"
            "  max_context_length      -        4096        4096     default\n"
            "  model                   -        \"chat\"      \"chat\"   default\n"
            "  parameters.temperature  0.5      0.5         0.5      file:/etc/c.yaml@2\n"
            "  slots                   8        8           4        api@7\n"
            "\n"
            "What was done last\n"
            "  4s ago: load chat for version 7, open\n"
            "    since no engine runs it\n"
            "\n"
            "Its last events\n"
            "  2026-03-01T11:59:56Z r7 config.changed\n");
}

TEST(CourseOf, TellsWhatHappensNowAndNext) {
  auto one = page();
  one.actions.clear();
  EXPECT_THAT(course_of(one, now).now, HasSubstr("nothing: what it serves is what is wanted"));
  one.agent.applied = {3};
  EXPECT_THAT(course_of(one, now).now, HasSubstr("version 7 waits"));
  one.agent.connected = false;
  EXPECT_THAT(course_of(one, now).now, HasSubstr("not connected"));
  one = page();
  one.actions.clear();
  one.agent.status = engine_status::failed;
  one.agent.reason = "the model file is gone";
  EXPECT_THAT(course_of(one, now).now, HasSubstr("the model file is gone"));
  one.agent.status = engine_status::none;
  EXPECT_THAT(course_of(one, now).now, HasSubstr("nothing is wanted of it"));
}

TEST(TextOfRevisionPage, TellsAllAboutAChange) {
  test_console console;
  revision_view made;
  made.number = {41};
  made.at = now - std::chrono::minutes(90);
  made.origin = {"anna", "10.0.0.7:1"};
  made.changes = {{"agents/a1.slots", field_value{std::int64_t{4}}, field_value{std::int64_t{8}}}};
  made.said = {{"agents/a1.slots", std::nullopt, field_value{std::int64_t{8}}}};
  made.agents = {{"a1"}};
  made.more_agents = 2;
  made.losses = {{"agents/a2.slots",
                  {{source_kind::api, ""}, field_value{std::int64_t{2}}, {41}},
                  {{source_kind::file, "/c"}, field_value{std::int64_t{6}}, {3}}}};
  EXPECT_EQ(text_of(made, "agents: []\n", now, console.terminal),
            "revision 41\n"
            "  made        2026-03-01T10:30:00Z, 1h30m ago\n"
            "  source      api\n"
            "  by          anna from 10.0.0.7:1\n"
            "\n"
            "What changed in effect\n"
            "  - agents/a1.slots: 4\n"
            "  + agents/a1.slots: 8\n"
            "\n"
            "What the source said otherwise\n"
            "  + agents/a1.slots: 8\n"
            "\n"
            "What it did not bring about\n"
            "  agents/a2.slots: 2 is not in effect: file /c decides it (6)\n"
            "\n"
            "Agents whose applicable state changed\n"
            "  a1 and 2 more\n"
            "\n"
            "What the source said with it\n"
            "  agents: []\n");
}

TEST(RunDescribe, SaysWhatIsNotThere) {
  canned_api api({{"GET /agents", {{200, R"({"items":[]})"}}}, {"GET /models", {{200, R"({"items":[]})"}}}});
  for (auto const kind : {view_kind::agents, view_kind::models, view_kind::revisions, view_kind::requests}) {
    test_console console;
    EXPECT_EQ(run_describe({.management = api.address(), .kind = kind, .name = "9"}, console.terminal),
              exit_code::not_found);
    EXPECT_EQ(console.said(), "");
  }
}

} // namespace
} // namespace paddler
