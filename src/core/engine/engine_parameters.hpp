// The engine parameters that an operator may set beyond the usual ones, each with its bounds. What is not in this list
// never reaches an engine's command line: llama-server has options that read and write files, run tools and open ports.
#pragma once
#include "base/result.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// The names, sorted.
std::vector<std::string_view> engine_parameter_names();

// The command-line arguments for `parameters`, in the order of the map. Every wrong name or value is in the error's
// fields, with the nearest name or the bounds as hint.
result<std::vector<std::string>> engine_parameter_arguments(std::map<std::string, std::string> const& parameters);

} // namespace paddler
