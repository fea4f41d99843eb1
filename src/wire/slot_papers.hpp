// Headers of a slot connection's papers as text: docs/protocol.md lists them.
#pragma once
#include "model/slot_papers.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace paddler {

// X-Paddler-Resumes, as in "chat, completions". Words that are not known are passed over.
std::string print_resumable(resumable_apis apis);
resumable_apis read_resumable_apis(std::string_view words);

// X-Paddler-Identity: sixteen hexadecimal digits. 0 for what is none.
std::string print_identity(std::uint64_t identity);
std::uint64_t read_identity(std::string_view digits);

} // namespace paddler
