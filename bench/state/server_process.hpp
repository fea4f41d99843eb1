// The process that is measured: a balancer, or the bare server beside it; and what the kernel says of it.
#pragma once
#include "base/time.hpp"
#include "engine/child_process.hpp"
#include "net/transport.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace paddler {

struct process_usage {
  duration cpu{}; // of all its threads, user and system
  std::uint64_t resident_bytes = 0;
  std::uint64_t peak_bytes = 0; // the most that was resident
};

// Nothing but zeros where there is no such process.
process_usage usage_of(std::int64_t pid);

// Started by start(); lives on one executor; kill() it before it is destroyed.
class server_process {
public:
  explicit server_process(asio::any_io_executor const& executor)
      : executor_(executor), said_(executor), tasks_(executor, "server") {}

  // Waits for the log line that names the management address, which it gives. `arguments` without the program's name.
  // It may open as many files as this process may. Throws std::runtime_error where it does not come up.
  task<host_and_port> start(std::string program, std::vector<std::string> arguments);

  // Kills it, as kill -9 does, and waits for its end.
  task<> kill();

  [[nodiscard]] std::int64_t pid() const { return child_->pid(); }

  [[nodiscard]] process_usage usage() const { return usage_of(child_->pid()); }

private:
  void take(std::string_view line);
  task<> watch(std::shared_ptr<child_process> child);

  asio::any_io_executor executor_;
  std::shared_ptr<child_process> child_;
  std::string address_;
  bool ended_ = true;
  wakeup said_;
  task_group tasks_;
};

} // namespace paddler
