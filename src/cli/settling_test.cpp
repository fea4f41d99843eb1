#include "cli/canned_api_test.hpp"
#include "cli/settling.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

agent_view ready() {
  agent_view out;
  out.id = {"a1"};
  out.connected = true;
  out.status = engine_status::ready;
  out.wanted = out.applied = {4};
  out.serving = out.wanted;
  return out;
}

TEST(IsSettled, WhereWhatIsWantedIsHeldAndServed) {
  EXPECT_TRUE(is_settled(ready()));
  auto idle = ready();
  idle.status = engine_status::none;
  idle.serving.reset();
  EXPECT_TRUE(is_settled(idle));
  auto gone = ready();
  gone.connected = false;
  EXPECT_FALSE(is_settled(gone));
  auto late = ready();
  late.applied = {3};
  EXPECT_FALSE(is_settled(late));
  auto old = ready();
  old.serving = generation{3};
  EXPECT_FALSE(is_settled(old));
  auto loading = ready();
  loading.status = engine_status::loading;
  EXPECT_FALSE(is_settled(loading));
}

TEST(ProgressOf, SaysWhatIsMissing) {
  auto view = ready();
  view.applied = {3};
  view.reason = "refused version 4";
  EXPECT_EQ(progress_of(view), "does not hold version 4 yet: refused version 4");
  view = ready();
  view.serving = generation{3};
  EXPECT_EQ(progress_of(view), "holds version 4, still serves version 3");
  view.status = engine_status::loading;
  EXPECT_EQ(progress_of(view), "holds version 4, loading");
  view.connected = false;
  EXPECT_EQ(progress_of(view), "not connected");
}

constexpr auto wanted =
    R"({"items":[{"agent":"a1","state":{"version":4,"model":{"name":"m"}}},{"agent":"a2","state":{"version":4}}]})";

std::string agents(char const* status, int serving) {
  return R"({"items":[{"id":"a1","connected":true,"status":")" + std::string(status) +
         R"(","model":"m","wanted":4,"applied":4,"serving":)" + std::to_string(serving) + "}]}";
}

TEST(WaitUntilSettled, SaysHowFarItIsUntilAllServe) {
  canned_api api(
      {{"GET /applicable", {{200, wanted}}},
       {"GET /agents", {{200, agents("loading", 0)}, {200, agents("loading", 0)}, {200, agents("ready", 4)}}}});
  test_console console;
  // a2 is not there, and nothing is wanted of it.
  EXPECT_EQ(wait_until_settled(api.address(), {{"a1"}, {"a2"}}, 30s, console.terminal), exit_code::success);
  EXPECT_THAT(console.noted(), HasSubstr("agents/a1: holds version 4, loading (0s)\n"));
  EXPECT_THAT(console.noted(), HasSubstr("agents/a1: serves m ("));
  EXPECT_EQ(console.said(), "");
}

TEST(WaitUntilSettled, TimesOutWithWhatIsMissing) {
  canned_api api({{"GET /applicable", {{200, wanted}}}, {"GET /agents", {{200, agents("ready", 3)}}}});
  test_console console;
  EXPECT_EQ(wait_until_settled(api.address(), {{"a1"}}, 2s, console.terminal), exit_code::timed_out);
  EXPECT_THAT(console.noted(), HasSubstr("agents/a1: holds version 4, still serves version 3\npaddler: not every agent "
                                         "serves it after 2s"));
}

std::string refusing(char const* others) {
  return R"({"items":[{"id":"a1","connected":true,"status":"none","wanted":4,"applied":3,"refused":true,)"
         R"("reason":"refused version 4: model is no file"},{"id":"a2","connected":true,"status":")" +
         std::string(others) + R"(","model":"m","wanted":4,"applied":4,"serving":4}]})";
}

TEST(WaitUntilSettled, EndsOnceThoseThatAreLeftRefuse) {
  canned_api api({{"GET /applicable", {{200, wanted}}},
                  {"GET /agents", {{200, refusing("loading")}, {200, refusing("loading")}, {200, refusing("ready")}}}});
  test_console console;
  EXPECT_EQ(wait_until_settled(api.address(), {{"a1"}, {"a2"}}, 30s, console.terminal), exit_code::invalid);
  EXPECT_THAT(console.noted(), HasSubstr("agents/a2: serves m ("));
  EXPECT_THAT(console.noted(),
              HasSubstr("paddler: agents/a1 cannot run it: does not hold version 4 yet: refused version 4: model is no "
                        "file"));
  EXPECT_THAT(console.noted(), HasSubstr("paddler rollback"));
}

TEST(WaitUntilSettled, EndsWhereTheBalancerCannotBeAsked) {
  test_console console;
  EXPECT_EQ(wait_until_settled(deserted_address(), {{"a1"}}, 30s, console.terminal), exit_code::unreachable);
}

} // namespace
} // namespace paddler
