// Laws of the dispatcher over random histories, and of the table of its states.
#include "base/random.hpp"
#include "core/dispatch/dispatcher.hpp"
#include "core/dispatch/request_states.hpp"
#include "core/request_dump.hpp"
#include "core/request_replay.hpp"
#include "model/words.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace paddler {
namespace {

using std::chrono::seconds;

// The ways of design.md section 5, written down once more.
bool is_way(request_state from, request_state to) {
  using enum request_state;
  switch (from) {
  case queued: return to == routed || to == failed;
  case routed: return to == processing || to == streaming || to == queued || to == completed || to == failed;
  case processing: return to == streaming || to == queued || to == completed || to == failed;
  case streaming: return to == completed || to == resuming || to == failed;
  case resuming: return to == streaming || to == completed || to == failed;
  case completed:
  case failed: return false;
  }
  return false;
}

// P1 and P5 over random histories: every request ends exactly once and went only ways that exist, the books balance
// after each step, no slot is ever given to two requests, no stream goes on at an engine unlike its first, and what is
// kept of each decision leads to it again.
class random_history {
public:
  explicit random_history(std::uint64_t seed)
      : random_(seed),
        it_({.max_queued = 5,
             .max_queued_bytes = 100,
             .queue_timeout = seconds(5),
             .limits = {.requests_per_minute = 300, .concurrent_requests = 4}}) {
    it_.set_models({"m"}, now_);
  }

  void run() {
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step) {
      pass();
      next();
      look();
    }
    for (auto const& request : it_.requests()) judge(request);
    decide_again();
  }

  std::size_t resumed = 0;
  std::map<route_reason, std::size_t> decided = {};
  std::map<route_filter, std::size_t> left_out = {};

private:
  struct running {
    run_request decision;
    bool begun = false;
  };

  void pass() {
    duration const time = std::chrono::milliseconds(random_.below(500));
    now_ = {now_.mono + time, now_.wall + time};
    take(it_.expire(now_));
  }

  void next() {
    switch (random_.below(9)) {
    case 0: return arrive();
    case 1: return offer();
    case 2: return end_slot();
    case 3: {
      agent_process const where{{"a" + std::to_string(random_.below(3))}, {1}};
      return take(random_.below(2) == 0 ? it_.engine_died(where, now_) : it_.agent_gone(where, now_));
    }
    case 4: return progress();
    case 5: return leave();
    case 6: return swap_policy();
    case 7: return drain();
    default: return progress();
    }
  }

  void arrive() {
    request_arrival made{{++requests_}, {"r"}, "m", "/v1/chat/completions", random_.below(40)};
    made.client = static_cast<client_key>(random_.below(3));
    made.level = static_cast<request_class>(random_.below(3));
    if (random_.below(4) == 0) made.patience = seconds(random_.below(4));
    made.session = random_.below(4);
    made.prompt_bytes = prompt_block_bytes * random_.below(20);
    auto const beginning = 100 * random_.below(3);
    for (auto i = random_.below(8); i > 0; --i) made.blocks.push_back(block_hash{beginning + made.blocks.size()});
    take(it_.arrived(made, now_));
  }

  void swap_policy() {
    dispatch_policy const now{.max_queued = random_.below(6),
                              .max_queued_bytes = random_.below(101),
                              .queue_timeout = seconds(1 + random_.below(5)),
                              .resume_timeout = seconds(1 + random_.below(30)),
                              .max_attempts = 1 + random_.below(3),
                              .max_resumes = random_.below(4),
                              .retry_burst = random_.below(100),
                              .routing = {.strategy = static_cast<routing_strategy>(random_.below(4)),
                                          .saturation_percent = static_cast<std::uint32_t>(random_.below(101)),
                                          .pace_percent = static_cast<std::uint32_t>(random_.below(30))}};
    auto const waited = it_.count();
    it_.set_policy(now, {++policies_});
    EXPECT_EQ(it_.count().queued, waited.queued) << "what waits stays";
    EXPECT_EQ(it_.count().resuming, waited.resuming);
  }

  void drain() {
    agent_id const agent{"a" + std::to_string(random_.below(3))};
    std::optional<drain_wish> wish;
    if (random_.below(2) == 0) wish = drain_wish{seconds(random_.below(4))};
    take(it_.set_drained(agent, wish, now_));
  }

  void offer() {
    slot_offer made{{++slots_}, {"a" + std::to_string(random_.below(3))}, {1}, {1}, "m"};
    made.resumes.chat = true;
    made.identity = random_.below(3);
    made.engine_number = made.identity;
    take(it_.slot_opened(made, now_));
  }

  // Whoever runs on it may still read what came.
  void end_slot() {
    if (slots_ == 0) return;
    slot_serial const slot{1 + random_.below(slots_)};
    auto const held = held_.extract(slot);
    over_.insert(slot);
    take(it_.slot_closed(slot, now_, held ? std::optional(held.mapped()) : std::nullopt));
    if (held) EXPECT_FALSE(it_.find(held.mapped())->has_slot);
  }

