// Who uses a cluster. One more kind: a row in workloads.cpp.
#pragma once
#include <span>
#include <string_view>

namespace paddler_sim {

struct stage;

struct workload {
  std::string_view name;
  void (*start)(stage&);
  bool changes_state; // it ends before convergence is judged; the others end afterwards
  void (*finish)(stage&);
};

std::span<workload const> all_workloads();

} // namespace paddler_sim
