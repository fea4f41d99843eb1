#include "cli/canned_api_test.hpp"
#include "cli/why.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

request_page page() {
  request_page out;
  out.request.id = {"r1"};
  route_view route{
      .attempt = 2, .agent = {"gpu-1"}, .strategy = "prefix", .reason = "prefix", .policies = 12, .prompt_blocks = 9};
  route_candidate_view chosen{.agent = {"gpu-1"}, .chosen = true, .slots = 4, .slots_busy = 1};
  chosen.cached_blocks = 8;
  chosen.prefill_microseconds = 64'000;
  chosen.load_microseconds = 250'000;
  chosen.pace_microseconds = 25'000;
  route_candidate_view lost{.agent = {"gpu-2"}, .slots = 4};
  lost.left_out = "the request was lost there, and there are others";
  route_candidate_view busy{.agent = {"gpu-3"}, .slots = 4, .slots_busy = 3, .saturated = true};
  busy.prefill_microseconds = 576'000;
  busy.load_microseconds = 750'000;
  route.candidates = {chosen, lost, busy};
  route.others = 1;
  route.others_open = 2;
  route.others_drained = 1;
  out.routes = {route};
  return out;
}

TEST(TextOfRoutes, SaysWhatEachWasWorthAndWhatLeftItOut) {
  test_console console;
  EXPECT_EQ(text_of_routes(page(), console.terminal),
            "request r1\n"
            "\n"
            "Attempt 2 went to gpu-1: it has read most of the prompt that counts (prefix, policies of revision 12)\n"
            "  AGENT  BUSY  READ  PREFILL   LOAD  TOKEN  AWAY  PACE     COST  NOTE\n"
            "  gpu-1   1/4   8/9     64ms  250ms     0s    0s  25ms    339ms  chosen\n"
            "  gpu-2   0/4   0/9       0s     0s     0s    0s    0s        -  out\n"
            "  gpu-3   3/4   0/9    576ms  750ms     0s    0s    0s  1s326ms  saturated\n"
            "  gpu-2 is out: the request was lost there, and there are others\n"
            "  gpu-3 is so much busier than others that what it has read did not count\n"
            "  2 engines left out, breaker open: too much failed there\n"
            "  1 engine left out, drained: to get nothing new\n"
            "  1 engine more: busier, or without an idle slot\n");
}

TEST(TextOfRoutes, SaysThatTheLastOneWasKept) {
  test_console console;
  auto kept = page();
  kept.routes[0].reason = "kept";
  EXPECT_THAT(text_of_routes(kept, console.terminal), testing::HasSubstr("every engine fails too often"));
}

TEST(TextOfRoutes, SaysWhereNobodySetPolicies) {
  test_console console;
  auto unset = page();
  unset.routes.front().policies = 0;
  EXPECT_THAT(text_of_routes(unset, console.terminal), testing::HasSubstr("counts (prefix, by default policies)\n"));
}

TEST(TextOfRoutes, OneThatWentNowhereSaysSo) {
  test_console console;
  auto nowhere = page();
  nowhere.routes.clear();
  EXPECT_THAT(text_of_routes(nowhere, console.terminal), testing::HasSubstr("it went nowhere"));
}

} // namespace
} // namespace paddler