  std::map<request_serial, running>::iterator any() {
    auto at = running_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(running_.size())));
    return at;
  }

  void progress() {
    if (running_.empty()) return;
    auto const at = any();
    auto const [serial, run] = *at;
    if (!run.begun && random_.below(2) == 0) {
      it_.sent(serial, run.decision.number, now_);
      at->second.begun = true;
      take(it_.first_byte(serial, run.decision.number, now_));
      begun_on_.try_emplace(serial, run.decision.slot->identity);
      return;
    }
    auto outcome = static_cast<attempt_outcome>(random_.below(9));
    if (run.begun && random_.below(2) == 0) outcome = attempt_outcome::lost_late;
    std::optional<resume_refusal> refusal;
    if (random_.below(8) == 0) refusal = resume_refusal::too_long;
    held_.erase(run.decision.slot->serial);
    running_.erase(at);
    take(it_.ended(serial, run.decision.number, outcome, now_, refusal));
  }

  void leave() {
    if (running_.empty() || random_.below(3) != 0) return;
    auto const at = any();
    held_.erase(at->second.decision.slot->serial);
    auto const serial = at->first;
    running_.erase(at);
    ++gone_;
    take(it_.left(serial, now_));
  }

  void take(dispatch_decisions const& decisions) {
    for (auto const& decision : decisions) {
      auto const* run = std::get_if<run_request>(&decision);
      told_failed_ += std::holds_alternative<fail_request>(decision) ? 1 : 0;
      if (run == nullptr) continue; // to be interrupted: it goes on, or is lost some time
      EXPECT_TRUE(held_.emplace(run->slot->serial, run->serial).second) << "a slot given twice";
      EXPECT_FALSE(over_.contains(run->slot->serial)) << "a slot that is gone";
      EXPECT_TRUE(running_.emplace(run->serial, running{*run, false}).second);
      EXPECT_EQ(run->resumes, begun_on_.contains(run->serial));
      if (!run->resumes) continue;
      ++resumed;
      EXPECT_EQ(run->slot->identity, begun_on_.at(run->serial));
      EXPECT_NE(run->slot->identity, 0U);
    }
  }

  void look() {
    auto const count = it_.count();
    ASSERT_EQ(count.accepted, count.completed + count.failed + count.live);
    ASSERT_EQ(count.failed, told_failed_ + gone_);
    ASSERT_EQ(count.slots_busy, held_.size());
    ASSERT_EQ(count.live, running_.size() + count.queued + count.resuming);
    most_running_ = std::max(most_running_, running_.size());
    ASSERT_LE(count.queued, 5U + most_running_); // what was lost early comes back above the limit
  }

  static void judge(request_record const& request) {
    ASSERT_FALSE(request.steps.empty());
    EXPECT_EQ(request.steps.front().state, request_state::queued);
    EXPECT_EQ(request.steps.back().state, request.state);
    if (request.steps.size() == max_request_steps) return; // some are left out
    for (std::size_t i = 1; i < request.steps.size(); ++i)
      EXPECT_TRUE(is_way(request.steps[i - 1].state, request.steps[i].state))
          << to_string(request.steps[i - 1].state) << " to " << to_string(request.steps[i].state);
  }

  void decide_again() {
    auto const ledger = dump_ledger(it_);
    EXPECT_EQ(ledger.requests.size(), it_.requests().size());
    for (auto const& request : ledger.requests) {
      compare_request(request, [&](std::string const& what) { ADD_FAILURE() << request.id.value << ": " << what; });
      for (auto const& route : request.routes) {
        ++decided[route.reason];
        for (auto const& each : route.candidates) ++left_out[each.score.filter];
      }
    }
  }

  random_source random_;
  dispatcher it_;
  instant now_{mono_time{seconds(1)}, wall_time{}};
  std::map<request_serial, running> running_;
  std::map<slot_serial, request_serial> held_;       // of those that run
  std::set<slot_serial> over_;                       // that ended by themselves
  std::map<request_serial, std::uint64_t> begun_on_; // the identity of the engine that began it
  std::uint64_t requests_ = 0, slots_ = 0, told_failed_ = 0, gone_ = 0, policies_ = 0;
  std::size_t most_running_ = 0;
};

TEST(DispatcherLaws, TheLedgerBalancesOverRandomHistories) {
  std::size_t resumed = 0;
  std::map<route_reason, std::size_t> decided;
  std::map<route_filter, std::size_t> left_out;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_history history(seed);
    history.run();
    resumed += history.resumed;
    for (auto const& [reason, times] : history.decided) decided[reason] += times;
    for (auto const& [filter, times] : history.left_out) left_out[filter] += times;
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(resumed, 100U);
  using enum route_reason;
  for (auto const reason : {prefix, session, load, turn, kept})
    EXPECT_GT(decided[reason], 20U) << static_cast<int>(reason);
  for (auto const filter : {route_filter::drained, route_filter::other_identity, route_filter::breaker_open})
    EXPECT_GT(left_out[filter], 10U) << static_cast<int>(filter);
}

