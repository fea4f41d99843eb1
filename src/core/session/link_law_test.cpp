// Laws of the link protocol: a real balancer core and a real agent's link machine, with a network between them that
// loses, repeats, delays and mixes up single messages without breaking the connection (which no TCP does: what bugs
// do).
#include "base/random.hpp"
#include "core/core_testing.hpp"
#include "core/session/agent_link_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto full_sync_period = seconds(60);
constexpr auto latency = milliseconds(1);

desired_document wants(int slots) {
  agent_spec agent;
  agent.id.value = "a";
  agent.slots = slots;
  agent.desired_model = model_reference{.source = model_source::local, .path = "/models/m.gguf"};
  return {{agent}, {}};
}

struct message {
  mono_time at;
  link_id link;
  dial_serial dial = 0;
  std::variant<agent_message, balancer_message> body;
};

// One balancer and one agent. What the agent is told it can always run.
class linked_pair {
public:
  // What becomes of the n-th message, counted from 0: the times, after now, at which it arrives.
  using network = std::function<std::vector<duration>(std::uint64_t number)>;

  explicit linked_pair(network net) : net_(std::move(net)), core_({}, {1}), agent_(policy(), {{"a"}, {7}, {}, {}}, 1) {
    carry_out(agent_.apply(agent_started{}, now_, 0.5));
  }

  void want(int slots) {
    wanted_ = slots;
    carry_out(apply_durably(core_, desired_submitted{{++commands_}, {{source_kind::api, ""}, wants(slots), {}, {}}},
                            clock()));
  }

  void run(duration time) {
    auto const end = now_ + time;
    while (step(end)) {
    }
    now_ = end;
  }

  [[nodiscard]] bool converged() const {
    auto const wanted = core_.desired().applicable({"a"});
    return agent_.accepted() == wanted && running_ == wanted && wanted.model && wanted.model->slots == wanted_;
  }

  [[nodiscard]] std::uint64_t messages() const { return messages_; }

  [[nodiscard]] int applies() const { return applies_; }

  [[nodiscard]] std::vector<applicable_state> const& ran() const { return ran_; }

  [[nodiscard]] balancer_core const& core() const { return core_; }

private:
  static agent_link_policy policy() { return {}; }

  instant clock() const { return {now_, wall_time(now_.time_since_epoch())}; }

  // The next thing that happens until `end`.
  bool step(mono_time end) {
    auto const arrives = std::ranges::min_element(in_flight_, {}, &message::at);
    auto const arrival = arrives == in_flight_.end() ? mono_time::max() : arrives->at;
    auto const core_due = core_.next_deadline().value_or(mono_time::max());
    auto const agent_due = agent_.next_deadline().value_or(mono_time::max());
    auto const next = std::min({arrival, core_due, agent_due});
    if (next > end) return false;
    now_ = std::max(now_, next);
    if (next == arrival) {
      auto const what = std::move(*arrives);
      in_flight_.erase(arrives);
      arrive(what);
    } else if (next == core_due) {
      carry_out(apply_durably(core_, time_passed{}, clock()));
    } else {
      carry_out(agent_.apply(agent_timer_fired{}, now_, 0.5));
    }
    return true;
  }

  void arrive(message const& what) {
    if (what.link != link_) return; // of a connection that is gone
    if (auto const* said = std::get_if<agent_message>(&what.body)) {
      if (auto const* hello = std::get_if<link_hello>(said))
        carry_out(apply_durably(core_, link_greeted{what.link, *hello}, clock()));
      else
        carry_out(apply_durably(core_, link_spoke{what.link, *said}, clock()));
    } else {
      carry_out(agent_.apply(balancer_spoke{what.dial, std::get<balancer_message>(what.body)}, now_, 0.5));
    }
  }

  void send(std::variant<agent_message, balancer_message> body) {
    for (auto const delay : net_(messages_++)) in_flight_.push_back({now_ + latency + delay, link_, dial_, body});
  }

  void carry_out(balancer_effects const& effects) {
    for (auto const& effect : effects) {
      if (auto const* said = std::get_if<send_to_agent>(&effect); said && said->link == link_) {
        applies_ += std::holds_alternative<link_apply>(said->message) ? 1 : 0;
        send(said->message);
      }
      if (auto const* close = std::get_if<close_link>(&effect); close && close->link == link_) break_link();
    }
  }

