// One process of the built `paddler` binary.
#pragma once
#include "core/engine/engine_exit.hpp"
#include "engine/child_process.hpp"
#include "harness/names.hpp"
#include "harness/temporary_directory.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler_test {

struct process_launch {
  // Becomes HOME, TMPDIR and XDG_RUNTIME_DIR, so that nothing of the user's is read or written.
  std::string home;
  std::vector<std::string> arguments;
  std::vector<std::string> variables; // more of the environment, "NAME=VALUE" each; they win

  // As a script runs it: in that folder, with these files as standard input and standard error.
  struct redirection {
    std::string folder, input, errors;
  };

  std::optional<redirection> redirected;
};

// Started by the constructor. Lives on one executor; stop() it before it is destroyed.
class paddler_process {
public:
  paddler_process(asio::any_io_executor const& executor, process_launch launch);
  paddler_process(paddler_process const&) = delete;
  paddler_process& operator=(paddler_process const&) = delete;

  [[nodiscard]] std::int64_t pid() const { return child_->pid(); }

  [[nodiscard]] bool has_ended() const { return exit_.has_value(); }

  // What it wrote so far, standard output and standard error together; where that is redirected, standard output only.
  [[nodiscard]] std::string const& output() const { return output_; }

  // The value of a field in the first log line of this event; empty where there is none yet.
  [[nodiscard]] std::string logged(std::string_view event, std::string_view field) const;

  void signal(int number) const;

  // Until it ended by itself or by a signal; throws test_failure when it takes longer than `limit`.
  task<process_exit> wait_end(duration limit);

  // Kills it, if need be, and waits for its end.
  task<> kill();

private:
  task<> watch();

  std::shared_ptr<child_process> child_;
  std::string output_;
  std::optional<process_exit> exit_;
  wakeup ended_;
  task_group tasks_;
};

} // namespace paddler_test
