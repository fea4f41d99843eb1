// Laws of the queue over random histories: it does what a plain model of the rules does, step by step; and what the
// rules promise holds of what comes out, whatever the rules are.
#include "base/random.hpp"
#include "core/dispatch/request_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace paddler {
namespace {

using enum request_class;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array classes{interactive, normal, bulk};

std::string text(std::vector<request_serial> const& serials) {
  std::string out;
  for (auto const each : serials) out += std::to_string(each.value) + " ";
  return out;
}

// The rules in the plainest words: a list, and nothing but searches of it. As in the paper, a client is remembered for
// ever, and the virtual time never goes back.
class plain_queue {
public:
  explicit plain_queue(queue_policy const& policy) : policy_(policy) {}

  std::optional<std::vector<request_serial>> push(std::string const& model, queued_request const& request) {
    item const added{model, request, lane_of(request.level), true};
    auto const measures = std::array{&one, &bytes};
    for (auto* measure : measures)
      if (!has_room(*measure, added)) return std::nullopt;
    std::vector<request_serial> out;
    for (auto* measure : measures)
      while (sum(*measure, counts) + (*measure)(added) > limit(*measure)) {
        out.push_back(heaviest(*measure, added.lane));
        erase(out.back());
      }
    add(added);
    return out;
  }

  void put_back(std::string const& model, queued_request const& request) {
    add({model, request, lane_of(request.level), false});
  }

  void resume(std::string const& model, queued_request const& request) { add({model, request, 0, false}); }

  std::optional<request_serial> pop(std::string const& model, mono_time now) {
    auto const lane = next_lane(model, now);
    if (!lane) return std::nullopt;
    item const* best = nullptr;
    for (auto const& each : waiting)
      if (each.model == model && each.lane == *lane && (best == nullptr || turn(each) < turn(*best))) best = &each;
    auto const out = *best;
    if (out.fresh) {
      virtual_time_[{model, *lane}] = tag(out);
      tag(out) += (request_cost + out.request.bytes) / out.request.weight;
    }
    erase(out.request.serial);
    return out.request.serial;
  }

  bool erase(request_serial serial) {
    auto const at = std::ranges::find(waiting, serial, [](item const& each) { return each.request.serial; });
    if (at == waiting.end()) return false;
    auto const [model, request, lane, fresh] = *at;
    waiting.erase(at);
    if (!waits(model, lane))
      for (auto const& [place, own] : tags_)
        if (std::get<0>(place) == model && std::get<1>(place) == lane)
          virtual_time_[{model, lane}] = std::max(virtual_time_[{model, lane}], own);
    if (std::ranges::none_of(waiting, [&](item const& each) { return each.model == model; })) in_order_.erase(model);
    return true;
  }

  std::vector<request_serial> expire(mono_time now) {
    std::vector<std::pair<mono_time, request_serial>> due;
    for (auto const& each : waiting)
      if (each.request.deadline <= now) due.emplace_back(each.request.deadline, each.request.serial);
    std::ranges::sort(due);
    std::vector<request_serial> out;
    for (auto const& [at, serial] : due) out.push_back(serial);
    for (auto const serial : out) erase(serial);
    return out;
  }

  [[nodiscard]] std::optional<mono_time> next_deadline() const {
    if (waiting.empty()) return std::nullopt;
    return std::ranges::min(waiting, {}, [](item const& each) { return each.request.deadline; }).request.deadline;
  }

  struct item {
    std::string model;
    queued_request request;
    std::size_t lane = 0;
    bool fresh = true;
  };

  static std::size_t one(item const& /*each*/) { return 1; }

  static std::size_t bytes(item const& each) { return each.request.bytes; }

  static bool counts(item const& each) { return each.lane > 0; }

  template <class Measure, class Filter> [[nodiscard]] std::size_t sum(Measure measure, Filter filter) const {
    std::size_t out = 0;
    for (auto const& each : waiting)
      if (filter(each)) out += measure(each);
    return out;
  }

