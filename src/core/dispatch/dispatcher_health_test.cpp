// The dispatcher where agents fail: who gets nothing for a while, who serves when all do, and who is faster.
#include "core/dispatch/dispatcher_test.hpp"

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Each request has a body of its own, unless it is said otherwise.
class DispatcherHealth : public DispatcherTest {
protected:
  std::uint64_t requests = 0;

  void SetUp() override {
    policy.breaker.jitter_percent = 0;
    policy.max_queued = 10'000;
    it = dispatcher(policy);
    DispatcherTest::SetUp();
  }

  // The agent to which it went; "" where it waits.
  std::string arrive(std::uint64_t fingerprint = 0) {
    request_arrival made{{++requests}, {"r" + std::to_string(requests)}, "m", "/v1/chat/completions", 1};
    made.fingerprint = fingerprint == 0 ? requests : fingerprint;
    it.arrived(made, now);
    auto const& known = newest();
    return known.has_slot ? known.agent.value : "";
  }

  request_record const& newest() { return *it.find(request_serial{requests}); }

  dispatch_decisions over(std::uint64_t request, unsigned status) {
    return it.ended({request}, it.find(request_serial{request})->tries, attempt_outcome::completed, now, {}, status);
  }

  std::string answer(unsigned status, std::uint64_t fingerprint = 0) {
    auto agent = arrive(fingerprint);
    over(requests, status);
    return agent;
  }

  breaker_state state(std::string agent) {
    return it.breaker_of({{std::move(agent)}, "m"}).value_or(breaker_standing{}).state;
  }

  // Until it is open, with nothing else there.
  void open_alone(std::string const& agent) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(answer(500), agent);
    EXPECT_EQ(state(agent), breaker_state::open);
  }
};

TEST_F(DispatcherHealth, OVR_09_AThousandOverlongPromptsOpenNothing) {
  slot("x");
  slot("y");
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_NE(answer(400), "");
    if (i % 10 == 0) EXPECT_NE(answer(200), "") << "good traffic is not affected";
  }
  EXPECT_FALSE(it.breaker_of({{"x"}, "m"}) || it.breaker_of({{"y"}, "m"}));
  EXPECT_TRUE(it.take_breaker_news().empty());
  EXPECT_EQ(it.count().completed, 1'100U);
}

TEST_F(DispatcherHealth, OVR_09_NorDoesWhatElseIsNobodysFault) {
  slot("x");
  for (int i = 0; i < 100; ++i) {
    answer(503);
    answer(500, 7); // one body
    arrive();
    it.left({requests}, now);
    slot("x");
    arrive();
    it.ended({requests}, {1}, attempt_outcome::slow_client, now);
    slot("x");
  }
  EXPECT_EQ(state("x"), breaker_state::closed);
}

// 5 in a row, 30 s, one probe at a time, two that work.
TEST_F(DispatcherHealth, OVR_10_TheTimelineOfABreaker) {
  slot("x");
  slot("x");
  open_alone("x");
  slot("y");
  auto const opened = now.mono;
  EXPECT_EQ(it.next_deadline(), opened + seconds(30));
  for (int second = 0; second < 30; ++second) {
    EXPECT_EQ(answer(200), "y") << "x gets nothing";
    pass(seconds(1));
    if (second < 29) it.expire(now);
    EXPECT_EQ(state("x"), breaker_state::open);
  }
  it.expire(now);
  EXPECT_EQ(state("x"), breaker_state::half_open);
  EXPECT_EQ(arrive(), "x") << "the probe";
  auto const probe = requests;
  EXPECT_EQ(arrive(), "y") << "one at a time";
  auto const other = requests;
  EXPECT_EQ(arrive(), "") << "and no second one while y is only busy";
  EXPECT_EQ(text(over(probe, 200)), "run " + name_of({requests}) + " on x;") << "the next probe";
  over(other, 200);
  EXPECT_EQ(state("x"), breaker_state::half_open);
  over(requests, 200);
  EXPECT_EQ(state("x"), breaker_state::closed);
  std::vector<breaker_state> told;
  for (auto const& each : it.take_breaker_news()) told.push_back(each.now.state);
  EXPECT_EQ(told, (std::vector{breaker_state::open, breaker_state::half_open, breaker_state::closed}));
}

