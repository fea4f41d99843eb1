// Decides whether a history of concurrent operations is linearizable: whether every operation can be given one instant
// between its call and its return at which it happened whole, so that a sequential model explains every answer.
//
// The search is that of J. Wing and C. Gong, "Testing and Verifying Concurrent Objects" (1993), with the memory of
// G. Lowe, "Testing for Linearizability" (2017): a set of operations that were put in order, together with the state
// that they lead to, is tried once. The list with undo follows A. Horn and D. Kroening, "Faster Linearizability
// Checking via P-Compositionality" (2015), as in A. Athalye's Porcupine.
//
// An operation whose outcome is not known (no answer came) may have happened at any time from its call on, or never.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace paddler {

inline constexpr std::uint64_t never_returned = std::numeric_limits<std::uint64_t>::max();

// Times only need an order; an operation that returned at the time at which another was called overlaps it.
template <class Operation> struct timed_operation {
  std::uint64_t called = 0;
  std::uint64_t returned = never_returned;
  Operation what;
};

enum class linearizability {
  holds,
  broken,
  too_hard, // no verdict within the limit of work
};

struct linearizability_verdict {
  linearizability outcome = linearizability::holds;
  std::uint64_t steps = 0;                  // of the model
  std::vector<std::size_t> longest_order;   // where broken: the most operations that go together, in an order that does
  std::optional<std::size_t> cannot_follow; // where broken: the earliest return that nothing explains after them
};

// Steps of the model before a search is given up. A history of 2,000 operations by 8 clients takes some ten thousand.
inline constexpr std::uint64_t default_step_limit = 5'000'000;

namespace detail {

// Calls and returns in the order of time; a call knows its return.
struct history_event {
  std::size_t operation = 0;
  bool is_call = false;
  std::size_t before = 0, after = 0; // of those still in the list
  std::size_t partner = 0;           // a call's return
};

class event_list {
public:
  static constexpr std::size_t head = 0;

  template <class Operation> explicit event_list(std::span<timed_operation<Operation> const> history) {
    struct moment {
      std::uint64_t when;
      bool is_return;
      std::size_t operation;

      auto operator<=>(moment const&) const = default; // calls before returns of the same time
    };

    std::vector<moment> moments;
    for (std::size_t i = 0; i < history.size(); ++i) {
      moments.push_back({history[i].called, false, i});
      moments.push_back({history[i].returned, true, i});
    }
    std::ranges::sort(moments);
    events_.resize(moments.size() + 2); // a head and a tail
    std::vector<std::size_t> call_of(history.size());
    for (std::size_t i = 0; i < moments.size(); ++i) {
      auto const& [when, is_return, operation] = moments[i];
      events_[i + 1] = {.operation = operation, .is_call = !is_return};
      if (is_return)
        events_[call_of[operation]].partner = i + 1;
      else
        call_of[operation] = i + 1;
    }
    for (std::size_t i = 0; i < events_.size(); ++i) {
      events_[i].before = i == 0 ? 0 : i - 1;
      events_[i].after = std::min(i + 1, events_.size() - 1);
    }
  }

  [[nodiscard]] std::size_t first() const { return events_[head].after; }

  [[nodiscard]] std::size_t tail() const { return events_.size() - 1; }

  [[nodiscard]] history_event const& operator[](std::size_t at) const { return events_[at]; }

  // Takes a call and its return out.
  void lift(std::size_t call) {
    unlink(call);
    unlink(events_[call].partner);
  }

  // Puts back what was lifted last.
  void unlift(std::size_t call) {
    relink(events_[call].partner);
    relink(call);
  }

private:
  void unlink(std::size_t at) {
    auto const& each = events_[at];
    events_[each.before].after = each.after;
    events_[each.after].before = each.before;
  }

  void relink(std::size_t at) {
    auto const& each = events_[at];
    events_[each.before].after = at;
    events_[each.after].before = at;
  }

  std::vector<history_event> events_;
};

} // namespace detail

// `Model` has
//   state                                      a regular, ordered type
//   operation
//   static state initial()
//   static std::optional<state> step(state const&, operation const&)
//                                              the state after it; nothing where the answer could not have been given
// An operation that never returned is stepped too. Its answer is unknown and no reason to refuse it; where it would
// leave the state as it is, it may be refused, for then it need not have happened at all.
template <class Model>
linearizability_verdict check_linearizable(std::span<timed_operation<typename Model::operation> const> history,
                                           typename Model::state initial = Model::initial(),
                                           std::uint64_t step_limit = default_step_limit) {
  using state = typename Model::state;

  struct choice {
    std::size_t call;
    state before;
  };

  detail::event_list list(history);
  std::vector<bool> done(history.size());
  std::set<std::pair<std::vector<bool>, state>> tried;
  std::vector<choice> chosen;
  auto now = std::move(initial);
  linearizability_verdict out;
  auto const note_longest = [&](std::size_t stuck) {
    if (out.cannot_follow && chosen.size() <= out.longest_order.size()) return;
    out.longest_order.clear();
    for (auto const& each : chosen) out.longest_order.push_back(list[each.call].operation);
    out.cannot_follow = stuck;
  };
  for (auto at = list.first(); at != list.tail();) {
    auto const& event = list[at];
    bool const unknown = history[event.operation].returned == never_returned;
    if (event.is_call) {
      if (++out.steps > step_limit) return {linearizability::too_hard, out.steps, {}, {}};
      auto next = Model::step(now, history[event.operation].what);
      done[event.operation] = true;
      if (next && tried.emplace(done, *next).second) {
        chosen.push_back({at, std::exchange(now, std::move(*next))});
        list.lift(at);
        at = list.first();
        continue;
      }
      done[event.operation] = false;
      at = event.after;
      continue;
    }
    if (unknown) break; // only returns that never came are left: every answer that was given is explained
    note_longest(event.operation);
    if (chosen.empty()) {
      out.outcome = linearizability::broken;
      return out;
    }
    auto last = std::move(chosen.back());
    chosen.pop_back();
    done[list[last.call].operation] = false;
    now = std::move(last.before);
    list.unlift(last.call);
    at = list[last.call].after;
  }
  return {linearizability::holds, out.steps, {}, {}};
}

} // namespace paddler