  std::vector<item> waiting;

private:
  using place = std::tuple<std::string, std::size_t, client_key>;
  using measure = std::size_t(item const&);

  static std::size_t lane_of(request_class level) { return 1 + static_cast<std::size_t>(level); }

  static place place_of(item const& each) { return {each.model, each.lane, each.request.client}; }

  [[nodiscard]] std::size_t limit(measure& of) const { return &of == &one ? policy_.max_requests : policy_.max_bytes; }

  bool waits(std::string const& model, std::size_t lane) const {
    return std::ranges::any_of(waiting, [&](item const& each) { return each.model == model && each.lane == lane; });
  }

  std::uint64_t& tag(item const& of) { return tags_[place_of(of)]; }

  void add(item const& added) {
    tag(added) = std::max(tag(added), virtual_time_[{added.model, added.lane}]);
    waiting.push_back(added);
  }

  // What each client holds of new requests in the lane.
  [[nodiscard]] std::map<place, std::size_t> held(measure& of, std::size_t lane) const {
    std::map<place, std::size_t> out;
    for (auto const& each : waiting)
      if (each.fresh && each.lane == lane) out[place_of(each)] += of(each);
    return out;
  }

  bool has_room(measure& of, item const& added) const {
    auto const all = sum(of, counts) + of(added);
    if (all <= limit(of)) return true;
    auto const below = sum(of, [&](item const& each) { return each.fresh && each.lane > added.lane; });
    auto const above =
        sum(of, [&](item const& each) { return counts(each) && (!each.fresh || each.lane < added.lane); });
    auto own = held(of, added.lane);
    if (!own.contains(place_of(added)) && all - below <= limit(of)) return true;
    own[place_of(added)] += of(added);
    auto clients = own.size();
    for (auto lane = added.lane + 1; lane < 4; ++lane) clients += held(of, lane).size();
    return own.at(place_of(added)) * clients + above <= limit(of);
  }

  [[nodiscard]] request_serial heaviest(measure& of, std::size_t lowest) const {
    std::pair<std::size_t, request_serial> out;
    for (std::size_t lane = 3; lane >= lowest && out.first == 0; --lane)
      for (auto const& [where, amount] : held(of, lane)) {
        request_serial newest;
        for (auto const& each : waiting)
          if (each.fresh && place_of(each) == where) newest = std::max(newest, each.request.serial);
        out = std::max(out, {amount, newest});
      }
    return out.second;
  }

  std::optional<std::size_t> next_lane(std::string const& model, mono_time now) {
    std::optional<std::size_t> highest;
    for (std::size_t lane = 4; lane-- > 0;)
      if (waits(model, lane)) highest = lane;
    if (!highest || *highest == 0) return highest;
    auto& in_order = in_order_.try_emplace(model, starving_turn).first->second;
    std::optional<std::pair<mono_time, std::size_t>> starving;
    for (auto lane = *highest + 1; lane < 4; ++lane) {
      if (!waits(model, lane)) continue;
      item const* oldest = nullptr;
      for (auto const& each : waiting)
        if (each.model == model && each.lane == lane &&
            (oldest == nullptr || each.request.serial < oldest->request.serial))
          oldest = &each;
      auto const since = oldest->request.arrived + (lane == 3 ? policy_.bulk_starvation : policy_.normal_starvation);
      if (since <= now && (!starving || std::pair(since, lane) < *starving)) starving = {since, lane};
    }
    bool const is_its_turn = starving && in_order + 1 >= starving_turn;
    in_order = is_its_turn ? 0 : in_order + 1;
    return is_its_turn ? starving->second : *highest;
  }

  // Least first: what came back, then by tag of the client's first, then by arrival.
  std::tuple<bool, std::uint64_t, request_serial> turn(item const& each) {
    return {each.fresh, each.fresh ? tag(each) : 0, each.request.serial};
  }

