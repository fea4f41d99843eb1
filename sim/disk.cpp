#include "sim/disk.hpp"

#include <utility>

namespace paddler_sim {
namespace {

class sim_store final : public state_store {
public:
  sim_store(simulator& sim, std::shared_ptr<sim_disk> disk, process const& owner)
      : sim_(sim), disk_(std::move(disk)), owner_(owner) {}

  result<stored_state> blocking_open() override {
    if (!owner_.alive()) return gone();
    if (disk_->forgets && !disk_->log.empty()) disk_->log.pop_back();
    disk_->owner = &owner_;
    disk_->leader = disk_->leader.next();
    broken_ = false;
    stored_state out;
    out.leader = disk_->leader;
    out.log = disk_->log;
    return out;
  }

  result<void> blocking_append(std::span<log_record const> records) override {
    if (!owner_.alive() || disk_->owner != &owner_) return gone();
    if (broken_) return broken();
    if (sim_.likely(disk_->faults.full)) {
      sim_.count("disk.full");
      return fail(error_code::full, "the disk is full");
    }
    if (sim_.likely(disk_->faults.broken)) {
      sim_.count("disk.broken");
      broken_ = true;
      if (sim_.likely(0.5)) write(records);
      return broken();
    }
    write(records);
    return {};
  }

  void blocking_close() override {}

private:
  static std::unexpected<error> gone() { return fail(error_code::closed, "the process is gone"); }

  static std::unexpected<error> broken() { return fail(error_code::storage, "the disk failed"); }

  void write(std::span<log_record const> records) {
    disk_->log.insert(disk_->log.end(), records.begin(), records.end());
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
