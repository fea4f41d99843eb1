#include "cli/canned_api_test.hpp"
#include "cli/describe_request.hpp"
#include "wire/rfc3339.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

wall_time const now = parse_rfc3339("2026-03-01T12:00:00Z").value();
wall_time const arrival = now - 90s;

request_page page() {
  request_page out;
  out.request.id = {"r1"};
  out.request.model = "chat";
  out.request.endpoint = "/v1/chat/completions";
  out.request.status = request_state::failed;
  out.request.failure = request_failure::agent_lost;
  out.request.not_resumed = resume_refusal::no_equal_engine;
  out.request.agent = agent_id{"a2"};
  out.request.priority = "default";
  out.request.attempts = 2;
  out.request.resumes = 1;
  out.request.queue_milliseconds = 1500;
  out.request.created_at = arrival;
  out.request.completed_at = arrival + 40s;
  out.why_not_resumed = "no other engine would have made the same answer";
  out.steps = {{arrival, request_state::queued, 0},
               {arrival + 7us, request_state::routed, 1},
               {arrival + 510ms, request_state::queued, 1},
               {arrival + 1510ms, request_state::routed, 2},
               {arrival + 1511ms, request_state::processing, 2},
               {arrival + 3s, request_state::streaming, 2},
               {arrival + 10s, request_state::resuming, 2},
               {arrival + 40s, request_state::failed, 2}};
  out.attempts = {{1, {"a1"}, {3}, attempt_outcome::refused}, {2, {"a2"}, {4}, attempt_outcome::lost_late}};
  return out;
}

TEST(TextOfRequestPage, TellsItsWholeWay) {
  test_console console;
  EXPECT_EQ(
      text_of(page(), now, console.terminal),
      "request r1\n"
      "  status      failed (agent_lost): after 40s: the agent or its engine was lost while it answered; what came "
      "so far is not the whole answer; send the request again\n"
      "  not resumed no other engine would have made the same answer\n"
      "  resumes     its stream lost its engine 1 time\n"
      "  model       chat\n"
      "  endpoint    /v1/chat/completions\n"
      "  priority    default\n"
      "  arrived     2026-03-01T11:58:30Z, 1m30s ago\n"
      "  waited      1s500ms for slots\n"
      "\n"
      "Its way\n"
      "    AFTER  STATE       ATTEMPT\n"
      "       0s  queued            -\n"
      "     <1ms  routed            1\n"
      "    510ms  queued            1\n"
      "  1s510ms  routed            2\n"
      "  1s511ms  processing        2\n"
      "       3s  streaming         2\n"
      "      10s  resuming          2\n"
      "      40s  failed            2\n"
      "\n"
      "Its attempts\n"
      "  1 on a1, version 3: refused: the engine ran another version by then, and nothing was done\n"
      "  2 on a2, version 4: the engine was lost in the midst of its answer\n");
}

TEST(TextOfRequestPage, SaysWhatIsNotKeptOfALongWay) {
  test_console console;
  auto one = page();
  one.request.attempts = 20;
  one.steps.resize(max_request_steps, one.steps.back());
  auto const text = text_of(one, now, console.terminal);
  EXPECT_THAT(text, HasSubstr("(of a longer way the first 8 steps and the newest are kept)"));
  EXPECT_THAT(text, HasSubstr("Its attempts, the newest of 20\n"));
}

// How it stands after its first `steps` steps.
std::string standing(std::size_t steps, std::optional<agent_id> const& agent = agent_id{"a2"}) {
  auto one = page();
  one.steps.resize(steps);
  one.request.status = one.steps.back().state;
  one.request.failure.reset();
  one.request.completed_at.reset();
  one.request.agent = agent;
  one.attempts.back().outcome.reset();
  return standing_of(one, now);
}

TEST(StandingOf, IsASentenceForEachState) {
  EXPECT_EQ(standing(1, {}), "it waits for a slot, since 1m30s");
  EXPECT_EQ(standing(4), "it is being sent to a2, since 1m28s");
  EXPECT_EQ(standing(5), "a2 has it and has not begun to answer, since 1m28s");
  EXPECT_EQ(standing(6), "a2 answers it, since 1m27s");
  EXPECT_EQ(standing(7), "its engine was lost, and it waits for one that makes the same answer, since 1m20s");
  auto one = page();
  one.request.status = request_state::resuming;
  one.steps.pop_back();
  one.attempts.push_back({3, {"a3"}, {4}, {}});
  one.request.agent = agent_id{"a3"};
  EXPECT_EQ(standing_of(one, now), "a3 was asked to go on with its answer, since 1m20s");
  one.request.status = request_state::completed;
  EXPECT_EQ(standing_of(one, now), "it was answered whole, within 40s");
  one.request.status = request_state::failed;
  one.request.failure = request_failure::no_model;
  EXPECT_EQ(standing_of(one, now), "after 40s: there was no model `chat`");
}

TEST(TextOfRequestPage, AnAttemptWithoutAnEndIsUnderWayOrWasCutOff) {
  test_console console;
  auto one = page();
  one.attempts.back().outcome.reset();
  one.request.failure = request_failure::client_gone;
  EXPECT_THAT(text_of(one, now, console.terminal), HasSubstr("2 on a2, version 4: cut off\n"));
  one.request.status = request_state::streaming;
  EXPECT_THAT(text_of(one, now, console.terminal), HasSubstr("2 on a2, version 4: under way\n"));
}

TEST(RunDescribe, AsksForARequestByItsIdHoweverItIsSpelt) {
  canned_api api({{"GET /requests/a%2Fb%3F",
                   {{200, R"({"request":{"id":"a/b?","model":"chat","endpoint":"/v1/completions","status":"queued",
     "priority":"bulk","attempts":0,"resumes":0,"queue_milliseconds":0,"created_at":"2026-03-01T11:58:30Z"},
     "steps":[{"at":"2026-03-01T11:58:30Z","state":"queued","attempt":0}],"attempts":[]})"}}}});
  test_console console;
  EXPECT_EQ(
      describe_request({.management = api.address(), .kind = view_kind::requests, .name = "a/b?"}, console.terminal),
      exit_code::success);
  EXPECT_THAT(console.said(), HasSubstr("request a/b?\n  status      queued: it waits for a slot, since "));
}

} // namespace
} // namespace paddler
