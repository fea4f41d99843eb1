// One short text for the content of an applicable state, so that two sides can compare what they hold without sending
// it.
#pragma once
#include "model/applicable.hpp"

#include <optional>
#include <string>

namespace paddler {

// Sixteen hexadecimal digits (FNV-1a, 64 bits; Fowler, Noll, Vo), the same on every machine; equal contents have equal
// digests. No model at all is "none". Against mistakes, not against forgery.
std::string content_digest(std::optional<applicable_model> const& model);

} // namespace paddler