  void carry_out(agent_link_effects const& effects) {
    for (auto const& effect : effects) {
      if (auto const* dial = std::get_if<dial_balancer>(&effect)) {
        dial_ = dial->dial;
        link_ = {++links_};
        carry_out(agent_.apply(dial_opened{dial_}, now_, 0.5));
      } else if (auto const* said = std::get_if<send_to_balancer>(&effect)) {
        if (said->dial == dial_) send(said->message);
      } else if (auto const* check = std::get_if<check_state>(&effect)) {
        carry_out(agent_.apply(state_checked{check->state, {}}, now_, 0.5));
      } else if (auto const* run = std::get_if<run_state>(&effect)) {
        running_ = run->state;
        ran_.push_back(run->state);
      } else if (auto const* end = std::get_if<end_dial>(&effect); end && end->dial == dial_) {
        auto const gone = link_;
        link_ = {};
        carry_out(apply_durably(core_, link_closed{gone}, clock()));
      }
    }
  }

  void break_link() {
    link_ = {};
    carry_out(agent_.apply(dial_ended{dial_, "the balancer closed it"}, now_, 0.5));
  }

  network net_;
  mono_time now_{seconds(1000)};
  balancer_core core_;
  agent_link_machine agent_;
  std::deque<message> in_flight_;
  std::uint64_t messages_ = 0;
  std::uint64_t commands_ = 0;
  std::uint64_t links_ = 0;
  link_id link_;
  dial_serial dial_ = 0;
  int applies_ = 0;
  int wanted_ = 0;
  applicable_state running_;
  std::vector<applicable_state> ran_;
};

std::vector<duration> at_once() { return {duration{}}; }

// A short history: changes before and after the agent connects, close together and apart.
void short_history(linked_pair& pair) {
  pair.want(1);
  pair.run(milliseconds(500));
  pair.want(2);
  pair.want(3);
  pair.run(seconds(2));
  pair.want(4);
  pair.run(milliseconds(3));
  pair.want(5);
  pair.run(full_sync_period);
}

TEST(LinkLaws, WithoutFaultsEachChangeIsSentOnceAndNothingElse) {
  linked_pair pair([](std::uint64_t) { return at_once(); });
  short_history(pair);
  EXPECT_TRUE(pair.converged());
  EXPECT_EQ(pair.applies(), 5);
  pair.run(std::chrono::hours(1));
  EXPECT_EQ(pair.applies(), 5) << "what is held is not sent again";
  for (auto const& logged : pair.core().agents().log()) {
    EXPECT_NE(logged.action.outcome, reconcile_outcome::open);
    EXPECT_NE(logged.action.difference, "");
    EXPECT_NE(logged.action.observation, "");
  }
}

// Every single message is lost, and every pair of them.
TEST(LinkLaws, REC_04_WhateverMessageIsLostAFullSyncMendsIt) {
  constexpr std::uint64_t events = 40; // the history's changes are over by then
  std::uint64_t runs = 0;
  for (std::uint64_t first = 0; first < events; ++first)
    for (std::uint64_t second = first; second < events; ++second, ++runs) {
      linked_pair pair(
          [=](std::uint64_t n) { return n == first || n == second ? std::vector<duration>{} : at_once(); });
      short_history(pair);
      ASSERT_TRUE(pair.converged()) << "lost: " << first << " and " << second;
    }
  EXPECT_EQ(runs, events * (events + 1) / 2);
}

// A message comes again, up to twenty messages later: nothing newer is undone by it.
TEST(LinkLaws, REC_03_AStaleMessageTakesNothingBack) {
  for (std::uint64_t which = 0; which < 40; ++which)
    for (int late = 1; late <= 20; ++late) {
      linked_pair pair([=](std::uint64_t n) {
        return n == which ? std::vector<duration>{duration{}, milliseconds(250) * late} : at_once();
      });
      short_history(pair);
      ASSERT_TRUE(pair.converged()) << "message " << which << " again, after " << late;
      generation newest;
      for (auto const& state : pair.ran()) {
        ASSERT_GE(state.version, newest) << "message " << which << " again, after " << late;
        newest = state.version;
      }
    }
}

// Messages are lost, repeated, delayed by up to a minute, and overtake each other.
TEST(LinkLaws, REC_09_NoOrderOfMessagesLeadsAstray) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    random_source random(seed);
    bool healed = false;
    linked_pair pair([&](std::uint64_t) -> std::vector<duration> {
      if (healed || random.unit() < 0.7) return at_once();
      std::vector<duration> out;
      for (auto copies = random.below(3); copies > 0; --copies)
        out.push_back(milliseconds(random.below(random.unit() < 0.1 ? 60'000 : 500)));
      return out;
    });
    for (int change = 1; change <= 20; ++change) {
      pair.want(1 + static_cast<int>(random.below(9)));
      pair.run(milliseconds(random.below(4'000)));
    }
    healed = true;
    pair.run(2 * full_sync_period);
    ASSERT_TRUE(pair.converged()) << "seed " << seed;
    generation newest;
    for (auto const& state : pair.ran()) {
      ASSERT_GE(state.version, newest) << "seed " << seed;
      newest = state.version;
    }
  }
}

} // namespace
} // namespace paddler
