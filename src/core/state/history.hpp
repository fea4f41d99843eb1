// Desired state's past: the newest changes one by one, and what was before them as one snapshot.
//
// Old versions are immutable and shared: a slice of the past is cheap to take, and whoever took it may fold it on
// another thread, however long that takes. Older changes are folded into the snapshot in steps, so that the past stays
// bounded in number, bytes and age (retention).
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/state/desired_state.hpp"
#include "model/history.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace paddler {

// What is kept one by one.
struct history_policy {
  std::size_t max_records = 1000;
  std::size_t max_bytes = std::size_t{64} << 20;      // of their documents, about
  duration max_age = std::chrono::hours(24) * 30;     // by the wall clock
  std::size_t always_kept = 100;                      // newest ones, whatever their age: wall clocks step
  std::size_t max_folded_at_once = 256;               // a step of folding holds up the next change; see surplus()
  duration look_at_age_every = std::chrono::hours(1); // where nothing changes
  std::size_t slack = 100;                            // what is too much waits until it is so many
};

// The records behind a snapshot, in order and without a gap. Values that never change.
struct history_slice {
  std::shared_ptr<state_snapshot const> base = std::make_shared<state_snapshot>();
  std::vector<std::shared_ptr<log_record const>> records;
};

// Desired state after a slice. Costs what is in it.
desired_state fold(history_slice const& slice);

// A slice as one snapshot.
state_snapshot fold_snapshot(history_slice const& slice, wall_time taken);

class state_history {
public:
  explicit state_history(history_policy const& policy = {}) : policy_(policy) {}

  // Before the first change: what was stored.
  void begin(state_snapshot base, std::span<log_record const> log);
  void add(log_record const& record);

  // The oldest and the newest revision as of which desired state is known.
  [[nodiscard]] revision oldest() const { return base_->at; }

  [[nodiscard]] revision newest() const { return records_.empty() ? base_->at : records_.back()->number; }

  // What led to this revision. `not_found`: it was not made yet; `gone`: its records are folded into a newer snapshot.
  [[nodiscard]] result<history_slice> up_to(revision wanted) const;
  [[nodiscard]] history_slice all() const;

  // The newest revision that had been made at that time. `gone` where that is not known any more. The snapshot's
  // `taken` is the time of its last change.
  [[nodiscard]] result<revision> as_of(wall_time time) const;

  // Up to which revision the past is to be folded into the snapshot now; nothing where all of it may stay. A step
  // writes the whole snapshot, however little it folds: the more agents stand in it, the more records a step waits for
  // and takes, so that what folding costs a change does not grow with them.
  [[nodiscard]] std::optional<revision> surplus(wall_time now) const;

  // The snapshot that took the place of older records.
  void compacted(std::shared_ptr<state_snapshot const> base);

  [[nodiscard]] history_policy const& policy() const { return policy_; }

private:
  history_policy policy_;
  std::shared_ptr<state_snapshot const> base_ = std::make_shared<state_snapshot>();
  std::deque<std::shared_ptr<log_record const>> records_;
  std::size_t bytes_ = 0; // of the records, about
};

// How much of the past a list of changes shows.
struct revision_filter {
  std::optional<revision> before; // those older than this one
  std::string path;               // that change something beneath it, as path_covers() says; empty: all
  std::size_t limit = 20;
};

inline constexpr std::size_t max_listed_revisions = 1000;
inline constexpr std::size_t max_listed_fields = 100; // of one change
inline constexpr std::size_t max_listed_agents = 100;

// The newest first.
std::vector<revision_view> list_revisions(history_slice const& slice, revision_filter const& filter);

// A change as people read it.
revision_view view_revision(log_record const& record, desired_news const& news);

} // namespace paddler
