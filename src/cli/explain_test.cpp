#include "cli/canned_api_test.hpp"
#include "cli/explain.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

constexpr auto fields =
    R"({"items":[{"path":"agents/a1.slots","owner":{"source":{"kind":"api","name":""},"value":4,"since":7},
        "others":[{"source":{"kind":"file","name":"/etc/c.yaml"},"value":8,"since":3}]},
        {"path":"models/m.parameters.temperature","owner":{"source":{"kind":"api","name":""},"value":0.5,"since":7},"others":[]}],
        "revision":7})";

TEST(RunExplain, ShowsWhoDecidesAndWhoLost) {
  canned_api api({{"GET /explain", {{200, fields}}}});
  test_console console;
  EXPECT_EQ(run_explain({.management = api.address()}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "PATH                             VALUE  OWNER  SINCE  OTHERS\n"
                            "agents/a1.slots                  4      api        7  file:/etc/c.yaml=8\n"
                            "models/m.parameters.temperature  0.5    api        7  -\n");
  test_console json;
  EXPECT_EQ(run_explain({.management = api.address(), .path = "agents/a1.slots", .output = output_format::json},
                        json.terminal),
            exit_code::success);
  EXPECT_THAT(json.said(), HasSubstr("\"since\": 7"));
  EXPECT_EQ(api.asked().back(), "GET /explain?path=agents%2Fa1.slots");
}

TEST(RunExplain, SuggestsTheNearestPath) {
  canned_api api({{"GET /explain?path=agents%2Fa1.slot", {canned_api::problem(404, "no source sets it")}},
                  {"GET /explain", {{200, fields}}}});
  test_console console;
  EXPECT_EQ(run_explain({.management = api.address(), .path = "agents/a1.slot"}, console.terminal),
            exit_code::not_found);
  EXPECT_THAT(console.noted(), HasSubstr("Did you mean \"agents/a1.slots\"?"));
}

TEST(NearestPath, KnowsWhatFieldsStandIn) {
  std::vector<field_provenance> const known{{"models/chat.parameters.temperature", {}, {}}};
  EXPECT_EQ(nearest_path("models/chat.paramters", known), "models/chat.parameters");
  EXPECT_EQ(nearest_path("models/caht", known), "models/chat");
  EXPECT_EQ(nearest_path("something/else", known), "");
}

} // namespace
} // namespace paddler
