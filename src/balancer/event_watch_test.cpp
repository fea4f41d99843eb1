#include "balancer/event_watch.hpp"
#include "core/core_testing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace paddler {
namespace {

class EventWatchTest : public ::testing::Test {
protected:
  balancer_core core{{}, epoch{3}};
  instant now{mono_time(std::chrono::seconds(100)), wall_time(std::chrono::seconds(1'000))};

  void greet(std::string agent, std::uint64_t link) {
    link_hello hello;
    hello.agent = {std::move(agent)};
    hello.process = {link};
    core.apply(link_greeted{{link}, std::move(hello)}, now);
  }

  void submit(int slots) {
    desired_change change;
    agent_spec agent;
    agent.id = {"a"};
    agent.slots = slots;
    change.document.agents.push_back(agent);
    apply_durably(core, desired_submitted{{1}, std::move(change)}, now);
  }

  event_watch watch(watch_request const& wanted) {
    auto out = event_watch::start(wanted, core);
    if (!out) throw std::runtime_error(describe(out.error()));
    return *out;
  }

  std::string told(event_watch& watcher, std::size_t limit = 100) {
    std::string out;
    for (auto const& message : watcher.next(core, limit)) out += message.id + " " + message.type + ";";
    return out;
  }

  std::string refusal(watch_request const& wanted) {
    auto const out = event_watch::start(wanted, core);
    return out ? "" : describe(out.error());
  }
};

TEST_F(EventWatchTest, begins_with_a_snapshot_and_goes_on_with_events) {
  greet("a", 1);
  auto watcher = watch({});
  auto const first = watcher.next(core, 100);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].type, "snapshot");
  EXPECT_EQ(first[0].id, "3-2");
  EXPECT_NE(first[0].json.find(R"("agents":[{"id":"a","connected":true)"), std::string::npos) << first[0].json;
  EXPECT_EQ(told(watcher), "");
  submit(1);
  auto const next = watcher.next(core, 100);
  ASSERT_FALSE(next.empty());
  EXPECT_EQ(next[0].type, "config.changed");
  EXPECT_NE(next[0].json.find(R"("id":"3-3","type":"config.changed","revision":1,"time":")"), std::string::npos)
      << next[0].json;
  EXPECT_NE(next[0].json.find("agents/a.slots"), std::string::npos) << next[0].json;
}

TEST_F(EventWatchTest, goes_on_behind_the_last_event_that_was_seen) {
  greet("a", 1);
  greet("b", 2);
  auto watcher = watch({.last_event_id = "3-2", .from = "77", .kinds = ""}); // a client dials its first address again
  EXPECT_EQ(told(watcher), "3-3 agent.joined;3-4 health.changed;");
  auto again = watch({.last_event_id = "3-4", .from = "", .kinds = ""});
  EXPECT_EQ(told(again), "");
}

TEST_F(EventWatchTest, an_id_of_another_epoch_or_of_the_future_begins_with_a_snapshot) {
  greet("a", 1);
  for (std::string const id : {"2-1", "3-99"}) {
    auto watcher = watch({.last_event_id = id, .from = "", .kinds = ""});
    EXPECT_EQ(told(watcher), "3-2 snapshot;") << id;
  }
}

TEST_F(EventWatchTest, goes_on_behind_a_revision) {
  submit(1);
  submit(2);
  greet("a", 1);
  auto watcher = watch({.last_event_id = "", .from = "2", .kinds = ""});
  EXPECT_EQ(told(watcher, 1), "3-3 agent.joined;");
  auto all = watch({.last_event_id = "", .from = "0", .kinds = ""});
  EXPECT_EQ(told(all, 2), "3-1 config.changed;3-2 config.changed;");
}

TEST_F(EventWatchTest, one_that_is_slower_than_the_feed_is_given_the_state_instead) {
  greet("a", 1);
  auto watcher = watch({.last_event_id = "3-0", .from = "", .kinds = ""});
  for (std::size_t i = 0; i < max_kept_events; ++i) submit(1 + static_cast<int>(i % 2));
  ASSERT_GT(core.events().newest(), max_kept_events);
  EXPECT_EQ(told(watcher), "3-" + std::to_string(core.events().newest()) + " snapshot;");
  EXPECT_EQ(told(watcher), "");
}

TEST_F(EventWatchTest, tells_the_kinds_that_are_asked_for) {
  auto watcher = watch({.last_event_id = "", .from = "0", .kinds = "health,config"});
  greet("a", 1);
  submit(1);
  EXPECT_EQ(told(watcher, 1), "3-2 health.changed;"); // over one that is left out
  EXPECT_EQ(told(watcher), "3-3 config.changed;");
  EXPECT_EQ(told(watcher), "");
}

TEST_F(EventWatchTest, says_what_makes_no_sense) {
  EXPECT_NE(refusal({.last_event_id = "", .from = "1", .kinds = ""}).find("has not been yet"), std::string::npos);
  EXPECT_NE(refusal({.last_event_id = "", .from = "x", .kinds = ""}).find("no revision"), std::string::npos);
  EXPECT_NE(refusal({.last_event_id = "", .from = "", .kinds = "agent,,"}).find("kind of events ''"),
            std::string::npos);
  EXPECT_NE(refusal({.last_event_id = "", .from = "", .kinds = "agents"}).find("'agents'"), std::string::npos);
  for (std::string const id : {"17", "3-", "-3", "3-x", "3-1 "})
    EXPECT_NE(refusal({.last_event_id = id, .from = "", .kinds = ""}).find("no id of an event"), std::string::npos)
        << id;
}

} // namespace
} // namespace paddler
