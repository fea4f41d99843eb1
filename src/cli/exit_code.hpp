// How a command ended, for scripts. The numbers are part of the interface (docs/cli.md).
#pragma once
#include "base/result.hpp"

namespace paddler {

enum class exit_code : int {
  success = 0,
  failure = 1,     // anything that has no code of its own
  different = 1,   // diff and plan: there is a difference; replay: it was decided otherwise
  usage = 2,       // an unknown command or flag, a value that cannot be
  trouble = 2,     // diff and plan: anything else
  unchanged = 3,   // apply --error-unchanged: nothing had to change
  not_found = 4,   // the object named does not exist
  conflict = 5,    // it changed meanwhile
  unreachable = 6, // no server answers
  invalid = 7,     // a document was refused; what is wrong stands on stderr
  timed_out = 8,
  interrupted = 130, // SIGINT
  terminated = 143,  // SIGTERM
};

exit_code exit_code_for(error_code code);

} // namespace paddler
