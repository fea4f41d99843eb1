#include "cli/canned_api_test.hpp"
#include "cli/describe.hpp"
#include "cli/describe_policy.hpp"
#include "core/state/field_map.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

TEST(MeaningOfPolicy, ThereIsOneForEach) {
  for (auto const& path : policy_paths())
    EXPECT_NE(meaning_of_policy(path.substr(policies_path.size() + 1)), "") << path;
  EXPECT_EQ(meaning_of_policy("queue"), "");
}

std::vector<policy_view> const policies{
    {"queue.max_requests", field_value{std::int64_t{7}}, source_id{source_kind::api, ""}, revision{4}},
    {"queue.timeout_seconds", field_value{60.0}, {}, {}},
    {"limits.concurrent_requests", {}, {}, {}},
};

std::vector<field_provenance> const fields{
    {"policies/queue.max_requests",
     field_claim{{source_kind::api, ""}, field_value{std::int64_t{7}}, {4}},
     {field_claim{{source_kind::file, "/c"}, field_value{std::int64_t{9}}, {2}}}},
};

TEST(TextOfPolicies, SaysWhatEachOfAGroupMeansAndWhoWantedWhat) {
  test_console console;
  EXPECT_EQ(text_of_policies("queue", policies, fields, console.terminal),
            "policy queue\n"
            "  queue.max_requests: 7\n"
            "    How many requests may wait for a slot; more are refused with 503. 0: none waits.\n"
            "    api decides it, since revision 4\n"
            "    file /c says 9, since revision 2\n"
            "  queue.timeout_seconds: 60\n"
            "    How long a request may wait for a slot; those that wait already keep their time.\n"
            "    nobody sets it\n");
}

TEST(TextOfPolicies, WhatIsNotLimitedSaysSo) {
  test_console console;
  EXPECT_THAT(text_of_policies("limits.concurrent_requests", policies, fields, console.terminal),
              HasSubstr("limits.concurrent_requests: no limit\n"));
  EXPECT_EQ(text_of_policies("limit", policies, fields, console.terminal), "") << "a part of a word is none";
}

TEST(RunDescribe, OfAPolicyReadsRowsAndWhatSourcesSay) {
  canned_api api({{"GET /policies", {{200, R"({"items":[{"name":"queue.max_requests","value":7,
                     "decided_by":{"kind":"api","name":""},"since":4}],"revision":4,"version":4})"}}},
                  {"GET /explain", {{200, R"({"items":[],"revision":4})"}}}});
  test_console console;
  describe_command wanted{.management = api.address(), .kind = view_kind::policies, .name = "queue.max_requests"};
  EXPECT_EQ(run_describe(wanted, console.terminal), exit_code::success);
  EXPECT_THAT(console.said(), HasSubstr("queue.max_requests: 7\n"));
  wanted.name = "queue.max";
  EXPECT_EQ(run_describe(wanted, console.terminal), exit_code::not_found);
}

} // namespace
} // namespace paddler
