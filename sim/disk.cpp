#include "sim/disk.hpp"

#include <algorithm>
#include <utility>

namespace paddler_sim {
namespace {

class sim_store final : public state_store {
public:
  sim_store(simulator& sim, std::shared_ptr<sim_disk> disk, process const& owner)
      : sim_(sim), disk_(std::move(disk)), owner_(owner) {}

  result<stored_state> blocking_open() override {
    if (!owner_.alive()) return gone();
    if (disk_->forgets && !disk_->log.empty()) {
      disk_->log.pop_back();
      disk_->archive.pop_back();
      disk_->durable_at.pop_back();
    }
    disk_->owner = &owner_;
    disk_->leader = disk_->leader.next();
    broken_ = false;
    stored_state out;
    out.leader = disk_->leader;
    out.log = disk_->log;
    out.base = disk_->base;
    return out;
  }

  result<void> blocking_append(std::span<log_record const> records) override {
    return write([&] {
      disk_->log.insert(disk_->log.end(), records.begin(), records.end());
      disk_->archive.insert(disk_->archive.end(), records.begin(), records.end());
      disk_->durable_at.resize(disk_->archive.size(), sim_.now());
    });
  }

  result<void> blocking_compact(revision last, snapshot_fold const& fold) override {
    return write([&] {
      auto const end = std::ranges::find_if(disk_->log, [last](auto const& each) { return each.number > last; });
      std::vector<log_record> const folded(disk_->log.begin(), end);
      disk_->base = fold(disk_->base.value_or(state_snapshot{}), folded);
      disk_->log.erase(disk_->log.begin(), end);
      sim_.count("disk.compacted");
    });
  }

  void blocking_close() override {}

private:
  static std::unexpected<error> gone() { return fail(error_code::closed, "the process is gone"); }

  static std::unexpected<error> broken() { return fail(error_code::storage, "the disk failed"); }

  result<void> write(std::function<void()> const& change) {
    if (!owner_.alive() || disk_->owner != &owner_) return gone();
    if (broken_) return broken();
    if (sim_.likely(disk_->faults.full)) {
      sim_.count("disk.full");
      return fail(error_code::full, "the disk is full");
    }
    if (sim_.likely(disk_->faults.broken)) {
      sim_.count("disk.broken");
      broken_ = true;
      if (sim_.likely(0.5)) change();
      return broken();
    }
    change();
    if (disk_->written) disk_->written();
    return {};
  }

  simulator& sim_;
  std::shared_ptr<sim_disk> disk_;
  process const& owner_;
  bool broken_ = false;
};

} // namespace

std::unique_ptr<state_store> make_sim_store(simulator& sim, std::shared_ptr<sim_disk> disk, process const& owner) {
  return std::make_unique<sim_store>(sim, std::move(disk), owner);
}

} // namespace paddler_sim
