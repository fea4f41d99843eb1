// Virtual time for real processes: every simulated process has an event loop of its own, and all of them run on one
// thread, one event after the other, in the order of a clock that jumps.
//
// It stands in for the machine (ports/world.hpp): what the shell asks of clocks, timers, chance and threads while a
// process has its turn is answered from here. The same seed gives the same events, bit for bit; `trace()` is a hash of
// all of them.
#pragma once
#include "base/random.hpp"
#include "ports/world.hpp"
#include "runtime/task.hpp"
#include "sim/turn_queue.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace paddler_sim {

using namespace paddler;

// A machine of the simulated network.
using host_id = std::uint32_t;

// One simulated process. Owned by the simulator, and kept until its end.
class process {
public:
  process(std::string name, host_id host) : name_(std::move(name)), host_(host) {}

  [[nodiscard]] std::string const& name() const { return name_; }

  [[nodiscard]] host_id host() const { return host_; }

  asio::any_io_executor executor() { return ready_.executor(); }

  // False once it was killed. Its tasks then unwind in a world of their own: no disk, no network hears of them.
  [[nodiscard]] bool alive() const { return alive_; }

  // When it was killed, if it was.
  [[nodiscard]] std::optional<mono_time> died_at() const { return died_at_; }

  [[nodiscard]] bool paused() const { return paused_; }

  // Its wall clock goes ahead of the simulator's by so much.
  duration wall_offset{};

private:
  friend class simulator;
  std::string name_;
  host_id host_;
  bool alive_ = true;
  std::optional<mono_time> died_at_;
  bool paused_ = false;
  std::vector<std::function<void()>> held_back; // what came while it was paused
  turn_queue ready_;
};

class simulator final : public world {
public:
  // How unkind the simulated machines are.
  struct settings {
    duration blocking_least = std::chrono::microseconds(20); // what a blocking call takes
    duration blocking_most = std::chrono::milliseconds(2);
    duration blocking_stall{}; // what one in a hundred of them may take on top
    duration timer_slack{};    // each timer fires late by up to this
    double early_timers = 0;   // the share of timers that fire at once
    bool print = false;        // every line of the log, with its virtual time
  };

  simulator(std::uint64_t seed, settings how);
  ~simulator() override;

  process& add_process(std::string name, host_id host);

  // Runs `turn` as the process, then whatever became ready in it.
  void run_in(process& who, std::function<void()> const& turn);

  // Runs `turn` as the process at that time; a paused one has it when it goes on.
  std::uint64_t at(mono_time when, process& who, std::function<void()> turn);

  std::uint64_t after(duration delay, process& who, std::function<void()> turn) {
    return at(now_ + delay, who, std::move(turn));
  }

  // Runs `turn` as nobody: faults, checks.
  std::uint64_t at(mono_time when, std::function<void()> turn);

  void pause(process& who);
  void resume(process& who);

  // From now on the process is dead to everybody else.
  void detach(process& who) {
    who.alive_ = false;
    who.died_at_ = now_;
  }

  // Runs events up to and including that time; the clock stands there then.
  void run_until(mono_time when);
  // Runs events until `done`, or until that time. Whether it is done.
  bool run_until(mono_time when, std::function<bool()> const& done);

  [[nodiscard]] mono_time now() const { return now_; }

  [[nodiscard]] process* current() const { return current_; }

  random_source& chance() { return random_; }

  [[nodiscard]] bool likely(double probability) { return random_.unit() < probability; }

  // Uniform in [least, most].
  duration between(duration least, duration most);

  void note(std::string_view what); // into the trace

  [[nodiscard]] std::uint64_t trace() const { return trace_; }

  [[nodiscard]] std::uint64_t events() const { return executed_; }

  // How often each event's name was logged by any process: what a run has seen.
  [[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> const& log_counts() const { return log_counts_; }

  void count(std::string_view probe, std::uint64_t times = 1);
  void say(std::string_view what, std::string_view more = {}); // printed where lines are

  settings how;

  // Where set, sees each line that a living process logs.
  std::function<void(process& who, std::string_view event, std::string_view message)> on_log;

  // --- world ---
  mono_time mono_now() override { return now_; }

  wall_time wall_now() override;

  std::uint64_t random() override { return random_.next(); }

  std::uint64_t call_after(duration delay, std::move_only_function<void()> then) override;

  void forget(std::uint64_t call) override { calls_.erase(call); }

  void run_blocking(void const* pool, std::move_only_function<void()> job) override;
  void logged(std::string_view level, std::string_view event, std::string_view message) override;

private:
  struct call {
    process* who = nullptr;
    std::move_only_function<void()> turn;
  };

  struct due {
    mono_time when;
    std::uint64_t number;

    bool operator>(due const& other) const { return std::tie(when, number) > std::tie(other.when, other.number); }
  };

  std::uint64_t add(mono_time when, process* who, std::move_only_function<void()> turn);
  void execute(call& one);
  void drain(process& who);

  mono_time now_{std::chrono::hours(1)};
  random_source random_;
  process* current_ = nullptr;
  std::vector<std::unique_ptr<process>> processes_;
  std::priority_queue<due, std::vector<due>, std::greater<>> queue_;
  std::unordered_map<std::uint64_t, call> calls_; // by number; those that were forgotten are missing
  std::uint64_t numbers_ = 0;
  std::uint64_t executed_ = 0;
  std::uint64_t trace_ = 14695981039346656037ULL;
  std::map<void const*, mono_time> pools_; // until when each is busy
  std::map<std::string, std::uint64_t, std::less<>> log_counts_;
};

} // namespace paddler_sim
