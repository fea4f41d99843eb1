// A paddler that knows `engine` only: what tests start as an engine's process.
#include "engine/engine_main.hpp"

int main(int argc, char** argv) { return paddler::engine_main(argc - 1, argv + 1, nullptr); }
