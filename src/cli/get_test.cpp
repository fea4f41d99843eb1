#include "cli/command_test.hpp"
#include "cli/get.hpp"
#include "wire/json_codec.hpp"
#include "wire/rfc3339.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

wall_time const now = parse_rfc3339("2026-03-01T12:00:00Z").value();

constexpr auto agents = R"({"items":[
  {"id":"gpu-1","connected":true,"status":"ready","model":"qwen3-0.6b","slots":8,"slots_busy":3,"wanted":4,"applied":4,"reason":"",
   "last_seen":"2026-03-01T11:59:58Z","engine_pid":4242,"engine_restarts":1,
   "capabilities":{"version":"0.1.0","hostname":"gpu-1","cpu_cores":16,"memory_bytes":137438953472,"gpus":["NVIDIA H200"]},
   "breaker":{"state":"closed","failures":2,"last":"silent"},"request_milliseconds":1250,
   "link":{"sent":{"bytes":6144,"whole_bytes":10240},"received":{"bytes":2048,"whole_bytes":8192}}},
  {"id":"local","connected":false,"status":"failed","slots":0,"slots_busy":0,"wanted":5,"applied":4,
   "reason":"the model file /m.gguf is gone","last_seen":"2026-03-01T11:55:00Z","engine_pid":0,"engine_restarts":0}],"revision":5})";

rendered_list rendered(std::string const& body, get_command wanted) {
  auto out = render_list(wanted, parse_list({.status = 200, .body = body}).value(), now, 80);
  EXPECT_TRUE(out) << (out ? "" : describe(out.error()));
  return out.value_or(rendered_list{});
}

TEST(render_list, of_agents) {
  auto const out = rendered(agents, {.kind = view_kind::agents});
  EXPECT_EQ(out.data, "NAME   STATUS  MODEL       BUSY  RESTARTS  SEEN\n"
                      "gpu-1  ready   qwen3-0.6b   3/8         1    2s\n"
                      "local  gone    -            0/0         0    5m\n");
  EXPECT_EQ(out.notes, "local: the model file /m.gguf is gone\n");
}

TEST(render_list, of_agents_wide) {
  EXPECT_EQ(
      rendered(agents, {.kind = view_kind::agents, .name = "gpu-1", .output = output_format::wide}).data,
      "NAME   STATUS  MODEL       BUSY  RESTARTS  REQUEST-TIME   PID  APPLIED  HOST   CORES  MEMORY  GPUS         "
      "VERSION    SENT/WHOLE  RECEIVED/WHOLE  SEEN\n"
      "gpu-1  ready   qwen3-0.6b   3/8         1       1s250ms  4242      4/4  gpu-1     16  128GiB  NVIDIA_H200  "
      "0.1.0    6.0KiB/10KiB   2.0KiB/8.0KiB    2s\n");
}

TEST(render_list, of_agents_whose_breakers_are_not_closed) {
  auto const out = rendered(R"({"items":[
    {"id":"a","connected":true,"status":"ready","model":"m","slots":8,"wanted":4,"applied":4,"last_seen":"2026-03-01T11:59:58Z",
     "breaker":{"state":"open","failures":5,"last":"server_error","until":"2026-03-01T12:00:20Z"}},
    {"id":"b","connected":true,"status":"ready","model":"m","slots":8,"wanted":4,"applied":4,"last_seen":"2026-03-01T11:59:58Z",
     "breaker":{"state":"half_open","failures":6,"last":"lost"}}],"revision":5})",
                            {.kind = view_kind::agents});
  EXPECT_EQ(out.data, "NAME  STATUS                   MODEL  BUSY  RESTARTS  SEEN\n"
                      "a     ready,breaker-open       m       0/8         0    2s\n"
                      "b     ready,breaker-half-open  m       0/8         0    2s\n");
  EXPECT_EQ(out.notes,
            "a: it gets no requests while others can have them: 5 requests in a row went wrong, the last one "
            "because its engine answered with a server error\n"
            "b: it gets one request at a time, to see whether it works again: 6 requests in a row went "
            "wrong, the last one because its connection broke or its engine died\n");
}

TEST(render_list, of_models) {
  EXPECT_EQ(
      rendered(
          R"({"items":[{"name":"demo","agents_wanted":2,"agents_ready":1,"slots":4,"slots_busy":0,"agents":["a","b"]}],"revision":1})",
          {.kind = view_kind::models})
          .data,
      "NAME  READY  BUSY  AGENTS\n"
      "demo    1/2   0/4  a,b\n");
}

