// For tests: the life of a state database on a disk whose power can be cut and whose operations can fail, and what must
// be found of it afterwards.
#pragma once
#include "base/random.hpp"
#include "store/crash_vfs.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_testing.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace paddler {

inline constexpr char const* crash_state_path = "/disk/state.db";

inline std::unique_ptr<state_store> make_crash_store(std::shared_ptr<crash_disk> disk,
                                                     std::string const& synchronous = "FULL") {
  return make_sqlite_store(crash_state_path, {.files = std::move(disk), .synchronous = synchronous});
}

enum class verdict { sound, lost, torn, corrupt };

struct judgement {
  verdict kind = verdict::sound;
  std::string words;
};

// Opens, then appends one to four records at a time, and folds older ones into a snapshot now and then.
class crash_history {
public:
  crash_history(std::shared_ptr<crash_disk> disk, std::uint64_t seed, std::string const& synchronous = "FULL")
      : random_(seed), store_(make_crash_store(std::move(disk), synchronous)) {}

  // Until the first error.
  result<void> run(int transactions) {
    auto const opened = store_->blocking_open();
    if (!opened) return std::unexpected(opened.error());
    epoch_ = opened->leader;
    for (int i = 0; i < transactions; ++i) {
      if (auto written = append(); !written) return written;
      if (random_.below(6) != 0) continue;
      if (auto compacted = compact(); !compacted) return compacted;
    }
    return {};
  }

  result<void> append() {
    if (under_way_ == 0) under_way_ = 1 + random_.below(4); // else it failed before
    auto const written = store_->blocking_append(sample_records(under_way_, acknowledged_ + 1));
    if (!written) return written;
    acknowledged_ += std::exchange(under_way_, 0);
    return {};
  }

  result<void> compact() {
    if (folding_ == folded_) folding_ = std::max(folded_, acknowledged_ - std::min(acknowledged_, random_.below(8)));
    if (auto done = store_->blocking_compact({folding_}, sample_fold); !done) return done;
    folded_ = folding_;
    return {};
  }

  void close() { store_->blocking_close(); }

  // Of what a store finds now.
  [[nodiscard]] judgement judge(state_store& store) const {
    auto const found = store.blocking_open();
    if (!found) return {verdict::corrupt, describe(found.error())};
    if (auto wrong = judge_samples(*found); !wrong.empty()) return {verdict::corrupt, wrong};
    auto const last = last_revision(*found);
    if (last < acknowledged_) return {verdict::lost, std::to_string(acknowledged_ - last) + " records"};
    if (found->leader <= epoch_) return {verdict::lost, "the epoch"};
    auto const first = found->base.value_or(state_snapshot{}).at.value;
    if (first < folded_) return {verdict::lost, "the snapshot"};
    if (first != folded_ && first != folding_) return {verdict::torn, "a snapshot at " + std::to_string(first)};
    if (last != acknowledged_ && last != acknowledged_ + under_way_)
      return {verdict::torn, std::to_string(last - acknowledged_) + " of " + std::to_string(under_way_)};
    return {};
  }

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

  [[nodiscard]] std::uint64_t folded() const { return folded_; }

private:
  random_source random_;
  std::unique_ptr<state_store> store_;
  epoch epoch_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t under_way_ = 0;
  std::uint64_t folded_ = 0;
  std::uint64_t folding_ = 0;
};

} // namespace paddler
