// The only way to run tasks beside each other: every spawned task belongs to a group, and a group is joined.
#pragma once
#include "runtime/task.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace paddler {

// What an exception that escapes a task of the group does.
enum class on_escape {
  log_and_ignore, // the other tasks go on: connections, requests
  fail_process,   // nothing works without this task: a reconciler, a store writer
};

// A named set of running tasks. Lives on one executor: all functions but cancel() are called from its thread, or before
// its loop runs. Must be joined before it is destroyed (the process ends otherwise).
class task_group {
public:
  task_group(asio::any_io_executor executor, std::string name, on_escape policy = on_escape::log_and_ignore);
  ~task_group();
  task_group(task_group const&) = delete;
  task_group& operator=(task_group const&) = delete;

  // Starts the task: at once, up to its first wait, when called on the executor's thread. `child` names it in logs and
  // must be a literal or live as long as the group. In a cancelled group the task starts with its cancellation pending.
  void spawn(char const* child, task<> work);

  // Asks every task, present and future, to end; total: every wait ends, whatever it waits for. Posted, so callable
  // from any thread and from the group's own tasks. Exceptions of Asio's cancellation are off inside the tasks: waits
  // report it as an error or as false.
  void cancel();

  // Returns when no task is left. Not itself cancellable.
  task<> join();

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] asio::any_io_executor executor() const;

private:
  struct state;
  std::shared_ptr<state> state_; // also held by what is posted
};

} // namespace paddler