TEST(render_list, of_slots) {
  EXPECT_EQ(rendered(R"({"items":[{"id":"local/0","agent":"local","model":"demo","status":"busy","request":"req_1"},
                                  {"id":"local/1","agent":"local","model":"demo","status":"idle"}],"revision":1})",
                     {.kind = view_kind::slots})
                .data,
            "NAME     STATUS  MODEL  REQUEST\n"
            "local/0  busy    demo   req_1\n"
            "local/1  idle    demo   -\n");
}

constexpr auto requests =
    R"({"items":[{"id":"req_01957d2e-6f2c-7c4e-9b1a-0123456789ab","model":"demo","endpoint":"/v1/chat/completions",
  "status":"failed","failure":"agent_lost","agent":"local","priority":"bulk","attempts":2,"resumes":1,"queue_milliseconds":1500,"created_at":"2026-03-01T11:58:00Z",
  "completed_at":"2026-03-01T11:58:10Z"}],"revision":1})";

TEST(render_list, of_requests_fits_a_terminal) {
  EXPECT_EQ(rendered(requests, {.kind = view_kind::requests}).data,
            "NAME                                      STATUS  MODEL  REASON      AGE\n"
            "req_01957d2e-6f2c-7c4e-9b1a-0123456789ab  failed  demo   agent_lost   2m\n");
  EXPECT_THAT(rendered(requests, {.kind = view_kind::requests, .output = output_format::wide}).data,
              HasSubstr("local  /v1/chat/completions  bulk             2        1  1s500ms   10s  agent_lost   2m\n"));
}

TEST(list_target, asks_for_the_requests_that_are_wanted) {
  EXPECT_EQ(list_target({.kind = view_kind::requests}), "/management/v1/requests");
  EXPECT_EQ(list_target({.kind = view_kind::requests,
                         .requests = {.failed = true, .model = "a/b", .agent = "a1", .limit = 20}}),
            "/management/v1/requests?state=failed&model=a%2Fb&agent=a1&limit=20");
}

constexpr auto reconciliations =
    R"({"items":[{"id":"local/7/1","agent":"local","by_balancer":false,"number":1,"action":"load","model":"demo","goal":4,
  "difference":"no engine runs","outcome":"done","observation":"a served probe","started_at":"2026-03-01T11:58:00Z",
  "ended_at":"2026-03-01T11:58:10Z"},{"id":"local/balancer/2","agent":"local","by_balancer":true,"number":2,"action":"deliver",
  "model":"demo","goal":5,"difference":"it holds version 4","outcome":"open","observation":"","started_at":"2026-03-01T11:59:58Z"}],
  "revision":5})";

TEST(render_list, of_reconciliations) {
  EXPECT_EQ(rendered(reconciliations, {.kind = view_kind::reconciliations}).data,
            "AGENT  ACTION   MODEL  GOAL  OUTCOME  TOOK  AGE\n"
            "local  load     demo      4  done      10s   2m\n"
            "local  deliver  demo      5  open        -   2s\n");
  EXPECT_THAT(rendered(reconciliations, {.kind = view_kind::reconciliations, .output = output_format::wide}).data,
              HasSubstr("no_engine_runs      a_served_probe  "));
  EXPECT_EQ(rendered(reconciliations, {.kind = view_kind::reconciliations, .output = output_format::name}).data,
            "reconciliations/local/7/1\nreconciliations/local/balancer/2\n");
}

TEST(render_list, as_names_and_documents) {
  EXPECT_EQ(rendered(agents, {.kind = view_kind::agents, .output = output_format::name}).data,
            "agents/gpu-1\nagents/local\n");
  auto const json = rendered(agents, {.kind = view_kind::agents, .output = output_format::json}).data;
  EXPECT_EQ(print_json(parse_json(json).value()), print_json(parse_json(agents).value()));
  EXPECT_THAT(rendered(agents, {.kind = view_kind::agents, .name = "local", .output = output_format::yaml}).data,
              HasSubstr("id: local\nconnected: false\n"));
}

TEST(render_list, of_policies) {
  constexpr auto policies = R"({"items":[
    {"name":"routing.strategy","value":"session","decided_by":{"kind":"file","name":"/c.yaml"},"since":4},
    {"name":"queue.max_requests","value":1024},{"name":"limits.requests_per_minute"}],
    "revision":5,"version":4,"settings":{}})";
  EXPECT_EQ(rendered(policies, {.kind = view_kind::policies}).data,
            "NAME                        VALUE      DECIDED-BY    SINCE\n"
            "routing.strategy            \"session\"  file:/c.yaml      4\n"
            "queue.max_requests          1024       default           -\n"
            "limits.requests_per_minute  unlimited  default           -\n");
  EXPECT_EQ(
      rendered(policies, {.kind = view_kind::policies, .name = "queue.max_requests", .output = output_format::name})
          .data,
      "policies/queue.max_requests\n");
}

