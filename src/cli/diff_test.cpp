#include "cli/canned_api_test.hpp"
#include "cli/diff.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto plan =
    R"({"at":41,"changed":true,"said":[],"changes":[{"path":"agents/a1.slots","before":4,"after":8},
        {"path":"models/m","after":true}],"more_changes":0,"losses":[],"agents":[],"more_agents":0,"warnings":["mind the gap"]})";

struct outcome {
  exit_code code;
  std::string said;
  std::string noted;
};

outcome diff(canned_api& api, diff_command wanted, std::string document = {}) {
  test_console console(std::move(document));
  wanted.management = api.address();
  auto const code = run_diff(wanted, console.terminal);
  return {code, console.said(), console.noted()};
}

TEST(RunDiff, OfADocumentShowsWhatItWouldChangeInEffect) {
  canned_api api({{"POST /plan", {{200, plan}}}});
  auto const found = diff(api, {.file = "-"}, "agents: []\n");
  EXPECT_EQ(found.code, exit_code::different);
  EXPECT_EQ(found.said, "- agents/a1.slots: 4\n+ agents/a1.slots: 8\n+ models/m\n");
  EXPECT_THAT(found.noted, HasSubstr("warning: mind the gap"));
  EXPECT_THAT(api.asked(), ElementsAre("POST /plan agents: []\n"));
}

TEST(RunDiff, OfADocumentKeepsToAPath) {
  canned_api api({{"POST /plan", {{200, plan}}}});
  EXPECT_EQ(diff(api, {.file = "-", .path = "models"}, "x").said, "+ models/m\n");
  auto const none = diff(api, {.file = "-", .path = "agents/a2"}, "x");
  EXPECT_EQ(none.code, exit_code::success);
  EXPECT_EQ(none.said, "");
}

TEST(RunDiff, OfADocumentAsADocument) {
  canned_api api({{"POST /plan", {{200, plan}}}});
  EXPECT_THAT(
      diff(api, {.file = "-", .output = output_format::yaml}, "x").said,
      HasSubstr("from: desired@41\nto: \"-\"\nitems:\n  - path: agents/a1.slots\n    before: 4\n    after: 8\n"));
}

TEST(RunDiff, OfADocumentThatIsRefusedIsTrouble) {
  canned_api api({{"POST /plan", {canned_api::problem(422, "wrong", {{"agents[0].slots", "is 0", "give 1", 3}})}}});
  auto const refused = diff(api, {.file = "-"}, "agents: [{slots: 0}]\n");
  EXPECT_EQ(refused.code, exit_code::trouble);
  EXPECT_EQ(refused.said, "");
  EXPECT_THAT(refused.noted, HasSubstr("standard input:3: agents[0].slots: is 0 (give 1)\n"));
  EXPECT_EQ(diff(api, {.file = "/no/such/file"}).code, exit_code::trouble);
}

TEST(RunDiff, OfTwoInstants) {
  canned_api api(
      {{"GET /diff",
        {{200,
          R"({"from":"desired@40","to":"desired@41","items":[{"path":"agents/a1.slots","before":4}],"revision":41})"},
         {200, R"({"from":"desired","to":"current","items":[],"revision":41})"}}}});
  auto const found = diff(api, {.from = "desired@40", .to = "desired@41", .path = "agents/a1"});
  EXPECT_EQ(found.code, exit_code::different);
  EXPECT_EQ(found.said, "- agents/a1.slots: 4\n");
  auto const none = diff(api, {.from = "desired", .to = "current"});
  EXPECT_EQ(none.code, exit_code::success);
  EXPECT_EQ(none.said, "");
  EXPECT_THAT(api.asked(), ElementsAre("GET /diff?from=desired%4040&to=desired%4041&path=agents%2Fa1",
                                       "GET /diff?from=desired&to=current"));
}

TEST(RunDiff, EveryErrorIsTrouble) {
  canned_api api({{"GET /diff", {canned_api::problem(410, "folded away")}}});
  auto const gone = diff(api, {.from = "desired@1"});
  EXPECT_EQ(gone.code, exit_code::trouble);
  EXPECT_THAT(gone.noted, HasSubstr("paddler: folded away"));
  test_console console;
  EXPECT_EQ(run_diff({.management = deserted_address(), .from = "desired@1"}, console.terminal), exit_code::trouble);
}

} // namespace
} // namespace paddler
