// Deciding again where the attempts of a request in a dump went, and folding its steps through the table of states.
#pragma once
#include "model/dump.hpp"

#include <functional>
#include <string>

namespace paddler {

// Tells each thing that no dispatcher of this version would have written, in words.
void compare_request(dumped_request const& told, std::function<void(std::string)> const& differ);

} // namespace paddler
