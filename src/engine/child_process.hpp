// One child process: started with nothing of ours but what it needs, watched through the event loop, never left behind.
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/engine/engine_exit.hpp"
#include "engine/output_lines.hpp"
#include "runtime/task.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

struct child_limits {
  std::uint64_t open_files = 4096;
  std::optional<std::uint64_t> address_space_bytes; // none: not limited; mapped model files count
  int niceness = 0;                                 // 0 to 19
  int more_killable = 300; // oom_score_adj above ours: when memory runs out the engine goes, not the agent
};

struct child_command {
  std::string program;                  // path of an executable
  std::vector<std::string> arguments;   // with the program's name as first
  std::vector<std::string> environment; // "NAME=VALUE" each; nothing else is passed on
  child_limits limits;
};

// A running (or ended, not yet awaited) child. It
// - leads a process group of its own, and the kernel kills it when the thread that spawned it ends: spawn on a thread
//   that lives as long as the process;
// - has no descriptor of ours, /dev/null as input, and one pipe to us as output and error output;
// - writes no core dump, gains no privileges, ignores and blocks no signal.
// Lives on one executor. Its end is noticed through a pidfd; SIGCHLD stays as it was.
class child_process {
public:
  // Does not wait for anything but the child's exec. `on_line` gets each line of output. The error names what the
  // system refused and the program.
  static result<std::shared_ptr<child_process>> spawn(asio::any_io_executor const& executor,
                                                      child_command const& command, output_lines::handler on_line);

  // Kills and reaps it if nobody did; then this blocks until the kernel is done with it.
  ~child_process();
  child_process(child_process const&) = delete;
  child_process& operator=(child_process const&) = delete;

  // Reads its output until it ends, or the task is cancelled. Run it beside wait().
  task<> read_output();

  // Returns when it ended, its whole process group is gone and its output is read. Not cancellable; call it once.
  task<process_exit> wait();

  void terminate(); // SIGTERM to it
  void kill();      // SIGKILL to its process group

  [[nodiscard]] std::int64_t pid() const { return pid_; }

  // Processor time that it has used, all threads together.
  [[nodiscard]] duration cpu_time() const;

  // The newest lines of its output.
  [[nodiscard]] std::vector<std::string> last_lines() const { return lines_.recent(); }

private:
  child_process(asio::any_io_executor const& executor, int pid, int pidfd, int output, output_lines::handler on_line);
  void drain_output();
  process_exit blocking_reap();

  int pid_;
  bool reaped_ = false;
  asio::posix::stream_descriptor pidfd_; // readable when it has ended
  asio::posix::stream_descriptor output_;
  output_lines lines_;
};

} // namespace paddler
