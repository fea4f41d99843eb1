// llama.cpp's server, where it is linked in (PADDLER_LLAMA).
#pragma once
#include "engine/engine_main.hpp"

#include <string>

namespace paddler {

// Null in builds without llama.cpp. What it gives runs the server in this process, for the rest of the process's life:
// it closes the process to debuggers and core dumps, and its socket to other users.
llama_function llama_entry();

// Its build, as in "b1-de3ff81"; empty in builds without it.
std::string llama_build();

} // namespace paddler
