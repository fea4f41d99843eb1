// Laws of the event bus over random histories: whoever folds what it is told knows what is.
#include "base/random.hpp"
#include "core/core_testing.hpp"
#include "core/session/agent_trouble.hpp"
#include "core/state/random_documents.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Somebody who reads events in pieces of any size, and nothing else.
class watcher {
public:
  void read(event_feed const& feed, std::size_t limit) {
    auto const events = feed.after(place_, limit);
    ASSERT_TRUE(events.has_value());
    for (auto const& event : *events) {
      EXPECT_EQ(event.number, place_ + 1) << "in order, and each once";
      EXPECT_GE(event.at, at_);
      place_ = event.number;
      at_ = event.at;
      std::visit([&](auto const& what) { told(what, event.at); }, event.what);
    }
  }

  [[nodiscard]] bool has_read_all(event_feed const& feed) const { return place_ == feed.newest(); }

  [[nodiscard]] std::uint64_t changes() const { return changes_; }

  void expect_knows(agent_record const& agent) const {
    SCOPED_TRACE("agent " + agent.id.value);
    auto const& known = agents_.at(agent.id);
    EXPECT_EQ(known.connected, agent.connected);
    if (agent.connected) EXPECT_EQ(known.process, agent.process);
    EXPECT_EQ(known.status, status_of(agent));
    EXPECT_EQ(known.model, agent.report.engine.model);
    if (known.status != engine_status::unknown) EXPECT_EQ(known.reason, trouble_of(agent.report));
    if (agent.delivery.held() != generation{}) EXPECT_EQ(known.held, agent.delivery.held());
    if (!agent.delivery.refusal().empty()) EXPECT_EQ(known.refused, agent.delivery.wanted().version);
  }

private:
  struct known_agent {
    bool connected = false;
    incarnation process;
    engine_status status = engine_status::unknown;
    std::string model;
    std::string reason;
    generation held;
    generation refused;
  };

  void told(agent_joined const& what, revision /*at*/) {
    auto& agent = agents_[what.agent];
    EXPECT_FALSE(agent.connected) << "who is there cannot join";
    agent.connected = true;
    agent.process = what.process;
  }

  void told(agent_left const& what, revision /*at*/) {
    auto& agent = agents_[what.agent];
    EXPECT_TRUE(agent.connected && agent.process == what.process) << "who is not there cannot leave";
    agent.connected = false;
  }

  void told(health_changed const& what, revision /*at*/) {
    auto& agent = agents_[what.agent];
    EXPECT_NE(std::tie(what.status, what.model, what.reason), std::tie(agent.status, agent.model, agent.reason));
    std::tie(agent.status, agent.model, agent.reason) = std::tie(what.status, what.model, what.reason);
  }

  void told(breaker_changed const& what, revision /*at*/) {
    ADD_FAILURE() << "nobody asked " << what.agent.value << " for anything";
  }

  void told(config_accepted const& what, revision at) {
    EXPECT_NE(what.version, generation{});
    EXPECT_LE(what.version.value, at.value) << "nobody holds what was not decided yet";
    agents_[what.agent].held = what.version;
  }

  void told(config_refused const& what, revision /*at*/) {
    EXPECT_FALSE(what.errors.empty());
    agents_[what.agent].refused = what.version;
  }

  void told(config_changed const& /*what*/, revision at) { EXPECT_EQ(at.value, ++changes_) << "each revision once"; }

  void told(config_lost const& /*what*/, revision at) { EXPECT_EQ(at.value, changes_) << "with its change"; }

  void told(reconcile_changed const& what, revision /*at*/) {
    auto const& [agent, process, by_balancer, action] = what.entry;
    std::tuple const key(agent, process, by_balancer, action.number);
    EXPECT_FALSE(closed_.contains(key)) << "what was closed stays so";
    if (action.outcome != reconcile_outcome::open) closed_.insert(key);
  }

  std::uint64_t place_ = 0;
  revision at_;
  std::uint64_t changes_ = 0;
  std::map<agent_id, known_agent> agents_;
  std::set<std::tuple<agent_id, incarnation, bool, std::uint64_t>> closed_;
};

class random_cluster {
public:
  explicit random_cluster(std::uint64_t seed) : core({}, {1}), random_(seed), documents_(seed) {}

  void step() {
    switch (random_.below(7)) {
    case 0: return does(link_greeted{{++links_}, hello()});
    case 1: return does(link_closed{any_link()});
    case 2:
    case 3: return does(link_spoke{any_link(), message()});
    case 4: return submit();
    default: return pass(milliseconds(random_.below(20'000)));
    }
  }

  balancer_core core;

private:
  void does(balancer_event const& event) { apply_durably(core, event, clock()); }

  link_id any_link() { return {1 + random_.below(links_ + 1)}; }

  generation any_version() { return {random_.below(core.desired().current().value + 1)}; }

  link_hello hello() {
    link_hello out;
    out.agent = {random_.below(2) == 0 ? "a" : "b"};
    out.process = {1 + random_.below(3)};
    out.report = report();
    return out;
  }

  agent_report report() {
    agent_report out;
    out.sequence = ++sequence_;
    out.applied = any_version();
    out.engine.status = static_cast<engine_status>(random_.below(static_cast<std::uint64_t>(engine_status::unknown)));
    out.engine.model = random_.below(2) == 0 ? "m" : "n";
    if (random_.below(2) == 0) out.engine.reason = "it is so";
    return out;
  }

  agent_message message() {
    switch (random_.below(4)) {
    case 0: return link_heartbeat{1};
    case 1: return link_ack{any_version()};
    case 2: return link_nack{any_version(), {{"model", "no", "", 0}}};
    default: break;
    }
    reconciliation action;
    action.number = 1 + random_.below(3);
    action.outcome = random_.below(2) == 0 ? reconcile_outcome::open : reconcile_outcome::done;
    return link_report{report(), {action}};
  }

  void submit() {
    auto const source = documents_.source();
    desired_change change{source, documents_.next_to(core.desired().layers()[source]), {}, {}};
    does(desired_submitted{{++commands_}, std::move(change)});
  }

  void pass(duration time) {
    auto const end = now_ + time;
    while (core.next_deadline() && *core.next_deadline() <= end) {
      now_ = std::max(now_, *core.next_deadline());
      does(time_passed{});
    }
    now_ = end;
  }

  [[nodiscard]] instant clock() const { return {now_, wall_time(now_.time_since_epoch())}; }

  random_source random_;
  random_documents documents_;
  mono_time now_{seconds(100)};
  std::uint64_t links_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t commands_ = 0;
};

TEST(EventFeedLaws, WhoFoldsEventsKnowsWhatIs) {
  std::uint64_t changes = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_cluster cluster(seed);
    watcher prompt;
    watcher slow;
    for (int i = 0; i < 80; ++i) {
      cluster.step();
      auto const& feed = cluster.core.events();
      prompt.read(feed, 1'000);
      slow.read(feed, 2);
      for (auto const& [id, agent] : cluster.core.agents().agents()) prompt.expect_knows(agent);
      if (testing::Test::HasFailure()) return;
    }
    auto const& feed = cluster.core.events();
    while (!slow.has_read_all(feed)) slow.read(feed, 3);
    for (auto const& [id, agent] : cluster.core.agents().agents()) slow.expect_knows(agent);
    EXPECT_EQ(prompt.changes(), cluster.core.desired().current().value);
    changes += prompt.changes();
  }
  EXPECT_GT(changes, 500U);
}

} // namespace
} // namespace paddler
