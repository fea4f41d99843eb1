#include "sim/simulator.hpp"

#include "runtime/check.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/stand_in.hpp"

#include <cstdio>
#include <utility>

namespace paddler_sim {
namespace {

constexpr std::size_t turns_limit = 1'000'000; // of one event: more is a loop that never waits
constexpr auto beginning_of_time = std::chrono::seconds(1'790'000'000);

void mix(std::uint64_t& hash, std::string_view text) {
  for (char const c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
}

void mix(std::uint64_t& hash, std::uint64_t number) {
  for (int i = 0; i < 8; ++i, number >>= 8U) hash = (hash ^ (number & 0xffU)) * 1099511628211ULL;
}

} // namespace

simulator::simulator(std::uint64_t seed, settings given) : how(given), random_(seed) { set_stand_in_world(this); }

simulator::~simulator() {
  calls_.clear();
  processes_.clear();
  set_stand_in_world(nullptr);
}

process& simulator::add_process(std::string name, host_id host) {
  return *processes_.emplace_back(std::make_unique<process>(std::move(name), host));
}

duration simulator::between(duration least, duration most) {
  if (most <= least) return least;
  auto const span = static_cast<std::uint64_t>((most - least).count());
  return least + duration(static_cast<duration::rep>(random_.below(span + 1)));
}

// --- time ---

std::uint64_t simulator::add(mono_time when, process* who, std::move_only_function<void()> turn) {
  auto const number = ++numbers_;
  calls_.emplace(number, call{who, std::move(turn)});
  queue_.push({std::max(when, now_), number});
  return number;
}

std::uint64_t simulator::at(mono_time when, process& who, std::function<void()> turn) {
  return add(when, &who, std::move(turn));
}

std::uint64_t simulator::at(mono_time when, std::function<void()> turn) { return add(when, nullptr, std::move(turn)); }

std::uint64_t simulator::call_after(duration delay, std::move_only_function<void()> then) {
  ensure(current_ != nullptr, "a timer was asked for outside of any simulated process");
  if (how.early_timers > 0 && delay > duration{} && likely(how.early_timers)) {
    count("timer.early");
    return add(now_, current_, std::move(then));
  }
  auto const late = how.timer_slack > duration{} && delay > duration{} ? between({}, how.timer_slack) : duration{};
  return add(now_ + std::max(delay, duration{}) + late, current_, std::move(then));
}

void simulator::run_blocking(void const* pool, std::move_only_function<void()> job) {
  ensure(current_ != nullptr, "a blocking call was made outside of any simulated process");
  auto& busy = pools_[pool];
  busy = std::max(busy, now_) + between(how.blocking_least, how.blocking_most);
  if (how.blocking_stall > duration{} && likely(0.01)) {
    count("blocking.stalled");
    busy += between({}, how.blocking_stall);
  }
  add(busy, current_, std::move(job));
}

wall_time simulator::wall_now() {
  auto const offset = current_ != nullptr ? current_->wall_offset : duration{};
  return wall_time{beginning_of_time + now_.time_since_epoch() + offset};
}

// --- turns ---

void simulator::run_in(process& who, std::function<void()> const& turn) {
  auto* const before = std::exchange(current_, &who);
  turn();
  drain(who);
  current_ = before;
}

void simulator::drain(process& who) {
  std::size_t turns = 0;
  while (who.ready_.run_one()) ensure(++turns < turns_limit, "a simulated process never waits");
}

void simulator::execute(call& one) {
  ++executed_;
  mix(trace_, static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  if (one.who == nullptr) return one.turn();
  mix(trace_, one.who->name());
  current_ = one.who;
  one.turn();
  drain(*one.who);
  current_ = nullptr;
}

void simulator::run_until(mono_time when) {
  run_until(when, [] { return false; });
}

bool simulator::run_until(mono_time when, std::function<bool()> const& done) {
  while (!queue_.empty() && queue_.top().when <= when) {
    auto const next = queue_.top();
    queue_.pop();
    auto const at = calls_.find(next.number);
    if (at == calls_.end()) continue;
    auto one = std::move(at->second);
    calls_.erase(at);
    now_ = std::max(now_, next.when);
    if (one.who != nullptr && one.who->paused_) {
      auto const kept = std::make_shared<std::move_only_function<void()>>(std::move(one.turn));
      one.who->held_back.emplace_back([kept] { (*kept)(); });
      continue;
    }
    execute(one);
    if (done()) return true;
  }
  now_ = std::max(now_, when);
  return done();
}

void simulator::pause(process& who) { who.paused_ = true; }

void simulator::resume(process& who) {
  if (!std::exchange(who.paused_, false)) return;
  for (auto& turn : std::exchange(who.held_back, {})) at(now_, who, std::move(turn));
}

// --- what a run has seen ---

void simulator::note(std::string_view what) { mix(trace_, what); }

void simulator::count(std::string_view probe, std::uint64_t times) {
  if (times == 0) return;
  auto const at = log_counts_.find(probe);
  if (at == log_counts_.end())
    log_counts_.emplace(probe, times);
  else
    at->second += times;
}

void simulator::say(std::string_view what, std::string_view more) {
  if (!how.print) return;
  auto const seconds = std::chrono::duration<double>(now_.time_since_epoch() - std::chrono::hours(1)).count();
  std::printf("%10.6f %-12s %.*s %.*s\n", seconds, current_ != nullptr ? current_->name().c_str() : "-",
              static_cast<int>(what.size()), what.data(), static_cast<int>(more.size()), more.data());
}

void simulator::logged(std::string_view /*level*/, std::string_view event, std::string_view message) {
  mix(trace_, event);
  count(event);
  say(event, message);
  if (on_log && current_ != nullptr && current_->alive()) on_log(*current_, event, message);
}

} // namespace paddler_sim
