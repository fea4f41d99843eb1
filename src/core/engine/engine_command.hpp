// From an engine specification to the command line of its process. Pure: nothing is read, nothing is started.
#pragma once
#include "base/result.hpp"
#include "core/engine/engine_simulation.hpp"
#include "core/engine/engine_spec.hpp"

#include <string>
#include <vector>

namespace paddler {

enum class engine_kind {
  built_in,     // `paddler engine`: the llama.cpp that is linked into this binary
  llama_server, // another llama-server (CUDA, Vulkan, Metal, ROCm); llama.cpp's builds since November 2025
  simulated,    // `paddler engine --simulate`
};

// Which program serves.
struct engine_program {
  engine_kind kind = engine_kind::built_in;
  std::string path;                  // llama_server: the executable; the others run the binary that runs this
  engine_simulation simulation = {}; // simulated only
  bool verbose = false; // llama.cpp's lines of level info, some for each request; otherwise warnings and errors
  friend bool operator==(engine_program const&, engine_program const&) = default;
};

// What the supervisor laid out for one process.
struct engine_files {
  std::string socket_path;        // absolute, at most max_socket_path_bytes, ends in ".sock"
  std::string chat_template_path; // holds engine_spec::chat_template; unused where that is empty
};

// sockaddr_un holds 108 bytes, the last of them zero.
inline constexpr std::size_t max_socket_path_bytes = 107;

// The arguments after the program's name (argv[1] and on). The error's fields name what is wrong with the
// specification, all of it at once.
result<std::vector<std::string>> engine_arguments(engine_program const& program, engine_spec const& spec,
                                                  engine_files const& files);

// What llama_server makes of `context_per_slot`: the next multiple of 256. The built-in engine keeps it exact.
int padded_context(int context_per_slot);

// The environment of an engine: of `environment` ("NAME=VALUE" each) only what devices, sanitizers and the language
// need, so that no key, token or llama.cpp setting of the agent's own reaches it. `config_directory`, an empty folder,
// keeps a user's llama.cpp configuration file out.
std::vector<std::string> engine_environment(std::vector<std::string> const& environment,
                                            std::string const& config_directory);

} // namespace paddler