  queue_policy policy_;
  std::map<place, std::uint64_t> tags_;
  std::map<std::pair<std::string, std::size_t>, std::uint64_t> virtual_time_;
  std::map<std::string, std::size_t> in_order_;
};

// Both queues, through the same things.
class random_history {
public:
  explicit random_history(std::uint64_t seed)
      : random_(seed), policy_(any_policy(random_)), it_(policy_), plain_(policy_) {}

  void step() {
    switch (random_.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: push(); break;
    case 5:
    case 6: pop(); break;
    case 7: put_back(); break;
    case 8: resume(); break;
    case 9: erase(); break;
    default: pass(milliseconds(random_.below(4000)));
    }
    expect_sums();
  }

  // All that is left leaves, in one of three ways.
  void end() {
    auto const way = random_.below(3);
    if (way == 0)
      while (!plain_.waiting.empty()) {
        pop();
        if (testing::Test::HasFailure()) return;
      }
    else if (way == 1)
      while (!plain_.waiting.empty()) erase();
    else
      EXPECT_EQ(it_.keep_only([](std::string const&) { return false; }).size(), plain_.waiting.size());
    auto const left = it_.count();
    EXPECT_EQ(left.requests + left.bytes + left.resuming + left.clients + left.models, 0U) << "way " << way;
    EXPECT_EQ(it_.next_deadline(), std::nullopt);
  }

