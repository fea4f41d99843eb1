// The balancer's state database in a simulation: what is on the disk outlives the process that wrote it.
#pragma once
#include "ports/state_store.hpp"
#include "sim/simulator.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace paddler_sim {

// What a disk does to its writers.
struct disk_faults {
  double full = 0;   // a write finds no space: nothing is written
  double broken = 0; // a write fails, and whether its bytes are there is chance
};

// One balancer's disk. An append is a transaction: all of it or nothing, also when the power goes.
struct sim_disk {
  std::optional<state_snapshot> base; // what older records were folded into
  std::vector<log_record> log;        // after it
  std::vector<log_record> archive;    // every record that ever became durable: for checkers, the product never sees it
  std::vector<mono_time> durable_at;  // of each in the archive
  epoch leader;
  disk_faults faults;
  bool forgets = false;           // the newest record, whenever it is opened
  process const* owner = nullptr; // has it open
  std::function<void()> written;  // called after each write
};

std::unique_ptr<state_store> make_sim_store(simulator& sim, std::shared_ptr<sim_disk> disk, process const& owner);

} // namespace paddler_sim
