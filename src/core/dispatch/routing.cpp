#include "core/dispatch/routing.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr std::size_t tokens_of_block = 64;               // about: four bytes each
constexpr std::size_t most_blocks = std::size_t{1} << 24; // that are told apart: 4 GiB of text
constexpr std::uint32_t percent = 100;
constexpr std::uint64_t valve_slots = 2;

// Of engines of which none was measured yet.
constexpr std::uint32_t usual_prefill_speed = 1'000;
constexpr std::uint32_t usual_decode_speed = 20;

duration time_of(std::size_t tokens, std::uint32_t speed) { return duration(std::chrono::seconds(tokens)) / speed; }

route_filter filter_of(route_candidate const& it) {
  if (it.filter != route_filter::none) return it.filter;
  return it.busy < it.total ? route_filter::none : route_filter::no_idle_slot;
}

class judge {
public:
  judge(route_question const& question, routing_policy const& policy) : question_(question), policy_(policy) {}

  route_choice decide() && {
    filter();
    close_valves();
    for_each([this](route_candidate const& it, route_score& score) { weigh(it, score); });
    auto const best = best_score();
    if (best == nullptr) return std::move(out_);
    out_.engine = best->engine;
    out_.reason = reason_for(*best);
    return std::move(out_);
  }

private:
  template <class Do> void for_each(Do what) {
    for (std::size_t i = 0; i < out_.scores.size(); ++i)
      if (out_.scores[i].is_eligible()) what(question_.candidates[i], out_.scores[i]);
  }

  void filter() {
    bool any_other = false;
    for (auto const& it : question_.candidates) {
      out_.scores.push_back({.engine = it.engine, .filter = filter_of(it)});
      any_other = any_other || (out_.scores.back().is_eligible() && !it.lost_it);
    }
    if (!any_other) return;
    for_each([](route_candidate const& it, route_score& score) { score.avoided = it.lost_it; });
  }

  // With it, what the scores depend on that is not of one engine alone.
  void close_valves() {
    route_candidate const* least = nullptr;
    for_each([&](route_candidate const& it, route_score&) {
      if (least == nullptr || is_less_busy(it, *least)) least = &it;
      most_ahead_ = std::max(most_ahead_, it.ahead);
      prefill_speed_ = std::max(prefill_speed_, it.prefill_speed);
      decode_speed_ = std::max(decode_speed_, it.decode_speed);
    });
    for_each([&](route_candidate const& it, route_score& score) {
      score.saturated = is_saturated(it, *least);
      if (score.saturated) return;
      if (policy_.strategy == routing_strategy::prefix)
        score.cached_blocks = std::min(it.cached_blocks, question_.prompt_blocks);
      is_cached_ = is_cached_ || score.cached_blocks > 0;
      has_session_ = has_session_ || it.has_session;
    });
    if (prefill_speed_ == 0) prefill_speed_ = usual_prefill_speed;
    if (decode_speed_ == 0) decode_speed_ = usual_decode_speed;
  }

  static bool is_less_busy(route_candidate const& a, route_candidate const& b) {
    return std::uint64_t{a.busy} * b.total < std::uint64_t{b.busy} * a.total;
  }

  // Both sides of each comparison times the slots of both.
  [[nodiscard]] bool is_saturated(route_candidate const& it, route_candidate const& least) const {
    auto const own = std::uint64_t{it.busy} * least.total;
    auto const at_least = std::uint64_t{least.busy} * it.total;
    if (own < at_least + valve_slots * least.total) return false;
    return (own - at_least) * percent > std::uint64_t{policy_.saturation_percent} * it.total * least.total;
  }

  void weigh(route_candidate const& it, route_score& score) const {
    if (policy_.strategy == routing_strategy::round_robin) return;
    score.load = policy_.full_load * it.busy / it.total;
    if (policy_.strategy == routing_strategy::session && has_session_ && (!it.has_session || score.saturated))
      score.away = policy_.full_load;
    if (!(policy_.strategy == routing_strategy::session && has_session_)) score.pace = pace_of(it);
    if (!is_cached_) return;
    auto const to_read = std::min(question_.prompt_blocks - score.cached_blocks, most_blocks);
    score.prefill = time_of(to_read * tokens_of_block, it.prefill_speed == 0 ? prefill_speed_ : it.prefill_speed);
    score.token = time_of(1, it.decode_speed == 0 ? decode_speed_ : it.decode_speed);
  }

  // The share of the one that is ahead most, so that it does not matter how long requests take. In doubles: a quotient
  // of two that are given is the same on every machine.
  [[nodiscard]] duration pace_of(route_candidate const& it) const {
    if (it.ahead <= duration{}) return {};
    auto const most = policy_.full_load * std::min(policy_.pace_percent, policy_.saturation_percent) / percent;
    auto const share = static_cast<double>(it.ahead.count()) / static_cast<double>(most_ahead_.count());
    return duration(static_cast<duration::rep>(static_cast<double>(most.count()) * share));
  }

  [[nodiscard]] route_score const* best_score() {
    route_score const* best = nullptr;
    for_each([&](route_candidate const&, route_score& score) {
      if (best == nullptr || score.total() < best->total() ||
          (score.total() == best->total() && waits(score) < waits(*best)))
        best = &score;
    });
    return best;
  }

  // How many turns are before its own.
  [[nodiscard]] std::uint16_t waits(route_score const& score) const {
    return static_cast<std::uint16_t>(static_cast<unsigned>(score.engine) - static_cast<unsigned>(question_.turn));
  }

  [[nodiscard]] route_reason reason_for(route_score const& best) const {
    if (is_kept(best.engine)) return route_reason::kept;
    if (policy_.strategy == routing_strategy::round_robin) return route_reason::turn;
    if (best.cached_blocks > 0) return route_reason::prefix;
    if (policy_.strategy == routing_strategy::session && has_session_) return route_reason::session;
    return route_reason::load;
  }

  [[nodiscard]] bool is_kept(engine_ordinal engine) const {
    return std::ranges::any_of(question_.candidates,
                               [engine](auto const& it) { return it.kept && it.engine == engine; });
  }

  route_question const& question_;
  routing_policy const& policy_;
  // Of those that are eligible.
  bool is_cached_ = false;
  bool has_session_ = false; // one that is not saturated
  duration most_ahead_{};
  std::uint32_t prefill_speed_ = 0; // the greatest: what was not measured yet shall be tried
  std::uint32_t decode_speed_ = 0;
  route_choice out_;
};

} // namespace

route_choice choose_route(route_question const& question, routing_policy const& policy) {
  return judge(question, policy).decide();
}

engine_ordinal next_turn(engine_ordinal chosen) {
  return engine_ordinal{static_cast<std::uint16_t>(static_cast<unsigned>(chosen) + 1U)};
}

} // namespace paddler