TEST_F(DispatcherHealth, OVR_10_TheLastOneIsNeverEjected) {
  slot("x");
  open_alone("x");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(answer(i == 19 ? 200 : 500), "x") << "there is nobody else";
  auto const& note = it.routes_of({requests})->back();
  EXPECT_EQ(note.reason, route_reason::kept);
  EXPECT_EQ(note.chosen, agent_id{"x"});
}

TEST_F(DispatcherHealth, OVR_10_OfAllThatAreOpenTheFirstThatIsDueServes) {
  slot("x");
  open_alone("x");
  pass(seconds(1));
  slot("y");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(answer(500), "y");
  slot("x");
  EXPECT_EQ(arrive(), "x");
  EXPECT_EQ(arrive(), "x") << "although y is less busy";
  EXPECT_EQ(arrive(), "y") << "x is full";
  EXPECT_EQ(arrive(), "");
}

TEST_F(DispatcherHealth, OVR_10_WhoBecomesTheLastServesWhatWaits) {
  slot("x");
  open_alone("x");
  slot("y");
  EXPECT_EQ(arrive(), "y");
  auto const on_y = requests;
  EXPECT_EQ(arrive(), "") << "y is busy, and sound";
  EXPECT_EQ(text(it.left({on_y}, now)), "run " + name_of({requests}) + " on x;") << "y went with its connection";
  slot("y");
  EXPECT_EQ(arrive(), "y");
  EXPECT_EQ(arrive(), "");
  auto const waits = requests;
  it.ended({waits - 1}, {1}, attempt_outcome::completed, now);
  EXPECT_EQ(it.find(request_serial{waits})->agent, agent_id{"y"});
}

TEST_F(DispatcherHealth, OVR_10_AnIdleConnectionThatEndsMayLeaveTheLastOne) {
  slot("x");
  open_alone("x");
  slot("y");
  slot("y");
  EXPECT_EQ(arrive(), "y");
  EXPECT_EQ(arrive(), "y");
  EXPECT_EQ(arrive(), "");
  auto const waits = requests;
  it.left({waits - 1}, now);
  EXPECT_FALSE(it.find(request_serial{waits})->has_slot);
  it.ended({waits - 2}, {1}, attempt_outcome::timeout, now);
  EXPECT_EQ(it.find(request_serial{waits})->agent, agent_id{"x"});
}

TEST_F(DispatcherHealth, OVR_10_AnIdleSlotOfTheSoundOneThatClosesLetsTheOpenOneServe) {
  slot("x");
  open_alone("x");
  auto const idle = slot_serial{serial + 1};
  slot("y");
  EXPECT_EQ(text(it.slot_closed(idle, now)), "") << "nobody waits";
  EXPECT_EQ(arrive(), "x");
}

TEST_F(DispatcherHealth, OVR_10_NobodyWaitsForASlotThatIsGoneThoughItsRequestStillReads) {
  slot("x");
  open_alone("x");
  slot("y");
  EXPECT_EQ(arrive(), "y");
  auto const reads = request_serial{requests};
  EXPECT_EQ(arrive(), "") << "y is busy, and sound";
  EXPECT_EQ(text(it.slot_closed({serial}, now, reads)), "run " + name_of({requests}) + " on x;");
}

TEST_F(DispatcherHealth, OVR_10_AStreamGoesOnAtTheLastEqualEngineThoughOthersAreSound) {
  equal_slot("x", 7);
  open_alone("x");
  equal_slot("y", 7);
  EXPECT_EQ(arrive(), "y");
  slot("z");
  it.sent({requests}, {1}, now);
  it.first_byte({requests}, {1}, now);
  EXPECT_EQ(text(it.ended({requests}, {1}, attempt_outcome::lost_late, now)),
            "resume " + name_of({requests}) + " on x;")
      << "z would make another answer";
}

