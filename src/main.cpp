// The one program: chooses between an engine's process and the command line.
#include "cli/cli.hpp"
#include "engine/llama_main.hpp"

#include <cstdio>
#include <exception>
#include <string_view>

int main(int argc, char** argv, char** variables) {
  try {
    // An engine's arguments are llama.cpp's own: none of ours look at them.
    if (argc > 1 && std::string_view(argv[1]) == "engine") {
      return paddler::engine_main(argc - 1, argv + 1, paddler::llama_entry());
    }
    return paddler::run_command_line(argc, argv, variables);
  } catch (std::exception const& escaped) {
    std::fprintf(stderr, "paddler: %s; this is a bug, please report it\n", escaped.what());
    return 1;
  }
}