TEST(render_list, of_nothing_says_what_to_do) {
  for (auto const kind :
       {view_kind::agents, view_kind::models, view_kind::slots, view_kind::requests, view_kind::reconciliations}) {
    auto const out = rendered(R"({"items":[],"revision":0})", {.kind = kind});
    EXPECT_EQ(out.data, "");
    EXPECT_THAT(out.notes, HasSubstr("paddler ")) << static_cast<int>(kind);
  }
}

TEST(render_list, does_not_find_what_is_not_there) {
  auto const out = render_list({.kind = view_kind::agents, .name = "gpu-9"},
                               parse_list({.status = 200, .body = agents}).value(), now, 80);
  EXPECT_EQ(out.error().code, error_code::not_found);
  EXPECT_EQ(out.error().message, "there is no agent \"gpu-9\"");
  EXPECT_THAT(out.error().hint, HasSubstr("paddler get agents"));
}

TEST(render_list, passes_over_what_a_newer_server_adds) {
  EXPECT_THAT(
      rendered(
          R"({"items":[{"id":"local/0","agent":"local","model":"demo","status":"idle","heat":7}],"revision":1,"more":2})",
          {.kind = view_kind::slots})
          .data,
      HasSubstr("local/0"));
}

task<> serve_management(http_exchange& exchange) {
  auto const path = std::string(exchange.head().path);
  if (path == "/management/v1/agents") {
    co_await exchange.respond(200, {{"Content-Type", "application/json"}}, agents);
  } else if (path == "/management/v1/desired") {
    bool const yaml = exchange.head().has_token("Accept", "application/yaml");
    std::string const body = yaml ? "agents: []\n" : R"({"agents":[]})";
    co_await exchange.respond(
        200, {{"Content-Type", yaml ? "application/yaml" : "application/json"}, {"ETag", "\"7\""}}, body);
  } else {
    co_await exchange.respond_error(404, "no such thing");
  }
}

TEST(run_get, asks_a_server) {
  test_server const server(serve_management);
  test_console console;
  EXPECT_EQ(run_get({.management = server.address(), .kind = view_kind::agents}, console.terminal), exit_code::success);
  EXPECT_THAT(console.said(), HasSubstr("gpu-1  ready"));
  EXPECT_THAT(console.noted(), HasSubstr("local: the model file"));
}

TEST(run_get, prints_desired_state_as_it_comes) {
  test_server const server(serve_management);
  test_console yaml;
  EXPECT_EQ(run_get({.management = server.address(), .kind = view_kind::desired}, yaml.terminal), exit_code::success);
  EXPECT_EQ(yaml.said(), "agents: []\n");
  EXPECT_EQ(yaml.noted(), "");
  test_console json;
  EXPECT_EQ(run_get({.management = server.address(), .kind = view_kind::desired, .output = output_format::json},
                    json.terminal),
            exit_code::success);
  EXPECT_EQ(json.said(), "{\"agents\":[]}\n");
}

TEST(run_get, tells_by_its_exit_code_what_went_wrong) {
  test_server const server(serve_management);
  test_console missing;
  EXPECT_EQ(run_get({.management = server.address(), .kind = view_kind::agents, .name = "x"}, missing.terminal),
            exit_code::not_found);
  EXPECT_EQ(missing.said(), "");
  EXPECT_THAT(missing.noted(), HasSubstr("paddler: there is no agent \"x\""));
  test_console refused;
  EXPECT_EQ(run_get({.management = server.address(), .kind = view_kind::models}, refused.terminal),
            exit_code::not_found);
  EXPECT_THAT(refused.noted(), HasSubstr("no such thing"));
}

TEST(run_get, says_how_to_start_a_server_that_is_not_there) {
  test_console console;
  auto const address = deserted_address();
  EXPECT_EQ(run_get({.management = address, .kind = view_kind::agents}, console.terminal), exit_code::unreachable);
  EXPECT_THAT(console.noted(),
              testing::AllOf(HasSubstr("no balancer answers at " + to_string(address)), HasSubstr("paddler up"),
                             HasSubstr("--management"), HasSubstr("PADDLER_MANAGEMENT")));
}

} // namespace
} // namespace paddler