TEST_F(DispatcherHealth, LossesSilenceAndWhatIsNoHttpOpenIt) {
  slot("good");
  for (auto const outcome : {attempt_outcome::lost_early, attempt_outcome::timeout, attempt_outcome::engine_error}) {
    std::string const agent(1, static_cast<char>('a' + static_cast<int>(outcome)));
    it.slot_closed({serial}, now);
    for (int i = 0; i < 5; ++i) {
      slot(agent);
      EXPECT_EQ(arrive(), agent);
      it.ended({requests}, {1}, outcome, now);
      it.left({requests}, now);
    }
    EXPECT_EQ(state(agent), breaker_state::open);
    slot("good");
  }
}

TEST_F(DispatcherHealth, AnEngineThatDiesWithAllItsRequestsFailedOnce) {
  for (int i = 0; i < 8; ++i) slot("x");
  for (int i = 0; i < 8; ++i) arrive();
  for (std::uint64_t each = 1; each <= 8; ++each) it.ended({each}, {1}, attempt_outcome::lost_early, now);
  EXPECT_EQ(it.breaker_of({{"x"}, "m"})->failures, 1U);
}

// REQ-12 and the breaker: what kills engines opens none.
TEST_F(DispatcherHealth, REQ_12_SuspectsAndPoisonOpenNothing) {
  for (int i = 0; i < 20; ++i) {
    slot("x");
    slot("y");
    arrive();
    for (int attempt = 0; attempt < 2; ++attempt) {
      auto const at = newest().agent.value;
      it.ended({requests}, newest().tries, attempt_outcome::lost_early, now);
      died(at);
    }
    EXPECT_EQ(newest().failure, request_failure::poison);
    for (auto const& [serial_of, offer] : std::map(it.idle_slots())) it.slot_closed(serial_of, now);
  }
  EXPECT_FALSE(it.breaker_of({{"x"}, "m"}) || it.breaker_of({{"y"}, "m"}));
  EXPECT_TRUE(it.take_breaker_news().empty());
}

TEST_F(DispatcherHealth, ABalancerThatStopsSaysNothingOfAgents) {
  for (int i = 0; i < 9; ++i) slot("x" + std::to_string(i));
  for (int i = 0; i < 9; ++i) arrive();
  it.shut_down(now);
  for (std::uint64_t each = 1; each <= 9; ++each) it.ended({each}, {1}, attempt_outcome::lost_early, now);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(it.breaker_of({{"x" + std::to_string(i)}, "m"}));
}

TEST_F(DispatcherHealth, ARoutesNoteSaysWhoIsLeftOut) {
  slot("x");
  open_alone("x");
  slot("y");
  EXPECT_EQ(arrive(), "y");
  auto const& note = it.routes_of({requests})->back();
  EXPECT_EQ(note.others_open, 1U);
  EXPECT_EQ(note.others, 0U);
}

TEST_F(DispatcherHealth, AnAgentThatComesBackIsJudgedAsBefore) {
  slot("x");
  open_alone("x");
  it.slot_closed({1}, now);
  slot("y");
  it.slot_opened({{++serial}, {"x"}, {2}, {1}, "m", 5}, now); // another process, another engine
  EXPECT_EQ(arrive(), "y");
  EXPECT_EQ(arrive(), "") << "its machine has failed";
  pass(seconds(30));
  EXPECT_EQ(text(it.expire(now)), failed(name_of({requests}), request_failure::queue_timeout));
  EXPECT_EQ(arrive(), "x");
}

TEST_F(DispatcherHealth, TheTimeThatPassesRunsWhatWaits) {
  policy.queue_timeout = minutes(2);
  it = dispatcher(policy);
  it.set_models({"m"}, now);
  slot("x");
  open_alone("x");
  slot("y");
  arrive();
  arrive();
  pass(seconds(30));
  EXPECT_EQ(it.next_deadline(), now.mono);
  EXPECT_EQ(text(it.expire(now)), "run " + name_of({requests}) + " on x;");
}

// --- speed ---

