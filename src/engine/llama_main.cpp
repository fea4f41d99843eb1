#include "engine/llama_main.hpp"

#ifdef PADDLER_LLAMA
#include "runtime/log.hpp"

#include <build-info.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <exception>

// tools/server/server.cpp
int llama_server(int argc, char** argv);
#endif

namespace paddler {

#ifdef PADDLER_LLAMA
namespace {

// The model's memory holds prompts and answers.
void close_process() {
  ::prctl(PR_SET_DUMPABLE, 0);
  ::umask(0077);
}

int run_llama(int argc, char** argv) {
  close_process();
  try {
    return llama_server(argc, argv);
  } catch (std::exception const& escaped) {
    log_error("engine.exception", escaped.what());
    return 1;
  }
}

} // namespace

llama_function llama_entry() { return run_llama; }

std::string llama_build() { return llama_build_info(); }
#else
llama_function llama_entry() { return nullptr; }

std::string llama_build() { return {}; }
#endif

} // namespace paddler
