// OVR-03, OVR-12 and OVR-13 with the real shell, exact in virtual time: more requests than a cluster can answer, from
// clients who leave after ten seconds and ask again.
#include "runtime/clock.hpp"
#include "runtime/race.hpp"
#include "runtime/task_group.hpp"
#include "sim/http_call.hpp"
#include "sim/rehearsal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t agents = 2;
constexpr int slots = 2;
constexpr auto token_time = 50ms;
constexpr int tokens = 10;
constexpr auto answer_time = token_time * tokens;
constexpr double capacity = agents * slots / std::chrono::duration<double>(answer_time).count(); // answers a second
constexpr auto patience = 10s;

// What came of its requests, by when.
struct tally {
  std::vector<mono_time> good;
  std::size_t refused = 0, left = 0, other = 0;
  std::size_t without_retry_after = 0;
  duration slowest_refusal{};

  // Answers a second.
  [[nodiscard]] double goodput(mono_time from, mono_time to) const {
    auto const count = std::ranges::count_if(good, [&](mono_time at) { return at > from && at <= to; });
    return static_cast<double>(count) / std::chrono::duration<double>(to - from).count();
  }
};

struct crowd_settings {
  duration pause;       // mean, between two of its members
  bool says = true;     // how patient they are, as official clients do
  std::size_t tries{1}; // of a member who is not answered
};

// An open loop: its members come whether or not those before them were answered.
class crowd final : public life {
public:
  crowd(simulator& sim, sim_network& net, process& where, crowd_settings how, tally& out)
      : life(sim, net, where), how_(how), out_(out) {}

  void finish() {
    sim_.after({}, where(), [self = shared_from_this(), this] { end(); });
  }

  void set_pause(duration pause) { how_.pause = pause; }

private:
  task<> run() override {
    task_group members(where().executor(), "members of a crowd");
    while (!ending()) {
      if (co_await with_deadline(pause_of(sim_, how_.pause), changed().wait())) continue;
      members.spawn("one", ask());
    }
    members.cancel();
    co_await members.join();
  }

  task<> ask() {
    auto const text = "member " + std::to_string(++members_);
    for (std::size_t i = 0; i < how_.tries && !ending(); ++i)
      if (co_await answered(text)) co_return;
  }

  task<bool> answered(std::string text) {
    asked question;
    question.method = "POST";
    question.target = "/v1/chat/completions";
    question.body = R"({"model":"sim","stream":true,"max_tokens":)" + std::to_string(tokens) +
                    R"(,"messages":[{"role":"user","content":")" + text + R"("}]})";
    if (how_.says) question.seconds_of_patience = std::to_string(patience / 1s);
    auto const began = sim_.now();
    auto const answer = co_await with_deadline(patience, call(std::move(question)));
    if (killed() || ending()) co_return true;
    if (!answer) {
      ++out_.left;
      co_return false;
    }
    if (answer->status == 200 && answer->whole) {
      out_.good.push_back(sim_.now());
      co_return true;
    }
    if (answer->status != 503) {
      ++out_.other;
      co_return false;
    }
    ++out_.refused;
    out_.slowest_refusal = std::max(out_.slowest_refusal, sim_.now() - began);
    if (answer->retry_after.empty()) ++out_.without_retry_after;
    co_await with_deadline(1s, changed().wait());
    co_return false;
  }

  crowd_settings how_;
  tally& out_;
  std::uint64_t members_ = 0;
};

class overload : public testing::TestWithParam<std::uint64_t> {
protected:
  void begin(crowd_settings how) {
    play.want(same_for_all(agents, slots));
    ASSERT_TRUE(play.converges(60s));
    auto& on = play.on();
    auto& where = on.sim.add_process("crowd", client_host);
    people = std::make_shared<crowd>(on.sim, on.net, where, how, out);
    people->start();
  }

  void TearDown() override {
    if (people) people->finish();
    play.pass(1s);
    EXPECT_EQ(play.verdict(), "");
  }

  mono_time now() { return play.on().sim.now(); }

  // Attempts that the engines were given, and those of which somebody got the answer.
  [[nodiscard]] std::size_t attempts() const { return play.core()->requests().count().attempts; }

  static scenario world(std::uint64_t seed) {
    scenario out;
    out.seed = seed;
    out.agents = agents;
    out.clients = 0;
    out.most_delay = 2ms;
    out.load_time = 500ms;
    out.token_time = token_time;
    return out;
  }

  rehearsal play{world(GetParam())};
  tally out;
  std::shared_ptr<crowd> people;
};

// Ten times as much as it can do: it does what it can, and tells the others at once.
TEST_P(overload, OVR_03_ten_times_the_load_costs_no_goodput) {
  begin({.pause = std::chrono::duration_cast<duration>(std::chrono::duration<double>(0.1 / capacity))});
  play.pass(20s);
  auto const from = now();
  play.pass(40s);
  RecordProperty("goodput", std::to_string(out.goodput(from, now())));
  EXPECT_GE(out.goodput(from, now()), 0.9 * capacity);
  EXPECT_GT(out.refused, 1'000U);
  EXPECT_LE(out.slowest_refusal, 50ms);
  EXPECT_EQ(out.without_retry_after, 0U);
  EXPECT_EQ(out.other, 0U);
  people->set_pause(1s);
  play.pass(15s);
  auto const refused = out.refused;
  play.pass(15s);
  EXPECT_EQ(out.refused, refused) << "it recovers by itself";
}

// What is begun is answered to somebody who is still there.
TEST_P(overload, OVR_13_no_slot_is_spent_on_who_has_left) {
  begin({.pause = std::chrono::duration_cast<duration>(std::chrono::duration<double>(0.5 / capacity))});
  play.pass(20s); // until it is known how long requests take
  auto const good = out.good.size();
  auto const begun = attempts();
  play.pass(60s);
  auto const wasted = static_cast<double>(attempts() - begun) - static_cast<double>(out.good.size() - good);
  RecordProperty("wasted", std::to_string(wasted));
  EXPECT_LT(wasted, 0.01 * static_cast<double>(attempts() - begun) + agents * slots) << "and what is under way";
}

// All agents stand still for twenty seconds, under clients who leave and ask again, up to three times.
TEST_P(overload, OVR_12_a_stall_is_over_when_it_is_over) {
  begin({.pause = std::chrono::duration_cast<duration>(std::chrono::duration<double>(1.25 / capacity)), .tries = 3});
  play.pass(20s);
  auto from = now();
  play.pass(30s);
  auto const before = out.goodput(from, now());
  EXPECT_GE(before, 0.6 * capacity);
  auto& on = play.on();
  for (auto& machine : on.plant.machines()) on.sim.pause(machine.agent->where());
  play.pass(20s);
  for (auto& machine : on.plant.machines()) on.sim.resume(machine.agent->where());
  play.pass(30s);
  from = now();
  play.pass(30s);
  RecordProperty("goodput", std::to_string(before) + " and then " + std::to_string(out.goodput(from, now())));
  EXPECT_GE(out.goodput(from, now()), 0.9 * before);
}

INSTANTIATE_TEST_SUITE_P(seeds, overload, testing::Range<std::uint64_t>(1, 4));

} // namespace
} // namespace paddler_sim
