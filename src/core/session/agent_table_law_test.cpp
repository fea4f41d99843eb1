// Laws of the balancer's table of agents, over random histories of links that come, speak, fall silent and end: also as
// no agent of ours would use them.
#include "base/random.hpp"
#include "core/session/agent_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

link_policy const policy{.heartbeat = seconds(1), .facts_lifetime = seconds(5), .full_sync = seconds(20)};

// What others learn of an agent only when they are told to look.
auto looks(agent_record const& agent) {
  return std::tuple(agent.connected, agent.process, agent.capabilities, agent.report, agent.facts_expired,
                    agent.delivery.held());
}

using looks_of_all = std::map<agent_id, decltype(looks(agent_record{}))>;

class random_history {
public:
  explicit random_history(std::uint64_t seed) : random_(seed), table_(policy, epoch{seed}) {}

  void step() {
    switch (random_.below(8)) {
    case 0: return greet();
    case 1:
    case 2:
    case 3: return speak();
    case 4: return close();
    case 5: return deliver();
    default: return pass(milliseconds(random_.below(1500)));
    }
  }

  // Nobody says anything any more. As long as something is due, that is soon.
  void fall_silent() {
    for (int i = 0; i < 500 && table_.next_deadline(); ++i) {
      auto const due = *table_.next_deadline();
      ASSERT_LE(due, now_ + policy.full_sync);
      now_ = std::max(now_, due);
      changes([this] { return table_.tick(now_); });
    }
    EXPECT_EQ(table_.next_deadline(), std::nullopt) << "nobody is left to wait for";
    EXPECT_TRUE(live_.empty());
    EXPECT_TRUE(present_.empty()) << "whoever was let in is told lost in the end";
  }

  [[nodiscard]] std::size_t let_in() const { return let_in_; }

private:
  agent_id any_agent() { return {random_.below(2) == 0 ? "a" : "b"}; }

  link_id any_link() { return {1 + random_.below(links_ + 1)}; }

  agent_report any_report() {
    agent_report out;
    out.sequence = random_.below(4) == 0 ? random_.below(sequence_ + 1) : ++sequence_;
    out.applied = {random_.below(4)};
    out.engine.status = random_.below(2) == 0 ? engine_status::ready : engine_status::backoff;
    return out;
  }

  void greet() {
    link_id const link = random_.below(6) == 0 ? any_link() : link_id{++links_};
    link_hello hello;
    hello.agent = any_agent();
    hello.process = {1 + random_.below(3)};
    hello.report = any_report();
    changes([&] {
      auto [effects, accepted] = table_.hello(link, hello, wanted(hello.agent), clock());
      if (accepted) {
        ++let_in_;
        EXPECT_TRUE(live_.insert(link).second) << "a link is greeted on once";
      }
      greeting_ = accepted ? std::nullopt : std::optional(link);
      greeted_ = accepted ? std::optional(std::pair(hello.agent, hello.process)) : std::nullopt;
      return effects;
    });
  }

  void speak() {
    auto const link = any_link();
    agent_message message = link_heartbeat{1};
    auto const version = generation{random_.below(4)};
    if (auto const kind = random_.below(4); kind == 0)
      message = link_report{any_report(), {}};
    else if (kind == 1)
      message = link_ack{version};
    else if (kind == 2)
      message = link_nack{version, {{"model", "no", "", 0}}};
    changes([&] { return table_.heard(link, message, clock()); });
  }

  void close() {
    auto const link = any_link();
    live_.erase(link);
    changes([&] { return table_.closed(link, now_); });
  }

  void deliver() {
    auto const agent = any_agent();
    if (random_.below(2) == 0) ++versions_[agent];
    changes([&] { return table_.deliver(agent, wanted(agent), clock()); });
  }

  void pass(duration time) {
    now_ += time;
    auto const due = table_.next_deadline();
    changes([&] {
      auto out = table_.tick(now_);
      EXPECT_TRUE(out.empty() || (due && *due <= now_)) << "it acts before anything is due";
      return out;
    });
  }

