// Where engines run: in child processes of this machine, unless a simulation takes their place (sim/).
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/engine/engine_command.hpp"
#include "core/engine/engine_exit.hpp"
#include "engine/output_lines.hpp"
#include "runtime/task.hpp"

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

// A running (or ended, not yet awaited) engine. Lives on one executor.
class engine_child {
public:
  engine_child() = default;
  virtual ~engine_child() = default;
  engine_child(engine_child const&) = delete;
  engine_child& operator=(engine_child const&) = delete;

  // Reads its output until it ends, or the task is cancelled. Run it beside wait().
  virtual task<> read_output() = 0;

  // Returns when it ended and its output is read. Not cancellable; call it once.
  virtual task<process_exit> wait() = 0;

  virtual void terminate() = 0; // asks it to end
  virtual void kill() = 0;      // ends it

  [[nodiscard]] virtual std::int64_t pid() const = 0;

  // Processor time that it has used, all threads together.
  [[nodiscard]] virtual duration cpu_time() const = 0;

  // The newest lines of its output.
  [[nodiscard]] virtual std::vector<std::string> last_lines() const = 0;
};

class engine_host {
public:
  engine_host() = default;
  virtual ~engine_host() = default;
  engine_host(engine_host const&) = delete;
  engine_host& operator=(engine_host const&) = delete;

  // Makes the folders (missing ones, for this user only), removes what an earlier engine left under these names, and
  // writes the chat template where there is one.
  virtual result<void> blocking_prepare(std::vector<std::string> const& folders, engine_files const& files,
                                        std::string const& chat_template) = 0;

  // `on_line` gets each line of output.
  virtual result<std::shared_ptr<engine_child>> start(asio::any_io_executor const& executor,
                                                      child_command const& command, output_lines::handler on_line) = 0;

  // Removes an ended engine's files.
  virtual void blocking_clean(engine_files const& files) = 0;
};

// Child processes, sockets and files of this machine.
std::shared_ptr<engine_host> machine_engine_host();

} // namespace paddler
