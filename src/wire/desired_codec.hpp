// Desired state as people write it: YAML or JSON (design.md section 3.1).
#pragma once
#include "base/result.hpp"
#include "model/desired.hpp"
#include "wire/document_node.hpp"

#include <string>
#include <string_view>

namespace paddler {

// Shape only: keys, kinds and ranges. What the values mean together is core's to check. Errors: invalid_input with all
// that is wrong in `fields`, too_large. An empty text is an error, never an empty state: a file that was cut off must
// not release what it wanted.
result<desired_document> parse_desired(std::string_view text, document_format format);

// What no source set is left out; parse_desired gives the same value back.
std::string print_desired(desired_document const& document, document_format format);

} // namespace paddler
