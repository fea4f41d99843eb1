// `paddler engine ...`: what runs in an engine's process. The agent starts it; people need it for trying things only.
#pragma once
#include "base/result.hpp"
#include "engine/simulated_engine.hpp"

#include <span>

namespace paddler {

// llama.cpp's server as a function of its command line.
using llama_function = int (*)(int argc, char** argv);

// `argv[0]` is "engine". With --simulate as the first argument it runs the simulated engine, else `run_llama`, which
// may be null in builds without llama.cpp. Returns the exit status: 0 after SIGTERM, 1 when the model could not be
// loaded, 2 for a wrong command line.
int engine_main(int argc, char** argv, llama_function run_llama);

// Reads `--simulate SETTINGS --host PATH.sock [--alias NAME] [--parallel N] [--ctx-size N] [--predict N]
// [--embeddings]`. As with llama-server, --ctx-size is the context of all slots together.
result<simulated_engine_config> parse_simulated_engine(std::span<char const* const> arguments);

} // namespace paddler
