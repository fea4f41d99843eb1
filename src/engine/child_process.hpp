// One child process: started with nothing of ours but what it needs, watched through the event loop, never left behind.
#pragma once
#include "base/result.hpp"
#include "engine/engine_host.hpp"
#include "runtime/task.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// A running (or ended, not yet awaited) child. It
// - leads a process group of its own, and the kernel kills it when the thread that spawned it ends: spawn on a thread
//   that lives as long as the process;
// - has no descriptor of ours, /dev/null as input, and one pipe to us as output and error output;
// - writes no core dump, gains no privileges, ignores and blocks no signal.
// Lives on one executor. Its end is noticed through a pidfd; SIGCHLD stays as it was.
class child_process final : public engine_child {
public:
  // Does not wait for anything but the child's exec. `on_line` gets each line of output. The error names what the
  // system refused and the program.
  static result<std::shared_ptr<child_process>> spawn(asio::any_io_executor const& executor,
                                                      child_command const& command, output_lines::handler on_line);

  // Kills and reaps it if nobody did; then this blocks until the kernel is done with it.
  ~child_process() override;

  task<> read_output() override;
  task<process_exit> wait() override; // its whole process group is gone then
  void terminate() override;          // SIGTERM to it
  void kill() override;               // SIGKILL to its process group

  [[nodiscard]] std::int64_t pid() const override { return pid_; }

  [[nodiscard]] duration cpu_time() const override;

  [[nodiscard]] std::vector<std::string> last_lines() const override { return lines_.recent(); }

private:
  child_process(asio::any_io_executor const& executor, int pid, int pidfd, int output, output_lines::handler on_line);
  void drain_output();
  [[nodiscard]] bool is_running() const;
  process_exit blocking_reap();

  int pid_;
  bool reaped_ = false;
  asio::posix::stream_descriptor pidfd_; // readable when it has ended
  asio::posix::stream_descriptor output_;
  output_lines lines_;
};

} // namespace paddler
