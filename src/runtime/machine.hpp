// What the machine under this process is and has.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace paddler {

struct machine_facts {
  std::string hostname;           // "localhost" where the system has none
  int cpu_cores = 1;              // that this process may run on
  std::uint64_t memory_bytes = 0; // of the machine, or of the control group where that allows less; 0: unknown
  std::vector<std::string> gpus;  // names as their driver gives them, in the driver's order
};

// Reads a few small files of /proc and /sys beneath `root` (tests give a folder of their own). What cannot be read is
// left out.
machine_facts blocking_machine_facts(std::string const& root = {});

// What this process holds for itself, without the files that it has mapped; 0 where that cannot be read.
std::uint64_t blocking_own_memory_bytes(std::string const& root = {});

} // namespace paddler