// Engines that take so long for a request, one request at a time; how many each got.
class paced_fleet {
public:
  explicit paced_fleet(std::vector<duration> times) : times_(std::move(times)) {
    it.set_models({"m"}, now_);
    for (std::size_t i = 0; i < times_.size(); ++i)
      for (int slot = 0; slot < 4; ++slot) it.slot_opened({{++slots_}, {std::to_string(i)}, {1}, {1}, "m"}, now_);
  }

  std::vector<std::size_t> run(std::size_t requests) {
    std::vector<std::size_t> got(times_.size());
    for (std::size_t i = 0; i < requests; ++i) ++got[one()];
    return got;
  }

  // So many at once, each of which is replaced by the next one when it ends.
  std::vector<std::size_t> run_at_once(std::size_t concurrent, std::size_t requests) {
    std::vector<std::size_t> got(times_.size());
    std::multimap<mono_time, std::uint64_t> under_way;
    for (std::size_t i = 0; i < requests; ++i) {
      if (under_way.size() == concurrent) {
        auto const ends = *under_way.begin();
        under_way.erase(under_way.begin());
        now_.mono = ends.first;
        it.ended({ends.second}, {1}, attempt_outcome::completed, now_);
      }
      auto const on = begin();
      ++got[on];
      under_way.emplace(now_.mono + times_[on], requests_);
    }
    for (auto const& [at, request] : under_way) {
      now_.mono = std::max(now_.mono, at);
      it.ended({request}, {1}, attempt_outcome::completed, now_);
    }
    return got;
  }

  void set_time(std::size_t engine, duration time) { times_[engine] = time; }

  [[nodiscard]] std::optional<duration> measured(std::size_t engine) const {
    return it.time_of({{std::to_string(engine)}, "m"});
  }

private:
  std::size_t begin() {
    it.arrived({{++requests_}, {"r"}, "m", "/", 1}, now_);
    return std::stoull(it.find(request_serial{requests_})->agent.value);
  }

  std::size_t one() {
    auto const on = begin();
    now_.mono += times_[on];
    it.ended({requests_}, {1}, attempt_outcome::completed, now_);
    return on;
  }

  dispatcher it{{}};
  std::vector<duration> times_;
  instant now_{mono_time{seconds(1)}, wall_time{}};
  std::uint64_t slots_ = 0, requests_ = 0;
};

TEST(DispatcherPace, OfEqualLoadEachGetsRequestsInProportionToItsSpeed) {
  paced_fleet fleet({seconds(1), seconds(2), seconds(4)});
  EXPECT_EQ(fleet.measured(0), std::nullopt);
  fleet.run(20);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(fleet.measured(i), seconds(1 << i));
  auto const got = fleet.run(700);
  EXPECT_NEAR(static_cast<double>(got[0]), 400, 8);
  EXPECT_NEAR(static_cast<double>(got[1]), 200, 8);
  EXPECT_NEAR(static_cast<double>(got[2]), 100, 8);
}

TEST(DispatcherPace, WhoWasSlowIsMeasuredAgain) {
  paced_fleet fleet({milliseconds(100), seconds(60)});
  fleet.run(2'000);
  fleet.set_time(1, milliseconds(100));
  fleet.run(20'000);
  auto const got = fleet.run(1'000);
  EXPECT_NEAR(static_cast<double>(got[1]), 500, 20) << "it is as fast as the other one by now, and that was noticed";
}

TEST(DispatcherPace, EqualEnginesGetTheSame) {
  paced_fleet fleet(std::vector<duration>(4, seconds(1)));
  for (auto const got : fleet.run(400)) EXPECT_EQ(got, 100U);
}

// What is fast is not filled while others are idle.
TEST(DispatcherPace, LoadOutweighsIt) {
  paced_fleet fleet({milliseconds(100), milliseconds(100), seconds(10)});
  fleet.run(100);
  auto const got = fleet.run_at_once(3, 3);
  for (auto const each : got) EXPECT_EQ(each, 1U) << "three at once go to three engines";
  auto const later = fleet.run_at_once(6, 2'000);
  EXPECT_GT(later[0], 9 * later[2]);
  EXPECT_GT(later[2], 0U) << "nobody starves";
}

} // namespace
} // namespace paddler
