// Short values for what an applicable state holds, so that it can be compared without being sent: its content, and of
// that what an engine's answers depend on.
#pragma once
#include "model/applicable.hpp"
#include "model/current.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

// Sixteen hexadecimal digits (FNV-1a, 64 bits; Fowler, Noll, Vo), the same on every machine; equal contents have equal
// digests. No model at all is "none". Against mistakes, not against forgery.
std::string content_digest(std::optional<applicable_model> const& model);

// What names the content of a model file: its digest; while that is not known, what its machine knows the file by.
std::string file_content(model_file const& file, std::string_view path, std::string_view machine);

// Two engines of the same identity make the same greedy answer to the same prompt: an answer that one began the other
// can go on with. `file` is file_content(), `build` names the engine's program; how many slots there are
// makes no difference to an answer. Never 0.
std::uint64_t engine_identity(applicable_model const& model, std::string_view file, std::string_view build);

} // namespace paddler