  std::map<std::string, std::size_t> seen;

private:
  static queue_policy any_policy(random_source& random) {
    return {.max_requests = 1 + random.below(12),
            .max_bytes = 1 + random.below(60'000),
            .normal_starvation = seconds(3),
            .bulk_starvation = seconds(9)};
  }

  std::string any_model() { return random_.below(4) == 0 ? "n" : "m"; }

  queued_request any_request() {
    queued_request out;
    out.serial = {++serials_};
    out.client = client_key{1 + random_.below(4)};
    out.level = classes[random_.below(3)];
    out.weight = static_cast<std::uint32_t>(1 + random_.below(3));
    out.bytes = random_.below(3) == 0 ? 0 : random_.below(20'000);
    out.arrived = now_;
    out.deadline = now_ + milliseconds(random_.below(30'000));
    return out;
  }

  void push() {
    auto const model = any_model();
    auto const request = any_request();
    auto const got = it_.push(model, request);
    auto const wanted = plain_.push(model, request);
    EXPECT_EQ(got.admitted, wanted.has_value());
    EXPECT_EQ(text(got.displaced), text(wanted.value_or(std::vector<request_serial>{})));
    for (auto const each : got.displaced) EXPECT_FALSE(returned_.contains(each)) << "what came back is displaced";
    auto const now = it_.count();
    if (got.admitted) EXPECT_LE(now.requests, policy_.max_requests);
    if (got.admitted) EXPECT_LE(now.bytes, policy_.max_bytes);
    ++seen[!got.admitted ? "refused" : got.displaced.empty() ? "admitted" : "displaced"];
    if (got.displaced.size() > 1) ++seen["displaced many"];
  }

  void pop() {
    auto const model = any_model();
    std::map<request_serial, plain_queue::item> before;
    for (auto const& each : plain_.waiting) before[each.request.serial] = each;
    auto const got = it_.pop(model, now_);
    ASSERT_EQ(got, plain_.pop(model, now_));
    if (!got) return;
    auto const& out = before.at(*got);
    for (auto const& [serial, each] : before)
      if (each.model == out.model && each.lane == out.lane && each.request.client == out.request.client)
        EXPECT_LE(*got, serial) << "it goes before an older one of its client";
    served_.emplace_back(out.model, out.request);
    ++seen["served"];
    for (auto const& [serial, each] : before)
      if (each.model == out.model && each.lane < out.lane) {
        ++seen["served past a higher class"];
        break;
      }
  }

  void put_back() {
    if (served_.empty()) return;
    auto const [model, request] = take_served();
    it_.put_back(model, request);
    plain_.put_back(model, request);
    ++seen["put back"];
  }

  void resume() {
    if (served_.empty() || random_.below(2) == 0) return;
    auto const [model, request] = take_served();
    it_.resume(model, request);
    plain_.resume(model, request);
    ++seen["resumed"];
  }

  std::pair<std::string, queued_request> take_served() {
    auto const at = served_.begin() + static_cast<std::ptrdiff_t>(random_.below(served_.size()));
    auto out = *at;
    served_.erase(at);
    out.second.deadline = now_ + milliseconds(random_.below(30'000));
    returned_.insert(out.second.serial);
    return out;
  }

  void erase() {
    request_serial const serial{1 + random_.below(serials_ + 1)};
    EXPECT_EQ(it_.erase(serial), plain_.erase(serial));
  }

  void pass(duration time) {
    now_ += time;
    auto const got = it_.expire(now_);
    EXPECT_EQ(text(got), text(plain_.expire(now_)));
    seen["expired"] += got.size();
  }

  void expect_sums() {
    auto const count = it_.count();
    EXPECT_EQ(count.requests, plain_.sum(plain_queue::one, plain_queue::counts));
    EXPECT_EQ(count.bytes, plain_.sum(plain_queue::bytes, plain_queue::counts));
    EXPECT_EQ(count.requests + count.resuming, plain_.waiting.size());
    EXPECT_EQ(it_.next_deadline(), plain_.next_deadline());
    auto const back = [](plain_queue::item const& each) { return plain_queue::counts(each) && !each.fresh; };
    EXPECT_LE(count.requests, policy_.max_requests + plain_.sum(plain_queue::one, back));
    EXPECT_LE(count.bytes, policy_.max_bytes + plain_.sum(plain_queue::bytes, back));
  }

  random_source random_;
  queue_policy policy_;
  request_queue it_;
  plain_queue plain_;
  mono_time now_{seconds(1000)};
  std::uint64_t serials_ = 0;
  std::vector<std::pair<std::string, queued_request>> served_;
  std::set<request_serial> returned_;
};

TEST(RequestQueueLaws, TheQueueDoesWhatThePlainRulesSay) {
  std::map<std::string, std::size_t> seen;
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_history history(seed);
    for (int i = 0; i < 60 && !testing::Test::HasFailure(); ++i) history.step();
    if (!testing::Test::HasFailure()) history.end();
    if (testing::Test::HasFailure()) return;
    for (auto const& [what, times] : history.seen) seen[what] += times;
  }
  for (auto const* what : {"admitted", "refused", "displaced", "displaced many", "served", "served past a higher class",
                           "put back", "resumed", "expired"})
    EXPECT_GT(seen[what], 500U) << what << ": hardly tried";
}

queued_request simple(std::uint64_t serial, std::uint64_t client, request_class level, mono_time now) {
  return {.serial = {serial},
          .client = client_key{client},
          .level = level,
          .arrived = now,
          .deadline = now + std::chrono::hours(1)};
}

// Theorem 1 of the paper: over any time in which two clients wait, what they are served (by weight) differs by no more
// than the largest request of each.
TEST(RequestQueueLaws, REQ_15_NoClientGetsAheadByMoreThanOneRequestOfEach) {
  constexpr std::size_t clients = 4;
  std::int64_t most = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    random_source random(seed);
    request_queue it({.max_requests = 100'000});
    mono_time const now{seconds(1)};
    std::array<std::int64_t, clients> weight{};
    for (auto& each : weight) each = seed % 2 == 0 ? 1 : static_cast<std::int64_t>(1 + random.below(4));
    std::map<request_serial, std::pair<std::size_t, std::int64_t>> waiting; // whose, at what cost
    std::array<std::int64_t, clients> served{}, largest{}, queued{};
    // What one got more than the other since both wait: the least and the most.
    std::array<std::array<std::pair<std::int64_t, std::int64_t>, clients>, clients> ahead{};
    auto const begin_anew = [&](std::size_t one) {
      for (std::size_t other = 0; other < clients; ++other) {
        auto const since = served[one] - served[other];
        ahead[one][other] = {since, since};
        ahead[other][one] = {-since, -since};
      }
    };
    std::uint64_t serial = 0;
    for (int step = 0; step < 200; ++step) {
      if (auto const what = random.below(5); what < 3) {
        auto const whose = random.below(random.below(2) == 0 ? clients : 1 + seed % clients); // some send more
        auto request = simple(++serial, 1 + whose, normal, now);
        request.bytes = random.below(2) == 0 ? 0 : random.below(50'000);
        request.weight = static_cast<std::uint32_t>(weight[whose]);
        auto const cost = static_cast<std::int64_t>(request_cost + request.bytes) / weight[whose];
        ASSERT_TRUE(it.push("m", request).admitted);
        waiting[{serial}] = {whose, cost};
        largest[whose] = std::max(largest[whose], cost);
        if (queued[whose]++ == 0) begin_anew(whose);
      } else if (!waiting.empty()) {
        auto out = std::next(waiting.begin(), static_cast<std::ptrdiff_t>(random.below(waiting.size())))->first;
        bool const is_served = what == 3 || random.below(4) > 0;
        if (is_served) out = it.pop("m", now).value();
        if (!is_served) ASSERT_TRUE(it.erase(out));
        auto const [whose, cost] = waiting.at(out);
        waiting.erase(out);
        if (is_served) served[whose] += cost;
        --queued[whose];
      }
      for (std::size_t one = 0; one < clients; ++one)
        for (std::size_t other = 0; other < clients; ++other) {
          auto& [least, greatest] = ahead[one][other];
          auto const is = served[one] - served[other];
          if (queued[one] == 0 || queued[other] == 0) continue;
          least = std::min(least, is);
          greatest = std::max(greatest, is);
          ASSERT_LE(greatest - least, largest[one] + largest[other]) << "seed " << seed << ", step " << step;
          most = std::max(most, greatest - least);
        }
    }
  }
  EXPECT_GT(most, 50'000) << "the bound is hardly tried";
}

// A client that keeps ten times as many waiting as all others together: the others wait at most twice as long as
// without it. (Each of these sends its next request when the one before was served.)
TEST(RequestQueueLaws, REQ_15_AFloodMakesOthersWaitAtMostTwiceAsLong) {
  constexpr std::uint64_t clients = 5, each_keeps = 2, rounds = 2000, slots = 2;
  auto const wait_of_others = [](std::uint64_t flood) {
    request_queue it({.max_requests = 1000});
    std::map<request_serial, std::pair<std::uint64_t, mono_time>> waiting;
    std::uint64_t serial = 0;
    mono_time now{seconds(1)};
    auto const send = [&](std::uint64_t client) {
      EXPECT_TRUE(it.push("m", simple(++serial, client, normal, now)).admitted);
      waiting[{serial}] = {client, now};
    };
    for (std::uint64_t i = 0; i < flood; ++i) send(100);
    for (std::uint64_t client = 1; client <= clients; ++client)
      for (std::uint64_t i = 0; i < each_keeps; ++i) send(client);
    std::vector<duration> waits;
    for (std::uint64_t round = 0; round < rounds; ++round, now += seconds(1))
      for (std::uint64_t slot = 0; slot < slots; ++slot) {
        auto const [client, since] = waiting.at(it.pop("m", now).value());
        if (client != 100) waits.push_back(now - since);
        send(client);
      }
    std::ranges::sort(waits);
    return waits.at(waits.size() * 95 / 100);
  };
  auto const alone = wait_of_others(0);
  EXPECT_GT(alone, seconds(0));
  EXPECT_LE(wait_of_others(clients * each_keeps * 10), 2 * alone);
}

// Whatever goes on above, a class that starves has one turn of four, and never more than one past a higher class.
TEST(RequestQueueLaws, NoClassStarves) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    random_source random(seed);
    request_queue it({.max_requests = 100'000});
    mono_time now{seconds(1000)};
    std::uint64_t serial = 0;
    std::set<request_serial> low;
    for (std::uint64_t i = 0; i < 40; ++i) {
      auto const level = random.below(2) == 0 ? normal : bulk;
      it.push("m", simple(++serial, 1 + random.below(5), level, now));
      low.insert({serial});
    }
    now += seconds(121);
    std::size_t since_low = 0;
    for (int turn = 1; turn <= 160; ++turn) {
      for (std::uint64_t i = random.below(3) + 1; i > 0; --i)
        it.push("m", simple(++serial, 1 + random.below(5), interactive, now));
      auto const out = it.pop("m", now).value();
      now += milliseconds(random.below(300));
      if (low.erase(out) == 0) {
        ++since_low;
        ASSERT_LT(since_low, starving_turn) << "seed " << seed;
      } else {
        ASSERT_TRUE(turn == 1 || since_low == starving_turn - 1) << "seed " << seed;
        since_low = 0;
      }
    }
    ASSERT_TRUE(low.empty()) << "seed " << seed;
  }
}

// With requests of one size and weight, and nobody who comes later.
TEST(RequestQueueLaws, NoMoreThanForeseenGoBefore) {
  std::size_t exactly = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    random_source random(seed);
    request_queue it({.max_requests = 100'000});
    mono_time const now{seconds(1)};
    std::uint64_t serial = 0;
    auto const any_class = [&] { return classes[random.below(3)]; };
    for (auto i = random.below(40); i > 0; --i) {
      if (random.below(3) == 0)
        it.pop("m", now);
      else
        it.push("m", simple(++serial, 1 + random.below(4), any_class(), now));
    }
    auto const newest = simple(++serial, 1 + random.below(4), any_class(), now);
    auto const foreseen = it.waiting_before("m", newest.client, newest.level);
    it.push("m", newest);
    std::size_t before = 0;
    while (it.pop("m", now) != newest.serial) ++before;
    ASSERT_LE(before, foreseen) << "seed " << seed;
    if (before == foreseen) ++exactly;
  }
  EXPECT_GT(exactly, 1000U) << "it foresees too much";
}

// Clients that come once, for ever, beside some that stay.
TEST(RequestQueueLaws, ClientsThatComeAndGoLeaveNothingBehind) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    random_source random(seed);
    request_queue it({.max_requests = 100});
    mono_time const now{seconds(1)};
    std::uint64_t serial = 0;
    for (std::uint64_t stranger = 10; stranger < 2010; ++stranger) {
      it.push("m", simple(++serial, stranger, normal, now));
      if (random.below(10) == 0) it.erase({serial});
      it.push("m", simple(++serial, 1 + random.below(3), normal, now));
      while (it.count().requests > 8) it.pop("m", now);
      ASSERT_LE(it.count().clients, 24U) << "seed " << seed;
    }
    while (it.pop("m", now)) {
    }
    ASSERT_EQ(it.count().clients, 0U);
  }
}

TEST(RequestQueueLaws, TheLimitOfClientsHoldsWhoeverComes) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    random_source random(seed);
    request_queue it({.max_requests = 50, .max_clients = 5});
    mono_time const now{seconds(1)};
    std::uint64_t serial = 0;
    for (int step = 0; step < 300; ++step) {
      auto const model = random.below(2) == 0 ? "m" : "n";
      auto const request = simple(1 + random.below(++serial + 1), 1 + random.below(50), classes[random.below(3)], now);
      switch (random.below(5)) {
      case 0: it.pop(model, now); break;
      case 1: it.erase(request.serial); break;
      case 2: it.resume(model, request); break;
      default: it.push(model, request); break;
      }
      ASSERT_LE(it.count().clients, 5U + 2 * 4) << "five, and the others of each model and class; seed " << seed;
    }
    it.keep_only([](std::string const&) { return false; });
    ASSERT_EQ(it.count().clients, 0U);
  }
}

} // namespace
} // namespace paddler