// REQ-12: one request that kills every engine it runs on, among seven that do not. Agents restart the engine and say
// so, sooner or later.
class poisoned_cluster {
public:
  poisoned_cluster(std::uint64_t seed, std::uint64_t engines) : random_(seed), engines_(engines) {
    it_.set_models({"m"}, now_);
    for (std::uint64_t engine = 0; engine < engines_; ++engine) start(engine);
    poison_ = 1 + random_.below(8);
    for (std::uint64_t serial = 1; serial <= 8; ++serial)
      take(it_.arrived({{serial}, {"r"}, "m", "/v1/chat/completions", 1}, now_));
  }

  void run() {
    for (int step = 0; step < 2'000 && it_.count().live > 0; ++step) next();
  }

  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }

  [[nodiscard]] request_record const& poison() const { return *it_.find(request_serial{poison_}); }

  [[nodiscard]] std::uint64_t completed() const { return it_.count().completed; }

private:
  struct running {
    run_request decision;
    int steps = 0;
  };

  void start(std::uint64_t engine) {
    for (int i = 0; i < 4; ++i) {
      slot_offer made{{++slots_}, {"a" + std::to_string(engine)}, {1}, {1}, "m"};
      made.resumes.chat = true;
      made.identity = 7;
      take(it_.slot_opened(made, now_));
    }
  }

  void take(dispatch_decisions const& decisions) {
    for (auto const& each : decisions)
      if (auto const* run = std::get_if<run_request>(&each)) running_[run->serial] = {*run};
  }

  // Each request prefills for a while, then brings something, then ends; the poison never comes so far.
  void next() {
    now_.mono += std::chrono::milliseconds(10);
    take(it_.expire(now_));
    for (auto at = words_.begin(); at != words_.end();) {
      if (at->second > now_.mono) {
        ++at;
        continue;
      }
      auto const engine = at->first;
      at = words_.erase(at);
      take(it_.engine_died({{"a" + std::to_string(engine)}, {1}}, now_));
      start(engine);
    }
    if (running_.empty()) return;
    auto at = running_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(running_.size())));
    auto const serial = at->first;
    auto const run = at->second.decision;
    int const steps = ++at->second.steps;
    if (serial.value == poison_ && steps == 3) return die(run.slot->agent);
    if (steps == 4) return take(it_.first_byte(serial, run.number, now_));
    if (steps < 9) return;
    running_.erase(at);
    take(it_.ended(serial, run.number, attempt_outcome::completed, now_));
  }

  void die(agent_id const& agent) {
    ++deaths_;
    words_.emplace(std::stoull(agent.value.substr(1)), now_.mono + std::chrono::milliseconds(random_.below(900)));
    std::vector<slot_serial> idle;
    for (auto const& [slot, offer] : it_.idle_slots())
      if (offer->agent == agent) idle.push_back(slot);
    for (auto const slot : idle) it_.slot_closed(slot, now_);
    auto const lost = running_;
    std::erase_if(running_, [&](auto const& each) { return each.second.decision.slot->agent == agent; });
    for (auto const& [serial, run] : lost) {
      if (run.decision.slot->agent != agent) continue;
      auto const outcome =
          run.steps >= 4 || run.decision.resumes ? attempt_outcome::lost_late : attempt_outcome::lost_early;
      take(it_.ended(serial, run.decision.number, outcome, now_));
    }
  }

  random_source random_;
  std::uint64_t engines_;
  dispatcher it_{{}};
  instant now_{mono_time{seconds(1)}, wall_time{}};
  std::uint64_t slots_ = 0, poison_ = 0, deaths_ = 0;
  std::map<request_serial, running> running_;
  std::map<std::uint64_t, mono_time> words_; // of engines that died: when their agents say so
};

TEST(DispatcherLaws, REQ_12_OnePoisonAmongEightCostsTwoEnginesAndNobodyElse) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed)
    for (std::uint64_t engines = 2; engines <= 4; ++engines) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", engines " + std::to_string(engines));
      poisoned_cluster cluster(seed, engines);
      cluster.run();
      ASSERT_EQ(cluster.poison().failure, request_failure::poison);
      ASSERT_EQ(cluster.deaths(), 2U);
      ASSERT_EQ(cluster.completed(), 7U);
    }
}

// The product's table of ways is the one above.
TEST(RequestStates, AreTheWaysOfTheDesign) {
  std::size_t ways = 0;
  constexpr std::array all{request_state::queued,    request_state::routed,   request_state::processing,
                           request_state::streaming, request_state::resuming, request_state::completed,
                           request_state::failed};
  for (auto const from : all)
    for (auto const to : all) {
      EXPECT_EQ(is_edge(from, to), is_way(from, to)) << to_string(from) << " to " << to_string(to);
      ways += is_way(from, to) ? 1 : 0;
    }
  EXPECT_EQ(ways, state_edges.size()) << "none twice";
}

} // namespace
} // namespace paddler
