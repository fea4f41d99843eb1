#include "core/core_testing.hpp"
#include "core/events/event_feed.hpp"

#include <gtest/gtest.h>

#include <string>

namespace paddler {
namespace {

using std::chrono::seconds;

// The types of the events behind `number`, with what they are of.
std::string told(event_feed const& feed, std::uint64_t number) {
  auto const events = feed.after(number, 1'000);
  if (!events) return "too late";
  std::string out;
  for (auto const& event : *events) {
    out += std::string(type_of(event)) + "@" + std::to_string(event.at.value);
    if (auto const* health = std::get_if<health_changed>(&event.what))
      out += "(" + std::to_string(static_cast<int>(health->status)) + " " + health->reason + ")";
    out += ";";
  }
  return out;
}

class EventFeedTest : public ::testing::Test {
protected:
  balancer_core core{{}, epoch{1}};
  instant now{mono_time(seconds(100)), wall_time(seconds(1'000))};
  std::uint64_t seen = 0;
  std::uint64_t commands = 0;

  // What one event publishes.
  std::string does(balancer_event const& event) {
    apply_durably(core, event, now);
    auto out = told(core.events(), seen);
    seen = core.events().newest();
    return out;
  }

  std::string submits(desired_document document, source_kind kind = source_kind::api) {
    desired_change change;
    change.source = {kind, kind == source_kind::api ? "" : "f"};
    change.document = std::move(document);
    return does(desired_submitted{{++commands}, std::move(change)});
  }

  static desired_document wants(int slots) {
    desired_document out;
    agent_spec agent;
    agent.id = {"a"};
    agent.slots = slots;
    agent.desired_model.emplace();
    agent.desired_model->source = model_source::local;
    agent.desired_model->path = "/models/m.gguf";
    out.agents.push_back(agent);
    return out;
  }

  std::string greets(std::uint64_t process, std::uint64_t link) {
    link_hello hello;
    hello.agent = {"a"};
    hello.process = {process};
    return does(link_greeted{{link}, std::move(hello)});
  }

  std::string reports(std::uint64_t sequence, engine_status status, std::string reason = {}, std::string model = "m") {
    link_report report;
    report.report.sequence = sequence;
    report.report.engine.status = status;
    report.report.engine.model = std::move(model);
    report.report.engine.reason = std::move(reason);
    return does(link_spoke{{1}, std::move(report)});
  }
};

TEST_F(EventFeedTest, tells_what_happened_to_an_agent) {
  EXPECT_EQ(greets(7, 1), "agent.joined@0;health.changed@0(0 );");
  EXPECT_EQ(reports(1, engine_status::loading), "health.changed@0(1 );");
  EXPECT_EQ(reports(2, engine_status::loading), "") << "nothing is otherwise";
  EXPECT_EQ(reports(3, engine_status::failed, "out of memory"), "health.changed@0(5 out of memory);");
  EXPECT_EQ(reports(4, engine_status::failed, "out of memory"), "") << "for the same reason";
  EXPECT_EQ(reports(5, engine_status::failed, "no GGUF"), "health.changed@0(5 no GGUF);");
  EXPECT_EQ(reports(6, engine_status::failed, "no GGUF", "another"), "health.changed@0(5 no GGUF);");
  EXPECT_EQ(does(link_spoke{{1}, link_heartbeat{}}), "");
  EXPECT_EQ(does(link_closed{{1}}), "agent.left@0;health.changed@0(6 not connected);");
  EXPECT_EQ(greets(8, 2), "agent.joined@0;health.changed@0(0 );");
}

TEST_F(EventFeedTest, another_process_of_an_agent_is_told_as_one_that_left_and_one_that_joined) {
  greets(7, 1);
  now.mono += seconds(60); // the first was silent, and nobody looked
  EXPECT_EQ(greets(8, 2), "agent.left@0;agent.joined@0;");
}

TEST_F(EventFeedTest, silence_for_longer_than_facts_live_is_told) {
  greets(7, 1);
  for (int i = 0; i < 31; ++i) { // it lives, and reports nothing
    now.mono += seconds(1);
    does(link_spoke{{1}, link_heartbeat{}});
  }
  EXPECT_EQ(does(time_passed{}), "health.changed@0(6 it has not reported for a while);");
}

TEST_F(EventFeedTest, tells_a_change_when_it_is_durable_with_its_delivery_and_the_answer) {
  greets(7, 1);
  EXPECT_EQ(submits(wants(2)), "config.changed@1;reconcile.changed@1;");
  auto const events = core.events().after(0, 100);
  ASSERT_TRUE(events);
  bool found = false;
  for (auto const& event : *events) {
    auto const* change = std::get_if<config_changed>(&event.what);
    if (change == nullptr) continue;
    found = true;
    EXPECT_EQ(change->agents, std::vector<agent_id>{{"a"}});
    EXPECT_FALSE(change->changes.empty());
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(does(link_spoke{{1}, link_ack{{1}}}), "config.accepted@1;reconcile.changed@1;");
  EXPECT_EQ(submits(wants(3)), "config.changed@2;reconcile.changed@2;");
  EXPECT_EQ(does(link_spoke{{1}, link_nack{{2}, {{"slots", "too many", "", 0}}}}),
            "config.refused@2;reconcile.changed@2;");
  EXPECT_EQ(submits(wants(3)), "") << "it changes nothing";
}

TEST_F(EventFeedTest, a_process_that_holds_nothing_yet_has_accepted_nothing) {
  greets(7, 1);
  submits(wants(2));
  does(link_spoke{{1}, link_ack{{1}}});
  does(link_closed{{1}});
  auto const joined = greets(8, 2);
  EXPECT_NE(joined.find("agent.joined@1;"), std::string::npos) << joined;
  EXPECT_EQ(joined.find("config.accepted"), std::string::npos) << joined;
  EXPECT_EQ(does(link_spoke{{2}, link_ack{{1}}}), "config.accepted@1;reconcile.changed@1;") << "the same, by another";
}

TEST_F(EventFeedTest, nothing_is_told_of_a_change_that_is_not_durable) {
  desired_change change;
  change.document = wants(1);
  core.apply(desired_submitted{{1}, change}, now);
  EXPECT_EQ(core.events().newest(), 0U);
  core.apply(records_refused{{error_code::full, "no room", "", {}}}, now);
  EXPECT_EQ(core.events().newest(), 0U);
}

TEST_F(EventFeedTest, tells_who_lost_a_field) {
  submits(wants(2));
  EXPECT_EQ(submits(wants(3), source_kind::file), "config.changed@2;config.lost@2;");
}

TEST_F(EventFeedTest, a_watcher_that_fell_behind_is_told_so) {
  event_feed feed(3);
  for (std::uint64_t i = 1; i <= 5; ++i) feed.acted({}, {i}, now.wall);
  EXPECT_EQ(feed.newest(), 5U);
  EXPECT_FALSE(feed.after(1, 10)); // the second is gone
  EXPECT_EQ(told(feed, 2), "reconcile.changed@3;reconcile.changed@4;reconcile.changed@5;");
  EXPECT_EQ(feed.after(2, 2)->size(), 2U);
  EXPECT_EQ(told(feed, 5), "");
  EXPECT_FALSE(feed.after(6, 10)) << "it has not been yet";
}

TEST_F(EventFeedTest, a_revision_is_a_place_as_long_as_all_that_came_since_is_kept) {
  event_feed feed(3);
  feed.begin_at({4});
  EXPECT_EQ(feed.place_of({4}), std::optional<std::uint64_t>(0));
  EXPECT_FALSE(feed.place_of({3}));
  EXPECT_FALSE(feed.place_of({5}));
  feed.acted({}, {4}, now.wall);
  log_record record;
  record.number = {5};
  feed.changed(record, {});
  feed.acted({}, {5}, now.wall);
  EXPECT_EQ(feed.place_of({4}), std::optional<std::uint64_t>(0));
  EXPECT_EQ(feed.place_of({5}), std::optional<std::uint64_t>(2));
  feed.acted({}, {5}, now.wall);
  EXPECT_FALSE(feed.place_of({4})) << "what came first is gone";
  EXPECT_EQ(feed.place_of({5}), std::optional<std::uint64_t>(2));
  feed.acted({}, {5}, now.wall);
  EXPECT_FALSE(feed.place_of({5})) << "the change itself is gone";
}

TEST_F(EventFeedTest, a_change_of_very_many_fields_is_not_listed_in_full) {
  desired_document many;
  for (int i = 0; i < 200; ++i) {
    agent_spec agent;
    agent.id = {"a" + std::to_string(i)};
    agent.slots = 1;
    many.agents.push_back(agent);
  }
  submits(many);
  auto const events = core.events().after(0, 1);
  ASSERT_TRUE(events && !events->empty());
  auto const& change = std::get<config_changed>(events->front().what);
  EXPECT_EQ(change.changes.size(), max_listed_changes);
  EXPECT_GE(change.more_changes, 100U);
}

} // namespace
} // namespace paddler
