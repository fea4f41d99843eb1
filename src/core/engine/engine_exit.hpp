// Why an engine's process ended, in words for the person who has to mend it.
#pragma once
#include <span>
#include <string>

namespace paddler {

// How a process ended.
struct process_exit {
  bool by_signal = false;
  int number = 0; // the signal, or the exit status
  friend bool operator==(process_exit const&, process_exit const&) = default;
};

struct exit_explanation {
  std::string reason; // how it ended, and what it said of it
  std::string hint;   // what to do; may be empty
};

// `last_lines` are the newest lines that the process wrote, oldest first. Of these the telling ones (errors, failed
// assertions, uncaught exceptions) are quoted, without the time stamps that differ from run to run.
exit_explanation explain_exit(process_exit const& exit, std::span<std::string const> last_lines);

// Whether two reasons name the same cause: equal but for their digits (addresses, sizes, line numbers, times).
bool is_same_cause(std::string const& a, std::string const& b);

} // namespace paddler
