// Files of the simulated machine that the balancer watches: they outlive its processes.
#pragma once
#include "runtime/watched_file.hpp"
#include "sim/simulator.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paddler_sim {

class sim_file;

class sim_files {
public:
  explicit sim_files(simulator& sim) : sim_(sim) {}

  sim_files(sim_files const&) = delete;
  sim_files& operator=(sim_files const&) = delete;

  // Whoever reads sees all of it from now on, as after a rename.
  void replace(std::string const& path, std::string content);

  void remove(std::string const& path);

  // Nothing where there is no such file.
  [[nodiscard]] std::optional<std::string> content(std::string const& path) const;

  [[nodiscard]] mono_time changed_at() const { return changed_at_; } // any of them, the last time

  // For the process whose turn it is.
  std::unique_ptr<watched_file> open(std::string const& path);

private:
  friend class sim_file;

  struct entry {
    std::optional<std::string> content;
    std::uint64_t changes = 0;
  };

  void changed(std::string const& path);

  simulator& sim_;
  std::map<std::string, entry> entries_;
  std::vector<sim_file*> open_;
  mono_time changed_at_{};
};

} // namespace paddler_sim
