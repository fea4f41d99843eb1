// DUR-01: the power goes at every operation on the disk, with every damage that it may do.
#include "base/random.hpp"
#include "store/crash_vfs.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_testing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace paddler {
namespace {

constexpr char const* state_path = "/disk/state.db";
constexpr int transactions = 60;
constexpr std::uint64_t largest_commit = 4;
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t least_runs = 1; // one history
#else
constexpr std::uint64_t least_runs = 5'000;
#endif

// Of `make soak` more: PADDLER_POWER_CUTS=1000000.
std::uint64_t wanted_runs() {
  auto const* const told = std::getenv("PADDLER_POWER_CUTS");
  return told == nullptr ? least_runs : std::strtoull(told, nullptr, 10);
}

// What was found over many power cuts.
struct findings {
  std::uint64_t runs = 0;
  std::uint64_t lost = 0;    // acknowledged records that are gone
  std::uint64_t torn = 0;    // commits of which a part is there
  std::uint64_t corrupt = 0; // the store does not open, or holds something else
  std::string first;         // words on the first of them
};

// One history on one disk, cut at each of its operations.
class history {
public:
  history(std::uint64_t seed, std::string synchronous, findings& out)
      : random_(seed), synchronous_(std::move(synchronous)), out_(out), disk_(std::make_shared<crash_disk>(seed)) {
    disk_->during_operation = [this] { cut(); };
  }

  void run() {
    auto store = make(disk_);
    auto const opened = store->blocking_open();
    ASSERT_TRUE(opened.has_value()) << describe(opened.error());
    epoch_ = opened->leader;
    for (int i = 0; i < transactions; ++i) {
      under_way_ = 1 + random_.below(largest_commit);
      auto const records = sample_records(under_way_, acknowledged_ + 1);
      auto const written = store->blocking_append(records);
      ASSERT_TRUE(written.has_value()) << describe(written.error());
      acknowledged_ += std::exchange(under_way_, 0);
    }
  }

private:
  std::unique_ptr<state_store> make(std::shared_ptr<crash_disk> const& disk) const {
    return make_sqlite_store(state_path, {.files = disk, .synchronous = synchronous_});
  }

  void cut() {
    for (auto const damage : all_damages) {
      ++out_.runs;
      auto const left = disk_->after_power_cut(damage, random_.next());
      look(*make(left), to_string(damage));
    }
  }

  void look(state_store& store, std::string_view damage) {
    auto const found = store.blocking_open();
    if (!found) return note(out_.corrupt, damage, describe(found.error()));
    auto const count = found->log.size();
    if (found->log != sample_records(count)) return note(out_.corrupt, damage, "other records");
    if (count < acknowledged_) return note(out_.lost, damage, std::to_string(acknowledged_ - count) + " records");
    if (found->leader <= epoch_) return note(out_.lost, damage, "the epoch");
    if (count != acknowledged_ && count != acknowledged_ + under_way_)
      note(out_.torn, damage, std::to_string(count - acknowledged_) + " of " + std::to_string(under_way_));
  }

  void note(std::uint64_t& kind, std::string_view damage, std::string const& what) {
    if (++kind > 1 || !out_.first.empty()) return;
    out_.first = "operation " + std::to_string(disk_->operations()) + ", " + std::string(damage) + ": " + what;
  }

  random_source random_;
  std::string synchronous_;
  findings& out_;
  std::shared_ptr<crash_disk> disk_;
  epoch epoch_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t under_way_ = 0;
};

TEST(SqliteCrash, DUR_01_a_power_cut_at_every_operation_loses_nothing) {
  findings out;
  for (std::uint64_t seed = 1; out.runs < wanted_runs() && !HasFatalFailure(); ++seed) history(seed, "FULL", out).run();
  EXPECT_EQ(out.lost, 0U) << out.first;
  EXPECT_EQ(out.torn, 0U) << out.first;
  EXPECT_EQ(out.corrupt, 0U) << out.first;
  RecordProperty("power_cuts", std::to_string(out.runs));
}

// A commit that is acknowledged before it is on the disk: this test must notice.
TEST(SqliteCrash, DUR_01_a_store_that_does_not_sync_is_found_out) {
  findings out;
  history(1, "OFF", out).run();
  EXPECT_GT(out.lost, 100U);
}

} // namespace
} // namespace paddler
