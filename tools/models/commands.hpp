// The command line of paddler-make-model.
#pragma once

namespace paddler {

// Returns the exit code: 0 when the file is written, 1 when it could not be, 2 when the arguments are wrong.
int make_model(int argc, char const* const* argv);

} // namespace paddler
