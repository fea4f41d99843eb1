// Settings of the whole process, made once at its start.
#pragma once
#include <cstdint>
#include <string>

namespace paddler {

// Raises the limit on open files to what the system allows this process; each connection takes one. Returns the limit
// now in force.
std::uint64_t raise_open_file_limit();

// Writing to a closed pipe becomes an error instead of the end of the process: for servers, not for tools in a shell
// pipeline.
void ignore_broken_pipes();

// The absolute path of the program that runs; empty where the system does not tell.
std::string blocking_program_path();

} // namespace paddler
