// Which requests make engines die. A request that loses its engine is charged with it; whether the engine died is known
// a little later or earlier, from its agent: then the charge is a death. Where the agent is gone as well, or says
// nothing, the charge is dropped: machines and networks are never a request's fault.
//
// All requests of an engine are lost with it, and only one of them is to blame. So those that are suspected must run
// apart from each other until they bring something new: the caller sees to it. A request that brought something is
// suspected of nothing.
//
// Pure: no clock. Owned by one thread. Bounded by the requests that live, and by the engines that died within
// `word_within`.
#pragma once
#include "base/deadline_queue.hpp"
#include "base/ids.hpp"
#include "model/request.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace paddler {

// An agent's process, which runs one engine at a time.
struct agent_process {
  agent_id agent;
  incarnation process;
  friend auto operator<=>(agent_process const&, agent_process const&) = default;
};

class blame {
public:
  explicit blame(duration word_within) : word_within_(word_within) {}

  // The request lost its engine there.
  void lost(request_serial serial, agent_process const& where, mono_time now);

  // Each of these gives the requests whose charge was decided by it.
  std::vector<request_serial> engine_died(agent_process const& where, mono_time now);
  std::vector<request_serial> agent_gone(agent_process const& where);
  std::vector<request_serial> expire(mono_time now); // charges of which nobody said anything

  [[nodiscard]] std::optional<mono_time> next_deadline() const { return deadlines_.next(); }

  // It brought something new, or it is over.
  void acquit(request_serial serial);

  // Engines that died with it, and those of which it is not known.
  [[nodiscard]] std::uint64_t deaths(request_serial serial) const;
  [[nodiscard]] std::uint64_t charges(request_serial serial) const;

  [[nodiscard]] bool has_suspects() const { return !known_.empty(); }

  [[nodiscard]] bool is_suspect(request_serial serial) const { return known_.contains(serial); }

private:
  using charge = std::pair<request_serial, agent_process>;

  struct record {
    std::uint64_t deaths = 0;
    std::set<agent_process> charges;
  };

  void drop(charge const& which);
  std::vector<request_serial> charged_at(agent_process const& where) const;

  duration word_within_;
  std::map<request_serial, record> known_;
  std::map<agent_process, std::set<request_serial>> at_; // open charges
  std::map<agent_process, mono_time> died_;              // within word_within_
  deadline_queue<charge> deadlines_;                     // of open charges
};

// What a request may cost beyond its first attempt: for each request that comes, a part of an attempt, saved up to
// `burst` (retry budgets: "The Site Reliability Workbook", chapter 11; Finagle's RetryBudget).
class attempt_budget {
public:
  attempt_budget(double for_each, double burst) : for_each_(for_each), burst_(burst), left_(burst) {}

  void set(double for_each, double burst) {
    for_each_ = for_each;
    burst_ = burst;
    left_ = left_ < burst ? left_ : burst;
  }

  void accepted() { left_ = left_ + for_each_ < burst_ ? left_ + for_each_ : burst_; }

  // False where none is left.
  bool take() {
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

  // An attempt that was nobody's fault.
  void give_back() { left_ = left_ + 1 < burst_ ? left_ + 1 : burst_; }

private:
  double for_each_, burst_, left_;
};

} // namespace paddler