  // One call, and the laws after it.
  template <class Call> void changes(Call call) {
    auto const before = looks_now();
    greeted_.reset();
    greeting_.reset();
    for (auto const& effect : call()) follow(effect);
    if (greeted_) {
      auto const at = present_.find(greeted_->first);
      EXPECT_TRUE(at == present_.end() || at->second == greeted_->second) << "one before it was not told lost";
      present_[greeted_->first] = greeted_->second;
    }
    expect_news(before);
    expect_deadline();
    std::size_t connected = 0;
    for (auto const& [id, agent] : table_.agents()) {
      connected += agent.connected ? 1U : 0U;
      EXPECT_TRUE(!agent.connected || live_.contains(agent.link)) << id.value << " is connected over a dead link";
      EXPECT_TRUE(!agent.connected || present_.contains(id));
    }
    EXPECT_EQ(connected, live_.size()) << "each link carries one agent";
  }

  void follow(link_effect const& effect) {
    if (auto const* send = std::get_if<send_to_agent>(&effect)) {
      EXPECT_TRUE(live_.contains(send->link) || send->link == greeting_) << "it speaks on a dead link";
    } else if (auto const* end = std::get_if<close_link>(&effect)) {
      live_.erase(end->link);
    } else if (auto const* due = std::get_if<delivery_due>(&effect)) {
      EXPECT_TRUE(table_.agents().at(due->agent).connected);
    } else {
      auto const& lost = std::get<agent_lost>(effect);
      auto const at = present_.find(lost.agent);
      ASSERT_NE(at, present_.end()) << "it was not there, or is told lost a second time";
      EXPECT_EQ(at->second, lost.process);
      present_.erase(at);
    }
  }

  void expect_news(looks_of_all const& before) {
    auto const news = table_.take_news();
    for (auto const& [id, now] : looks_now()) {
      auto const at = before.find(id);
      EXPECT_TRUE((at != before.end() && at->second == now) || news.changed.contains(id))
          << id.value << " is otherwise, and nobody is told";
    }
  }

  // Whoever sleeps until then misses nothing.
  void expect_deadline() const {
    auto const next = table_.next_deadline().value_or(mono_time::max());
    if (!live_.empty()) EXPECT_LE(next, now_ + policy.heartbeat);
    for (auto const& [id, agent] : table_.agents()) {
      if (agent.lost_at) EXPECT_LE(next, *agent.lost_at) << id.value;
      if (!agent.facts_expired) EXPECT_LE(next, agent.facts_until) << id.value;
      if (!agent.connected) continue;
      EXPECT_LE(next, agent.full_sync_at) << id.value;
      if (auto const due = agent.delivery.next_due()) EXPECT_LE(next, *due) << id.value;
    }
  }

  [[nodiscard]] looks_of_all looks_now() const {
    looks_of_all out;
    for (auto const& [id, agent] : table_.agents()) out.emplace(id, looks(agent));
    return out;
  }

  applicable_state wanted(agent_id const& agent) {
    applicable_state out{{versions_[agent]}, std::nullopt};
    if (out.version.value > 0) out.model.emplace().slots = static_cast<int>(out.version.value);
    return out;
  }

  [[nodiscard]] instant clock() const { return {now_, wall_time(now_.time_since_epoch())}; }

  random_source random_;
  agent_table table_;
  mono_time now_{seconds(100)};
  std::uint64_t links_ = 0;
  std::uint64_t sequence_ = 0;
  std::size_t let_in_ = 0;
  std::map<agent_id, std::uint64_t> versions_;
  std::set<link_id> live_;                  // greeted, and not ended
  std::map<agent_id, incarnation> present_; // let in, and not told lost
  std::optional<link_id> greeting_;         // a link that is refused right now
  std::optional<std::pair<agent_id, incarnation>> greeted_;
};

TEST(AgentTableLaws, NobodyIsForgottenAndNothingIsSaidToTheDead) {
  std::size_t let_in = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_history history(seed);
    for (int i = 0; i < 60; ++i) history.step();
    history.fall_silent();
    let_in += history.let_in();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(let_in, 500U);
}

} // namespace
} // namespace paddler
